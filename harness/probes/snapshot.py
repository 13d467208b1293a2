"""Snapshots of torch's CUDA allocator: every allocation of one call with the lines of Python that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    import torch

MOST_EVENTS = 100_000
"""Allocations and frees that are kept; the latest where a call makes more."""


class NoSnapshot(HarnessError):
    """This torch, or this device, keeps no history of its memory; the message names it."""


def snapshot(call: Callable[[], object], device: torch.device) -> dict[str, Any]:
    """Segments, blocks and the events of one ``call``, as ``torch.cuda.memory._snapshot`` gives
    them: plain data.

    Raises NoSnapshot, and whatever the call raises. Recording slows the call down: its time is not kept.
    """
    import torch

    if getattr(device, "type", str(device)) != "cuda":
        raise NoSnapshot("torch keeps a history of memory on CUDA devices only")
    try:
        record, take = torch.cuda.memory._record_memory_history, torch.cuda.memory._snapshot
    except AttributeError as error:
        raise NoSnapshot(f"this torch keeps no history of its memory: {error}") from error
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    record("all", context="alloc", stacks="python", max_entries=MOST_EVENTS)
    try:
        call()
        torch.cuda.synchronize(device)
        taken: dict[str, Any] = take(device)
        return taken
    finally:
        record(None)
