"""non_blocking=True makes copies of pageable memory faster, and so does pinning inside the loop.

Why: A pageable copy goes through pinned memory of the driver's whatever the flag. Pinning in the loop is a
copy on the CPU more. Copies to the CPU that nothing waits for give values that are not there yet.

Source: today's folklore; PyTorch's tutorial on pin_memory.
"""

import torch

from harness import claim, must_raise


@claim("F13", expect="lower", needs="cuda")
def bench_pageable_copies(compare, device):
    host = torch.randn(2**22)
    there = host.to(device)

    def unsynchronised():
        """Values as they are when the copy returns, behind work that keeps the GPU busy."""
        busy = torch.randn(4096, 4096, device=device)
        for _ in range(20):
            busy = busy @ busy.clamp(-1, 1)
        late = (there + 0 * busy.flatten()[: len(there)].nan_to_num()).to("cpu", non_blocking=True)
        torch.testing.assert_close(late.clone(), host)

    on_gpu = device.type == "cuda"
    read_early = {"read_early": must_raise(AssertionError, unsynchronised)} if on_gpu else {}
    compare(
        baseline=lambda: host.to(device),
        non_blocking=lambda: host.to(device, non_blocking=True),
        pinned_in_loop=lambda: host.pin_memory().to(device, non_blocking=True) if on_gpu else host.clone(),
        **read_early,
        same=lambda expected, got: torch.equal(got.cpu(), expected.cpu()),
        bytes=2 * host.nbytes,
    )
