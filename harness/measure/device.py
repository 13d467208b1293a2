"""The device to measure on: by the name that a user typed, shared with another process, still of use.

A GPU always has its index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

from harness.errors import UsageError


def chosen(name: str) -> torch.device:
    """The ``torch.device`` of that name; ``auto`` is the GPU where torch sees one, else the CPU.

    Raises UsageError if there is no such device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device: 'cuda' is not available: torch sees no CUDA device here; choose auto or cpu"
        )
    return indexed(torch.device(name))


def indexed(device: torch.device) -> torch.device:
    """The same ``torch.device`` with an index where it is a GPU: torch's current one where none is given.

    Some of torch's functions refuse a CUDA device without an index
    (`torch.cuda.set_per_process_memory_fraction`), and libraries that count GPUs themselves would take the
    first one. CUDA is not started for it: until it has been, the current device is the first.
    """
    import torch

    if device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", torch.cuda.current_device() if torch.cuda.is_initialized() else 0)


def share_device(device: torch.device) -> None:
    """Leave the other side of a gate its half of the device's memory: both keep theirs all the time."""
    import torch

    torch.cuda.set_per_process_memory_fraction(0.48, device)


def poisoned(device: torch.device) -> bool:
    """Whether the CUDA context of this process has failed for good, as after a device-side assertion."""
    if device.type != "cuda":
        return False
    import torch

    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
