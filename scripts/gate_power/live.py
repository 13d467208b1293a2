"""The real command on a repository made for it, again and again: what it decides live, and what that
costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gate_power.counts import Count
from gate_power.neighbour import busy
from gate_power.ours import passed
from gate_power.repository import make
from harness.judge.evidence import is_exact
from harness.model import GateOutcome

CAN_BE_JUDGED = (0, 1, 3)
"""Exit statuses after which there is a document; 2 is an error of use or of the tool."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A slow-down that is really executed, the target (0: the default), and what runs beside it."""

    slowdown: float
    target: float = 0.0
    loader: bool = False
    neighbours: int = 0

    def __str__(self) -> str:
        what = "loader, " if self.loader else ""
        change = f"{self.slowdown:+.0%} executed" if self.slowdown else "identical code"
        target = f", target {self.target:.0%}" if self.target else ""
        return what + change + target + (", busy neighbour" if self.neighbours else "")

    @property
    def options(self) -> list[str]:
        """The command's options beside the base."""
        return ["--target", f"{self.target:.0%}"] if self.target else []


EXPERIMENTS = (
    Experiment(0.0),
    Experiment(0.05),
    Experiment(0.03, target=0.03),
    Experiment(0.02, target=0.02),
    Experiment(0.10),
    Experiment(0.0, loader=True),
    Experiment(0.10, loader=True),
)
"""What the proof runs, each several times, quiet; a busy neighbour can be put beside all of them."""


@dataclass(frozen=True, slots=True)
class LiveDecision:
    """One verdict of the command's document."""

    case: str
    variant: str
    metric: str
    outcome: GateOutcome
    units: int
    ratio: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the command: its exit status, its wall time in seconds with start-up, and every
    decision."""

    status: int
    wall: float
    decisions: tuple[LiveDecision, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls of one experiment together."""

    suites: int
    alarmed: Count
    green: Count
    outcomes: Mapping[GateOutcome, Count]
    units: float
    wall: float
    per_decision: float
    size: float


def decisions_of(document: Mapping[str, Any]) -> tuple[LiveDecision, ...]:
    """The noisy decisions of a document, whatever became of them: what is exact needs no proof.

    Raises ValueError for anything that is no such document.
    """
    try:
        found = [
            LiveDecision(
                str(one["case"]),
                str(one["variant"]),
                str(one["metric"]),
                GateOutcome(one["outcome"]),
                int(one["units"]),
                None if one.get("ratio") is None else float(one["ratio"]),
                float(one.get("seconds") or 0.0),
            )
            for one in document["verdicts"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a gate's document: {error!r}") from error
    return tuple(one for one in found if not is_exact(one.metric))


def count(calls: Sequence[Call]) -> Counted:
    """Add up the calls of one experiment. Raises ValueError for none, or for none with a decision."""
    every = [decision for call in calls for decision in call.decisions]
    if not every:
        raise ValueError("no call of the gate decided anything")
    wall = sum(call.wall for call in calls)
    return Counted(
        len(calls),
        Count.where(call.status == 1 for call in calls),
        Count.where(call.status == 0 for call in calls),
        {outcome: Count.where(passed(one.outcome) is outcome for one in every) for outcome in GateOutcome},
        sum(one.units for one in every) / len(every),
        wall / len(calls),
        wall / len(every),
        len(every) / len(calls),
    )


def call(root: Path, options: Iterable[str]) -> Call:
    """Run one gate of the repository's working tree against its ``main``, and time it from outside.

    Raises RuntimeError with the end of what the command printed where it could not run it, and ValueError
    where its document is none or contradicts its exit status.
    """
    file = root.parent / f"{root.name}.json"
    command = [sys.executable, "-m", "harness", "gate", "--base", "main", "--json", str(file), *options]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=_environment())
    wall = time.perf_counter() - start
    if done.returncode not in CAN_BE_JUDGED or not file.exists():
        raise RuntimeError(
            f"{' '.join(command)}: exit {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}"
        )
    document = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    if document.get("status") != done.returncode:
        raise ValueError(
            f"the command exits with {done.returncode}, its document states {document.get('status')}"
        )
    return Call(done.returncode, wall, decisions_of(document))


def run(experiment: Experiment, times: int, copies: int) -> Iterable[Call]:
    """Run the experiment so often, in one repository."""
    with TemporaryDirectory(prefix="gate-power-") as scratch, busy(experiment.neighbours):
        root = Path(scratch) / "repository"
        root.mkdir()
        make(root, experiment.slowdown, loader=experiment.loader, copies=1 if experiment.loader else copies)
        for _ in range(times):
            yield call(root, experiment.options)


def _environment() -> dict[str, str]:
    """Ours without what makes the command talk to a workflow: this is no gate of that workflow's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
