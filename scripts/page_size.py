"""How large a page becomes and how long it takes, start-up included: a made-up run of the claims that come
with tipbench, or any real one.

    python scripts/page_size.py [--cases 113] [--run results/...]

Each case has three variants beside the baseline, 14 invocations of 12 blocks, and details as a loader's has
them. Ten minutes of readings of a GPU and of the host are beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from statistics import median

from harness.claims.folder import read
from harness.model import BASELINE, Activity, Claim, Measurement, SensorReading, Span, Trial, Work
from harness.store import (
    TelemetryWriter,
    TimelineWriter,
    load,
    open_invocation,
    open_run,
    write_measurement,
)

ROOT = Path(__file__).resolve().parents[1]
VARIANTS, INVOCATIONS, BLOCKS, TIMES = 3, 14, 12, 5
SECONDS = 600
READ = {
    "GPU-0": ("used_bytes", "sm_clock_hertz", "power_watts", "temperature_celsius"),
    "host": ("load", "busy_cores", "pressure_cpu", "pressure_memory", "pressure_io"),
}


def main() -> None:
    """Print bytes and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=113)
    parser.add_argument("--run", type=Path, help="a saved run instead")
    parser.add_argument("--keep", type=Path, help="where to leave the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.run or synthesized(Path(scratch) / "run", options.cases)
        page = options.keep or Path(scratch) / "page.html"
        cases = len({measurement.case for measurement in load(folder).measurements})
        plain = [seconds("report", str(folder)) for _ in range(TIMES)]
        paged = [seconds("report", str(folder), "--html", str(page)) for _ in range(TIMES)]
        print(f"{cases} cases: page of {page.stat().st_size / 1e6:.2f} MB")
        for label, found in (("report", plain), ("report --html", paged)):
            print(f"{label}: {median(found):.2f} s (median of {TIMES}, {min(found):.2f} to {max(found):.2f})")


def seconds(*arguments: str) -> float:
    """Wall time of one command from start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "harness", *arguments], check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def synthesized(folder: Path, cases: int) -> Path:
    """A run of so many cases, half of them loaders'."""
    dice = random.Random(0)
    claims = read(ROOT / "benchmarks").claims
    names = {
        f"{claim.path}::{claim.function}[size{index // len(claims)}-float32]": claim
        for index, claim in zip(range(cases), cycle(claims), strict=False)
    }
    writer = open_run(
        folder, list(claims), started="2026-01-02T03:04:05+00:00", budget=600.0, profile="standard"
    )
    effects = {
        name: [dice.choice((0.3, 0.9, 0.99, 1.0, 1.01, 1.3)) for _ in range(VARIANTS)] for name in names
    }
    for invocation in range(1, INVOCATIONS + 1):
        inner = open_invocation(
            folder, f"invocation-{invocation:03}", environment=environment(), planned=list(names)
        )
        for name, claim in names.items():
            write_measurement(inner, measurement(dice, name, claim, invocation, effects[name]))
        inner.close()
    writer.write("end", why="everything was decided")
    writer.close()
    meanwhile(dice, folder, list(names))
    return folder


def meanwhile(dice: random.Random, folder: Path, names: list[str]) -> None:
    """Readings five times a second, and a span for the set-up and the rounds of each measurement."""
    watch = TelemetryWriter(folder, hertz=5.0, start=0.0)
    timeline = TimelineWriter(folder, 0.0)
    each = SECONDS / INVOCATIONS / len(names)
    for number in range(INVOCATIONS * len(names)):
        invocation, case = number // len(names) + 1, names[number % len(names)]
        begin = number * each
        moments = [tick / 5 for tick in range(math.ceil(5 * begin), math.ceil(5 * (begin + each)))]
        readings = [
            SensorReading(moment, device, quantity, dice.lognormvariate(1, 0.2))
            for device, quantities in READ.items()
            for quantity in quantities
            for moment in moments
        ]
        watch.readings([(case, invocation, readings)])
        for activity, start, end in ((Activity.SET_UP, 0.0, 0.2), (Activity.ROUNDS, 0.2, 1.0)):
            span = Span(invocation, activity, begin + start * each, begin + end * each, case, invocation)
            timeline.span(span)
    watch.end(0.003)
    timeline.end(SECONDS)


def measurement(
    dice: random.Random, name: str, claim: Claim, invocation: int, effects: list[float]
) -> Measurement:
    """One invocation of a case."""
    trials = []
    for index, effect in enumerate((1.0, *effects)):
        metrics = (
            ("seconds", "cpu_seconds", "wait_seconds", "first_batch_seconds")
            if claim.loader
            else ("seconds",)
        )
        samples = {
            metric: tuple(1e-3 * effect * dice.lognormvariate(0, 0.01) for _ in range(BLOCKS))
            for metric in metrics
        }
        solo = (
            {"pss_bytes": 2.0**28 * (1 + index), "threads_left": 0.0} if claim.loader else {"launches": 12.0}
        )
        trials.append(
            Trial(BASELINE if not index else f"variant_{index}", samples=samples, solo=solo, first_seconds=0.2,
                  exact={"peak_bytes": 2.0**20 * (1 + index)}, sources=dict.fromkeys(solo, "a pass of its own"))
        )  # fmt: skip
    work = Work(items=64) if claim.loader else Work(flops=1e9, bytes=1e6)
    return Measurement(name, claim.name, invocation, trials=tuple(trials), work=work, seconds=3.0)


def environment() -> dict[str, object]:
    """As much as a real one has."""
    return {
        "machine_id": "0", "machine": {"cpu": "Some CPU", "cores": 16, "usable_cores": 16, "memory_bytes": 2**37},
        "gpus": [{"name": "Some GPU", "memory_bytes": 2**36}], "driver": {"version": "570.1", "cuda": "12.8"},
        "software": {"torch": "2.14.1", "python": "3.11.7"},
        "flags": json.loads(json.dumps({f"flag_{n}": False for n in range(60)})),
    }  # fmt: skip


if __name__ == "__main__":
    main()
