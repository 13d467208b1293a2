"""torch.cuda.empty_cache() in every step frees memory for others, and costs no time.

Why: It returns unused blocks to the driver, which other processes can then use. The next step asks the driver
for them again, which is slow; a process of its own gains nothing.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch

from harness import claim

SIDES = {"cpu": 128, "cuda": 2048}


@claim("M8", expect="same", margin=0.05, needs="cuda", apart=True)
def bench_empty_cache(compare, device):
    x, weight = torch.randn(2, SIDES[device.type], SIDES[device.type], device=device)

    def step():
        return (x @ weight).relu().sum()

    def emptied():
        result = step()
        torch.cuda.empty_cache()
        return result

    compare(
        baseline=step, empty_cache=emptied, same=torch.testing.assert_close, flops=2 * SIDES[device.type] ** 3
    )
