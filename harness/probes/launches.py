"""How many kernels one call launches on a GPU, from torch's own profile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.probes.peak import TraceEvent
from harness.processes.live import temporary_folder

if TYPE_CHECKING:
    import torch

SOURCE = "kernels in torch's CUDA profile"


def launches(call: Callable[[], object], device: torch.device) -> tuple[int, str]:
    """Kernels that one ``call`` launches on ``device`` (a CUDA ``torch.device``), and where the
    number comes from.

    Copies and fills do not count. Raises whatever the call or the profiler raises.
    """
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize(device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        call()
        torch.cuda.synchronize(device)
    with temporary_folder() as folder:
        trace = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(trace))
        return kernels(json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]), SOURCE


def kernels(events: Iterable[TraceEvent]) -> int:
    """The number of kernels among a chrome trace's events."""
    return sum(1 for event in events if event.get("cat") == "kernel")
