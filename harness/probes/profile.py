"""The profiler's pass: a short window of one call under torch's profiler, as a Chrome trace. Never
a timed round.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from harness.model import ITERATION_MARK, WAIT_MARK, WINDOW_MARK
from harness.probes.waits import marking
from harness.processes.live import temporary_folder
from harness.store.whole_file import whole_file

if TYPE_CHECKING:
    import torch

WINDOW_SECONDS = 0.05
"""Seconds that the window is to last: enough iterations to be typical, few enough for a small file."""

MOST_ITERATIONS = 50

TRIED = 5
"""Calls that are timed to know how many a window holds, where they are short."""


@dataclass(frozen=True, slots=True)
class ProfiledPass:
    """What a pass took, per iteration in seconds, without the profiler and with it, right after
    each other.
    """

    iterations: int
    seconds: float
    traced_seconds: float


def profile(call: Callable[[], object], device: torch.device, file: Path) -> ProfiledPass:
    """Trace a window of calls into ``file`` (gzip, in the Chrome format that Perfetto opens).

    Three windows of equally many calls: the profiler waits in the first, which gives the time
    without it, warms up in the second and records the third. Each iteration and each wait of a
    loader's loop is marked. ``device`` is a ``torch.device``. Raises whatever the call, torch's
    profiler or the file raises; nothing is left of a file that was not finished.
    """
    import torch
    from torch.profiler import ProfilerActivity, record_function, schedule
    from torch.profiler import profile as profiler

    cuda = getattr(device, "type", "cpu") == "cuda"

    def settle() -> None:
        if cuda:
            torch.cuda.synchronize(device)

    def plain_window() -> None:
        for _ in range(iterations):
            call()
        settle()

    def marked_window() -> None:
        with marking(lambda: record_function(WAIT_MARK)), record_function(WINDOW_MARK):
            for _ in range(iterations):
                with record_function(ITERATION_MARK):
                    call()
            settle()

    iterations = _iterations(call, settle)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    took: list[float] = []
    with temporary_folder() as folder:
        plain = Path(folder) / "trace.json"
        with profiler(
            activities=activities,
            schedule=schedule(wait=1, warmup=1, active=1, repeat=1),
            on_trace_ready=lambda seen: seen.export_chrome_trace(str(plain)),
        ) as seen:
            for window in (plain_window, marked_window, marked_window):
                settle()
                start = perf_counter()
                window()
                took.append(perf_counter() - start)
                seen.step()
        _pack(plain, file)
    return ProfiledPass(iterations, took[0] / iterations, took[2] / iterations)


def _iterations(call: Callable[[], object], settle: Callable[[], None]) -> int:
    """As many as a window holds by the quickest of a few calls: the first may be slow, and so may any."""
    settle()
    took: list[float] = []
    while len(took) < TRIED and sum(took) < WINDOW_SECONDS:
        start = perf_counter()
        call()
        settle()
        took.append(perf_counter() - start)
    return max(1, min(MOST_ITERATIONS, round(WINDOW_SECONDS / max(min(took), 1e-9))))


def _pack(plain: Path, file: Path) -> None:
    """Compress the trace; the file is there when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        whole_file(file) as draft,
        plain.open("rb") as source,
        gzip.open(draft, "wb", compresslevel=6) as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)
