"""The most bytes alive at once in one call, as torch's allocators see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CPU_SOURCE = "torch CPU profile"
CUDA_SOURCE = "torch CUDA allocator"
_MARK = "tipbench: the call whose memory counts"


def peak_bytes(call: Callable[[], object], device: Any) -> tuple[int, str]:
    """Most bytes alive at once during one ``call``, above the level at its start, and where the number comes from.

    The result counts while the call has not returned, tensors that lived before do not. ``device`` is a
    ``torch.device``; on the CPU the call is made twice, and the second one is looked at. Memory that libraries take
    past torch's allocators (oneDNN scratch pads, DALI, library handles) is not in it. A first call may include
    workspaces that later calls find there: warm up first. Raises whatever the call or torch's profiler raises, and
    ValueError for a device that is neither CPU nor CUDA.
    """
    kind = getattr(device, "type", str(device))
    if kind == "cuda":
        return _cuda_peak(call, device), CUDA_SOURCE
    if kind == "cpu":
        return _cpu_peak(call), CPU_SOURCE
    raise ValueError(f"no peak memory on {kind}: the probe knows cpu and cuda")


def _cuda_peak(call: Callable[[], object], device: Any) -> int:
    import torch

    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device)) - int(before)


def _cpu_peak(call: Callable[[], object]) -> int:
    # The profiler of torch.autograd rather than torch.profiler: both write the same memory events, but the latter
    # first looks for GPUs through CUPTI, which takes seconds.
    from torch.autograd.profiler import profile, record_function

    with profile(profile_memory=True) as seen:
        # The CPU allocator does not report that a tensor from before the profile is freed, so a call that replaces old
        # state (gradients, say) would seem to need it twice. What the first call allocates, the second is seen to free.
        call()
        with record_function(_MARK):
            call()
    with TemporaryDirectory(prefix="tipbench-") as folder:
        trace = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return marked_peak(events)


def marked_peak(events: Iterable[Mapping[str, Any]]) -> int:
    """The peak of a chrome trace's ``[memory]`` events within the marked call, in bytes above the level at its start.

    At least 0. Events of other devices are none of its business. Raises ValueError where nothing is marked.
    """
    memory: list[tuple[float, int]] = []
    start = None
    for event in events:
        if event.get("name") == "[memory]" and event["args"].get("Device Type", 0) == 0:
            memory.append((event["ts"], int(event["args"]["Bytes"])))
        elif event.get("name") == _MARK and event.get("ph") == "X":
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
