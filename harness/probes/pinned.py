"""Page-locked host memory as torch counts it, where one of its accounts only ever grows."""

from __future__ import annotations

from functools import cache

from harness.probes.probe import Probe, ProbeReading, ProbeReadings

ACTIVE = "active_bytes"
"""Bytes of blocks that tensors use now."""

OWNED = "allocated_bytes"
"""All page-locked bytes, those that wait to be used again included."""

SMALL = 1024


@cache
def account() -> str:
    """The name of the account that can be trusted, among those of ``torch.cuda.host_memory_stats``;
    starts CUDA.

    Some builds of torch 2.11 and earlier never subtract from the active bytes what was freed. It is
    tried once in a process: after two small blocks were pinned and dropped the account must be
    where it was.
    """
    import torch

    def active() -> int | None:
        found = torch.cuda.host_memory_stats().get(f"{ACTIVE}.current")
        return None if found is None else int(found)

    if (before := active()) is None:
        return OWNED
    for _ in range(2):
        torch.empty(SMALL, dtype=torch.uint8).pin_memory()
    after = active()
    return ACTIVE if after is not None and after <= before else OWNED


def pinned_now() -> int:
    """Page-locked bytes now, by the account that can be trusted; 0 where CUDA was not started."""
    return _read("current")


def pinned_peak() -> int:
    """The most page-locked bytes so far, waiting ones included; 0 where CUDA was not started."""
    return _read("peak", OWNED)


def _read(which: str, name: str | None = None) -> int:
    import torch

    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return 0
    return int(torch.cuda.host_memory_stats().get(f"{name or account()}.{which}", 0))


class PinnedMemoryProbe(Probe):
    """The most page-locked memory so far; nothing where CUDA was not started."""

    name = "page-locked memory"
    metrics = ("pinned_bytes",)

    def read(self) -> ProbeReadings:
        """Torch's own peak."""
        peak = pinned_peak()
        return {"pinned_bytes": ProbeReading(float(peak), "torch.cuda.host_memory_stats")} if peak else {}
