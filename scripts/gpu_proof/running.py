"""The whole bench on this machine, the suite's own GPU tests, and the noise floor of every claim."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from gpu_proof.findings import Part, Skipped
from harness.compare.evidence import evidence
from harness.compare.gate import GateThresholds, rule_for
from harness.compare.judge import BAD, judge
from harness.compare.outlook import noise
from harness.model import BASELINE, Measurement, Outcome
from harness.store import Run, load, run_folders

ROOT = Path(__file__).resolve().parents[2]
RUNS = "runs"
CUT_OFF = 90.0
"""Seconds beyond its budget after which a command is ended."""


def environment() -> dict[str, str]:
    """Ours, with this checkout's harness in front: it need not be installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))}


def harness(words: Sequence[str], seconds: float, log: Path) -> int:
    """Run ``python -m harness`` with its output in a file; its exit status, 124 where it had to be ended."""
    return _logged([sys.executable, "-m", "harness", *words], seconds, log)


def _logged(command: Sequence[str], seconds: float, log: Path) -> int:
    """Run with all output in a file; the exit status, 124 where it had to be ended."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        try:
            return subprocess.run(
                command,
                cwd=ROOT,
                env=environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return 124


def bench(part: Part, folder: Path, device: str, seconds: float, select: Sequence[str]) -> None:
    """Hold a run within the budget: every claim decided or explained, nothing wrong, failed or lost."""
    words = ["bench", "--device", device, "--budget", f"{seconds:.0f}s", "--results", str(folder / RUNS)]
    for name in select:
        words += ["--select", name]
    status = harness(words, seconds + CUT_OFF, folder / "bench.txt")
    part.add("exit status", str(status), goal="0", reached=status == 0)
    run = latest(folder)
    verdicts = judge(run)
    counts = Counter(verdict.outcome for verdict in verdicts)
    for outcome in Outcome:
        if counts[outcome]:
            bad = outcome in BAD
            goal = {"goal": "0", "reached": False} if bad else {}
            part.add(f"verdicts: {outcome}", counts[outcome], **goal)
    for verdict in verdicts:
        if verdict.outcome in (*BAD, Outcome.INCONCLUSIVE, Outcome.SKIPPED):
            name = f"{verdict.case} {verdict.variant}".strip()
            part.add(name, str(verdict.outcome), detail={"reason": verdict.reason})
    part.add("how it ended", run.ended or "it never said so", reached=bool(run.ended), goal="it ends by itself")
    part.add("saved in", str(run.folder))


def latest(folder: Path) -> Run:
    """The last run of the proof's own bench. Raises Skipped where there is none."""
    folders = run_folders(folder / RUNS)
    if not folders:
        raise Skipped("no run yet: hold the part called bench first")
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
        part.add(f"{claim}: smallest slow-down told from none", 100 * median(smallest), "%")


def noise_of(run: Run) -> dict[str, list[tuple[float, float]]]:
    """The deviation of a unit and the smallest resolvable slow-down of every variant with units enough, by claim."""
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


def gpu_tests(part: Part, folder: Path, device: str, seconds: float) -> None:
    """``pytest -m gpu`` on this machine."""
    if device != "cuda":
        raise Skipped("needs CUDA")
    if missing := [name for name in ("pytest_timeout", "hypothesis") if find_spec(name) is None]:
        raise Skipped(f"the tests need {' and '.join(missing)}: pip install pytest-timeout hypothesis")
    log = folder / "gpu_tests.txt"
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", str(ROOT / "tests")]
    status = _logged(command, seconds, log)
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    part.add("pytest -m gpu", lines[-1], goal="exit status 0", reached=status == 0, detail={"status": status})
