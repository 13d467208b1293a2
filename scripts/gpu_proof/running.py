"""The whole bench on this machine, the suite's own GPU tests, and the noise floor of every claim."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from gpu_proof.findings import Part, Skipped
from harness.judge.evidence import evidence
from harness.judge.outlook import noise
from harness.judge.regression import GateThresholds, rule_for
from harness.judge.run import BAD, judge
from harness.model import BASELINE, Measurement, Outcome
from harness.store import Run, load, run_folders

ROOT = Path(__file__).resolve().parents[2]
RUNS = "runs"
MARK = re.compile(r"pytest\.mark\.gpu\b")
CUT_OFF = 90.0
"""Seconds beyond its budget after which a command is ended."""
INTERRUPTED = 10.0
"""Seconds that a command has to end in order, once it was interrupted."""


def environment() -> dict[str, str]:
    """Ours, with this checkout's harness in front, which need not be installed, and without what names a
    workflow."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return {**ours, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), ours.get("PYTHONPATH", "")]))}


def harness(words: Sequence[str], seconds: float, log: Path, folder: Path = ROOT) -> int:
    """Run ``python -m harness`` in a folder, its output in a file; its exit status, 124 where it had to be
    ended."""
    return _logged([sys.executable, "-m", "harness", *words], seconds, log, folder)


def _logged(command: Sequence[str], seconds: float, log: Path, folder: Path = ROOT) -> int:
    """Run with all output in a file; the exit status, 124 where it had to be ended.

    It is interrupted first, so that it can print what it has found by then.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=file, stderr=subprocess.STDOUT
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPTED)
            return 124
        finally:
            process.kill()
            process.wait()


def tail(log: Path, lines: int = 40) -> str:
    """The end of what a command printed."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-lines:])


def tracebacks(folder: Path, most: int = 5) -> str:
    """The ends of the logs under a folder that hold a traceback, of so many processes at most."""
    logs = [
        log for log in sorted(folder.rglob("*.log")) if "Traceback (most" in log.read_text(errors="replace")
    ]
    return "\n".join(f"{log.relative_to(folder)}:\n{tail(log)}" for log in logs[:most])


def bench(part: Part, folder: Path, device: str, seconds: float, select: Sequence[str]) -> None:
    """Hold a run within the budget: every claim decided or explained, nothing wrong, failed or lost."""
    words = ["bench", "--device", device, "--budget", f"{seconds:.0f}s", "--results", str(folder / RUNS)]
    for name in select:
        words += ["--select", name]
    _held(part, folder, words, seconds + CUT_OFF, folder / "bench-output.txt")


def _held(part: Part, folder: Path, words: Sequence[str], limit: float, log: Path) -> None:
    """Run the claims, and note what came of it. Raises RuntimeError with what it printed where it left
    none."""
    before = set(run_folders(folder / RUNS))
    status = harness(words, limit, log)
    part.add("exit status", str(status), goal="0", reached=status == 0)
    new = [run for run in run_folders(folder / RUNS) if run not in before]
    if status:
        print(*filter(None, (tail(log), *map(tracebacks, new))), sep="\n", flush=True)
    if not new:
        raise RuntimeError(f"the bench left no run: exit status {status}")
    _judged(part, load(new[-1]))


def _judged(part: Part, run: Run) -> None:
    verdicts = judge(run)
    counts = Counter(verdict.outcome for verdict in verdicts)
    for outcome in Outcome:
        if counts[outcome]:
            bad = outcome in BAD
            part.add(
                f"verdicts: {outcome}",
                counts[outcome],
                goal="0" if bad else "",
                reached=False if bad else None,
            )
    for verdict in verdicts:
        if verdict.outcome in (*BAD, Outcome.INCONCLUSIVE, Outcome.SKIPPED):
            name = f"{verdict.case} {verdict.variant}".strip()
            why = f": {verdict.reason}" if verdict.outcome in BAD and verdict.reason else ""
            part.add(name, f"{verdict.outcome}{why}", detail={"reason": verdict.reason})
    part.add(
        "how it ended",
        run.ended.text or "it was not recorded",
        reached=bool(run.ended.text),
        goal="it ends by itself",
    )
    part.add("saved in", str(run.folder))


def bench_few(part: Part, folder: Path, device: str, seconds: float) -> None:
    """Hold a run of three claims that are bound by a GPU in different ways, of C2 the products alone."""
    chosen = few_benchmarks(folder / "benchmarks")
    words = ["bench", "--device", device, "--budget", f"{seconds:.0f}s", "--results", str(folder / RUNS)]
    _held(
        part,
        folder,
        [*words, "--benchmarks", str(chosen)],
        seconds + FEW_LATER,
        folder / "bench-few-output.txt",
    )


FEW_LATER = 15.0
"""The same for the short run, of which the part's own limit allows no more."""


FEW = {
    "arithmetic/bench_bmm.py": "",
    "memory/bench_inplace.py": "",
    "arithmetic/bench_half_precision.py": "gemm",
}
"""Files of the short run, and the only ``work`` of it that is measured; nothing: all."""


def few_benchmarks(folder: Path) -> Path:
    """Copy those files, with what they share, into a new folder. Raises ValueError where one is not as
    expected."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / "benchmarks/support", folder / "support", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("conftest.py", *FEW):
        text = (ROOT / "benchmarks" / name).read_text(encoding="utf-8")
        if FEW.get(name):
            text, changed = re.subn(
                r'parametrize\("work", \[.*?\]\)', f'parametrize("work", ["{FEW[name]}"])', text
            )
            if changed != 1:
                raise ValueError(f"{name} has no parameter called work")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def latest(folder: Path) -> Run:
    """The last run of the proof's own bench. Raises Skipped where there is none."""
    folders = run_folders(folder / RUNS)
    if not folders:
        raise Skipped("no run yet: run the part called bench first")
    return load(folders[-1])


def floor(part: Part, folder: Path) -> None:
    """By claim: how far a unit strays, and the smallest slow-down that the gate could tell from none."""
    by_claim: Mapping[str, list[tuple[float, float]]] = noise_of(latest(folder))
    if not by_claim:
        raise Skipped("no case of the run has the four units that a noise floor needs")
    for claim, found in sorted(by_claim.items()):
        spreads, smallest = zip(*found, strict=True)
        part.add(
            f"{claim}: deviation of a unit", 100 * median(spreads), "%",
            detail={"largest": max(spreads), "variants": len(found), "resolvable": median(smallest)},
        )  # fmt: skip
        part.add(f"{claim}: smallest resolvable slow-down", 100 * median(smallest), "%")


def noise_of(run: Run) -> dict[str, list[tuple[float, float]]]:
    """The deviation of a unit and the smallest resolvable slow-down of every variant with units enough, by
    claim."""
    thresholds = GateThresholds()
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for measurements in by_case.values():
        for name in dict.fromkeys(trial.variant for m in measurements for trial in m.trials):
            if name == BASELINE:
                continue
            units = evidence(measurements, name, "seconds", thresholds.keep).units
            if (floor_of := noise(units, rule_for(thresholds, 100), thresholds.tolerated)) is not None:
                found[measurements[0].claim].append(floor_of)
    return dict(found)


def marked_files(tests: Path = ROOT / "tests") -> list[Path]:
    """The test files that have tests for a GPU: others may import what this machine lacks."""
    return sorted(path for path in tests.rglob("test_*.py") if MARK.search(path.read_text(encoding="utf-8")))


def gpu_tests(part: Part, folder: Path, device: str, seconds: float) -> None:
    """``pytest -m gpu`` on this machine."""
    if device != "cuda":
        raise Skipped("needs CUDA")
    if missing := [name for name in ("pytest_timeout", "hypothesis") if find_spec(name) is None]:
        raise Skipped(f"the tests need {' and '.join(missing)}: pip install pytest-timeout hypothesis")
    log = folder / "gpu_tests.txt"
    files = [str(path) for path in marked_files()]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", *files]
    status = _logged(command, seconds, log)
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    part.add("pytest -m gpu", lines[-1], goal="exit status 0", reached=status == 0, detail={"status": status})
