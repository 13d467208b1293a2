"""Print what a run of a million samples costs: to write, to load, to turn into a pandas frame, to judge and
show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console

from harness.model import BASELINE, Claim, Measurement, Trial
from harness.report.builders.run import run_document
from harness.report.render.terminal import show_document
from harness.store import load, open_invocation, open_run, write_measurement

CASES, VARIANTS, BLOCKS, INVOCATIONS = 60, 4, 30, 28
METRICS = ("seconds", "host_seconds", "wait_seconds", "first_batch_seconds", "cpu_seconds")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took."""
    start = perf_counter()
    yield
    print(f"{what:<44}{perf_counter() - start:8.2f} s", flush=True)


def measurements(claims: list[Claim], random: Random, invocation: int) -> Iterator[Measurement]:
    """One invocation of every case, with numbers as long as real ones."""
    for claim in claims:
        trials = tuple(
            Trial(name, iterations=9,
                  samples={metric: tuple(random.gauss(1e-3, 1e-5) for _ in range(BLOCKS)) for metric in METRICS},
                  exact={"peak_bytes": 4096.0}, sources={"peak_bytes": "torch CPU profile"})
            for name in (BASELINE, *(f"variant_{n}" for n in range(1, VARIANTS)))
        )  # fmt: skip
        yield Measurement(
            f"{claim.path}::{claim.function}", claim.name, invocation, trials=trials, seconds=1.0
        )


def main() -> None:
    """Write, load, frame, judge; the figures go to the standard output."""
    random = Random(1)
    claims = [Claim(f"X{n}", "A claim.", f"bench_x{n}.py", f"bench_x{n}") for n in range(CASES)]
    with TemporaryDirectory(prefix="tipbench-million-") as scratch:
        folder = Path(scratch)
        writer = open_run(folder, claims)
        with timed(f"write {INVOCATIONS * CASES} records, each synced"):
            for invocation in range(1, INVOCATIONS + 1):
                inner = open_invocation(folder, f"invocation-{invocation:03}", environment={}, planned=[])
                for measurement in measurements(claims, random, invocation):
                    write_measurement(inner, measurement)
                inner.close()
        writer.write("end", why="everything was decided")
        writer.close()
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{CASES * VARIANTS * len(METRICS) * BLOCKS * INVOCATIONS} samples in {size / 2**20:.1f} MiB")
        with timed("load"):
            run = load(folder)
        with timed("import pandas and the frames' module"):
            from harness.report.frames import samples_frame, verdicts_frame
        with timed("samples_frame"):
            frame = samples_frame(run)
        print(f"{len(frame)} rows, {frame.memory_usage(deep=True).sum() / 2**20:.1f} MiB")
        with timed("verdicts_frame (judges)"):
            verdicts_frame(run)
        with timed("show a run (judges)"):
            show_document(run_document(run), Console(file=io.StringIO(), width=120))


if __name__ == "__main__":
    main()
