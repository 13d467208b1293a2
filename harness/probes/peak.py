"""What one call takes of memory, as torch's allocators see it: most bytes alive at once, and what
that cost them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from harness.probes.pinned import account
from harness.processes.live import temporary_folder

if TYPE_CHECKING:
    import torch

CPU_SOURCE = "torch CPU profile"
CUDA_SOURCE = "torch CUDA allocator"
PINNED_SOURCE = "torch's allocator of page-locked memory, which rounds up to powers of two"

ALLOCATOR = ("peak_bytes", "reserved_bytes", "allocation_retries", "ooms", "pinned_bytes")
"""What the pass for memory reads; on the CPU there is the first alone."""

MEMORY = ALLOCATOR[0]
"""The reading that stands for all of them: one pass reads them together."""

Reading = tuple[float, str]
MARK = "tipbench: the call whose memory counts"


def peak_bytes(call: Callable[[], object], device: torch.device) -> tuple[int, str]:
    """Most bytes alive at once during one ``call``, above the level at its start, and where the
    number comes from.

    The result counts while the call has not returned, tensors that lived before do not. ``device``
    is a ``torch.device``; on the CPU the call is made twice, and the second one is looked at.
    Memory that libraries take past torch's allocators (oneDNN scratch pads, DALI, library handles)
    is not in it. A first call may include workspaces that later calls find there: warm up first.
    Raises whatever the call or torch's profiler raises, and ValueError for a device that is neither
    CPU nor CUDA.
    """
    kind = getattr(device, "type", str(device))
    if kind == "cuda":
        return _cuda_peak(call, device), CUDA_SOURCE
    if kind == "cpu":
        return _cpu_peak(call), CPU_SOURCE
    raise ValueError(f"no peak memory on {kind}: the probe knows cpu and cuda")


def allocations(call: Callable[[], object], device: torch.device) -> dict[str, Reading]:
    """Those of `ALLOCATOR` that one ``call`` has on this device, each with its source; raises as
    `peak_bytes` does.

    Bytes are above the level at the start. Before the call the pool is emptied, so that what it
    reserves does not depend on what others left there; ``allocation_retries`` counts how often it
    had to be emptied for an allocation, ``ooms`` what found no memory all the same.
    ``pinned_bytes`` is there only where the call uses such memory.
    """
    if getattr(device, "type", str(device)) != "cuda":
        peak, source = peak_bytes(call, device)
        return {"peak_bytes": (float(peak), source)}
    pinned_account = account()  # tried before anything is watched
    before, host_before, after, host_after = _watched(call, device)
    found: dict[str, Reading] = {
        "peak_bytes": (_above(before, after, "allocated_bytes.all"), CUDA_SOURCE),
        "reserved_bytes": (_above(before, after, "reserved_bytes.all"), CUDA_SOURCE),
        "allocation_retries": (_more(before, after, "num_alloc_retries"), CUDA_SOURCE),
        "ooms": (_more(before, after, "num_ooms"), CUDA_SOURCE),
    }
    if pinned := _above(host_before, host_after, pinned_account):
        found["pinned_bytes"] = pinned, PINNED_SOURCE
    return found


Stats = Mapping[str, Any]

TraceArguments = TypedDict(
    "TraceArguments", {"Device Type": int, "Bytes": int | str, "Addr": int | str}, total=False
)
"""What torch's profiler adds to an event of the allocators."""


class TraceEvent(TypedDict, total=False):
    """An event of a Chrome trace, as far as it is read here; ``ts`` and ``dur`` are microseconds."""

    name: str
    cat: str
    ph: str
    ts: float
    dur: float
    tid: object
    args: TraceArguments


def _watched(call: Callable[[], object], device: torch.device) -> tuple[Stats, Stats, Stats, Stats]:
    """The allocators' accounts before and after a call whose peaks start anew."""
    import torch

    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    before, host_before = torch.cuda.memory_stats(device), torch.cuda.host_memory_stats()
    torch.cuda.reset_peak_memory_stats(device)
    torch.cuda.reset_peak_host_memory_stats()
    call()
    torch.cuda.synchronize(device)
    return before, host_before, torch.cuda.memory_stats(device), torch.cuda.host_memory_stats()


def _above(before: Stats, after: Stats, name: str) -> float:
    return float(after.get(f"{name}.peak", 0)) - float(before.get(f"{name}.current", 0))


def _more(before: Stats, after: Stats, name: str) -> float:
    return float(after.get(name, 0)) - float(before.get(name, 0))


def _cuda_peak(call: Callable[[], object], device: torch.device) -> int:
    before, _, after, _ = _watched(call, device)
    return int(_above(before, after, "allocated_bytes.all"))


def _cpu_peak(call: Callable[[], object]) -> int:
    return marked_peak(memory_events(call))


def memory_events(
    call: Callable[[], object], settle: Callable[[], object] = lambda: None
) -> list[TraceEvent]:
    """A Chrome trace's events of two calls with every allocation, the second call marked with `MARK`."""
    # The profiler of torch.autograd rather than torch.profiler: both write the same memory events,
    # but the latter first looks for GPUs through CUPTI, which takes seconds.
    from torch.autograd.profiler import profile, record_function

    with profile(profile_memory=True) as seen:
        # The CPU allocator does not report that a tensor from before the profile is freed, so a
        # call that replaces old state (gradients, say) would seem to need it twice. What the first
        # call allocates is freed in the second, and that is recorded.
        call()
        settle()
        with record_function(MARK):
            call()
            settle()
    with temporary_folder() as folder:
        trace = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(trace))
        events: list[TraceEvent] = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return events


def marked_peak(events: Iterable[TraceEvent]) -> int:
    """The peak of a chrome trace's ``[memory]`` events within the marked call, in bytes above the
    level at its start.

    At least 0. Events of other devices are none of its business. Raises ValueError where nothing is marked.
    """
    memory: list[tuple[float, int]] = []
    start = None
    for event in events:
        if event.get("name") == "[memory]" and event["args"].get("Device Type", 0) == 0:
            memory.append((event["ts"], int(event["args"]["Bytes"])))
        elif event.get("name") == MARK and event.get("ph") == "X":
            start = event["ts"]
    if start is None:
        raise ValueError("torch's profile does not hold the call that was to be looked at")
    # A stable sort by time alone: events of the same instant stay in the order in which they were recorded.
    memory.sort(key=lambda change: change[0])
    alive = peak = 0
    for moment, change in memory:
        if moment >= start:
            alive += change
            peak = max(peak, alive)
    return peak
