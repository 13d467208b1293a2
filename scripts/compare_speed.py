"""Print what comparing costs: 200 saved runs with one million samples in all, by the commands as people type
them.

Every figure is of a fresh process, start-up included: the middle of several, and the most memory of any. Runs
are as `bench` writes them; half-way the time of one variant becomes 4 % longer, so that the trend has
something to find.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

from harness.cli.parser import positive
from harness.model import BASELINE, Claim, EndReason, Measurement, RunEnd, Trial
from harness.store import new_run_folder, open_invocation, open_run, write_end, write_measurement

CLAIMS, VARIANTS, BLOCKS, INVOCATIONS = 15, 3, 16, 7
SAMPLES = CLAIMS * VARIANTS * BLOCKS * INVOCATIONS
ENVIRONMENT: dict[str, object] = {
    "machine_id": "0123456789ab",
    "machine": {"cpu": "Some CPU", "cores": 8, "usable_cores": 8, "memory_bytes": 2**35, "system": "Linux"},
    "gpus": [],
    "driver": {},
    "software": {"torch": "2.14.1", "python": "3.11.7"},
    "flags": {},
    "variables": {},
    "git": None,
    "warnings": [],
}


def write_run(results: Path, number: int, count: int, invocations: int = INVOCATIONS) -> None:
    """One run of ``invocations`` processes, as `bench` saves it."""
    random = Random(number)
    started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    claims = [Claim(f"X{n}", f"Claim {n} is true.", f"bench_x{n}.py", f"bench_x{n}") for n in range(CLAIMS)]
    folder = new_run_folder(results, started)
    writer = open_run(folder, claims, command=["bench"], budget=600.0, profile="standard", data="",
                      started=started.isoformat(timespec="seconds"))  # fmt: skip
    run_shift = random.gauss(0, 0.01)
    for invocation in range(1, invocations + 1):
        cases = [f"{claim.path}::{claim.function}" for claim in claims]
        inner = open_invocation(folder, f"invocation-{invocation:03}", environment=ENVIRONMENT, planned=cases)
        for index, claim in enumerate(claims):
            level = 1e-3 * (1 + run_shift + random.gauss(0, 0.01))
            trials = []
            for n, name in enumerate((BASELINE, *(f"variant_{n}" for n in range(1, VARIANTS)))):
                slow = 1.04 if (index, n, number >= count // 2) == (3, 1, True) else 1.0
                rounds = tuple(level * slow * (1 + abs(random.gauss(0, 0.01))) for _ in range(BLOCKS))
                trials.append(Trial(name, iterations=9, samples={"seconds": rounds}, exact={"peak_bytes": 4096.0},
                                    sources={"peak_bytes": "torch CPU profile"}))  # fmt: skip
            write_measurement(
                inner, Measurement(cases[index], claim.name, invocation, trials=tuple(trials), seconds=1.0)
            )
        inner.close()
    write_end(writer, RunEnd(EndReason.ALL_DECIDED))
    writer.close()


def cost(*arguments: str) -> tuple[float, float]:
    """Seconds and MiB at most of ``python -m harness`` with these arguments."""
    start = perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "harness", *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(child, 0)
    seconds = perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"harness {' '.join(arguments)} failed")
    return seconds, used.ru_maxrss / 1024


def show(what: str, *arguments: str, repeats: int = 5) -> None:
    """Print the middle of several."""
    costs = [cost(*arguments) for _ in range(repeats)]
    seconds, memory = median(c[0] for c in costs), max(c[1] for c in costs)
    print(f"{what:<52}{seconds:7.2f} s {memory:8.0f} MiB", flush=True)


def main() -> None:
    """Write the runs, then time the commands."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=positive, default=200, help="default 200: one million samples")
    options = parser.parse_args()
    if options.runs < 4:
        parser.error(
            f"--runs: {options.runs} is too few: a quarter of the runs is one of the trends (at least 4)"
        )
    with TemporaryDirectory(prefix="tipbench-speed-") as scratch:
        results = Path(scratch) / "results"
        os.chdir(scratch)
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        patched = patch("os.fsync", lambda _: None)  # nothing here has to survive a power cut
        patched.start()
        for number in range(options.runs):
            write_run(results, number, options.runs)
        (large := Path(scratch) / "large").mkdir()
        for number in range(2):
            write_run(large, number, 2, invocations=99)
        patched.stop()
        size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file())
        print(f"{options.runs} runs, {options.runs * SAMPLES} samples, {size / 2**20:.0f} MiB")
        show("python -m harness --version", "--version")
        show("compare latest~1 latest", "compare", "latest~1", "latest")
        show("compare the first and the last", "compare", f"latest~{options.runs - 1}", "latest")
        show("report of one run", "report", "latest")
        for share in (4, 2, 1):
            count = options.runs // share
            show(
                f"trend of {count} runs, {count * SAMPLES} samples", "trend", "--last", str(count), repeats=3
            )
        show("trend --effect", "trend", "--effect", repeats=3)
        for words in (["report", "latest"], ["compare", "latest~1", "latest"], ["trend"]):
            page = Path(scratch) / "page.html"
            show(f"{' '.join(words)} --html", *words, "--html", str(page), repeats=3)
            print(f"  its page: {page.stat().st_size / 1e6:.2f} MB")
        samples = 99 * SAMPLES // INVOCATIONS
        show(
            f"compare of two runs of {samples} samples each",
            "compare",
            "latest~1",
            "latest",
            "--results",
            str(large),
        )


if __name__ == "__main__":
    main()
