"""Hold our numbers of a GPU trace against HolisticTraceAnalysis's: kernel totals and busy time within 1 %.

Usage: python scripts/trace_against_hta.py TRACE [TRACE ...]   (needs HolisticTraceAnalysis: the group
    "traces")
"""

from __future__ import annotations

import gzip
import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from harness.profile.chunks import opened
from harness.profile.events import LONGEST_NAME, EventKind, read
from harness.profile.intervals import length
from harness.profile.summary import busiest, busy_times, summary

LIMIT = 0.01


def main() -> int:
    """Compare each trace named; the exit status says whether all agree."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    logging.disable(logging.CRITICAL)
    agree = [compare(Path(name)) for name in sys.argv[1:]]
    return 0 if all(agree) else 1


def compare(path: Path) -> bool:
    """Print both tools' figures side by side."""
    start = perf_counter()
    events = read(path)
    device = busiest(events)
    ours_took = perf_counter() - start
    if device is None:
        print(f"{path.name}: no GPU in it")
        return True
    start = perf_counter()
    busy, span, kernels = theirs(path)
    theirs_took = perf_counter() - start
    # HTA leaves out what was launched before the trace began; our busy time has it.
    launched = np.isin(device.correlation, events.correlation[events.kind == EventKind.CALL])
    left_out = int((~launched).sum())
    device = device.chosen(launched)
    times = busy_times(device)
    own = device.chosen(device.kind == EventKind.KERNEL)
    sums = np.bincount(own.name, own.seconds, minlength=len(own.names))
    rows = [
        ("busy", length(times), busy),
        ("from first to last", float(device.end.max() - device.start.min()), span),
        ("all kernels", float(own.seconds.sum()), sum(kernels.values())),
        *(
            (own.names[index][:60], float(sums[index]), kernels.get(own.names[index], 0.0))
            for index in np.argsort(-sums)[:5].tolist()
            if sums[index]
        ),
    ]
    print(
        f"{path.name}: {len(own.name)} kernels ({left_out} events without a launch left out); "
        f"read in {ours_took:.2f} s, by HTA in {theirs_took:.2f} s"
    )
    agree = True
    for name, mine, other in rows:
        off = abs(mine - other) / other if other else float(mine != 0)
        agree &= off <= LIMIT
        print(f"  {name:60}  {1e3 * mine:12.4f} ms  {1e3 * other:12.4f} ms  off by {100 * off:.3f} %")
    ours_ = summary(events)
    idle = sum(getattr(ours_, f"idle_{part}_seconds") for part in ("loader", "host", "sync", "copy", "other"))
    off = abs(ours_.busy_seconds + idle - ours_.wall_seconds) / ours_.wall_seconds
    print(f"  busy and idle parts against the wall: off by {100 * off:.6f} %")
    return agree and off <= LIMIT


def theirs(path: Path) -> tuple[float, float, dict[str, float]]:
    """HTA's busy seconds, the span they are in, and seconds by kernel. It counts all GPUs of a trace as
    one."""
    # HTA cuts every time down to whole microseconds unless this is set.
    os.environ["HTA_DISABLE_NS_ROUNDING"] = "1"
    from hta.trace_analysis import TraceAnalysis

    with TemporaryDirectory(prefix="tipbench-") as folder:
        copy = Path(folder) / "trace.json.gz"
        with opened(path) as source, gzip.open(copy, "wb", compresslevel=1) as target:
            while piece := source.read(2**20):
                target.write(piece)
        analysis = TraceAnalysis(
            trace_files={0: str(copy)}, trace_dir=folder, include_last_profiler_step=True
        )
        whole = analysis.get_temporal_breakdown(visualize=False).iloc[0]
        _, by_name = analysis.get_gpu_kernel_breakdown(
            visualize=False, duration_ratio=1.0, num_kernels=10**6, include_memory_kernels=False
        )
    columns = {name.partition("(")[0].strip(): name for name in [*whole.index, *by_name.columns]}
    unit = 1e-9 if columns["kernel_time"].endswith("(ns)") else 1e-6
    span = float(whole[columns["kernel_time"]]) * unit
    idle = float(whole[columns["idle_time"]]) * unit
    unit = 1e-9 if columns["sum"].endswith("(ns)") else 1e-6
    sums = by_name.groupby("name")[columns["sum"]].sum() * unit
    return span - idle, span, {str(name)[:LONGEST_NAME]: float(value) for name, value in sums.items()}


if __name__ == "__main__":
    sys.exit(main())
