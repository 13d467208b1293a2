"""``gate --bisect GOOD..BAD``: the first revision that regressed, by gates in a clone."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.cli.options import benchmarks_folder
from harness.cli.output import complain, console
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, REGRESSED
from harness.model import GateOutcome, GateResult, GateVerdict
from harness.plural import counted
from harness.processes.launch import measuring_environment

if TYPE_CHECKING:
    from rich.console import Console

    from harness.gate.bisect import RevisionRange, RevisionState

REFUSED = (
    "base",
    "base_python",
    "head_python",
    "baseline",
    "resume",
    "base_env",
    "head_env",
    "junit",
    "json",
    "markdown",
)
"""Options that a bisection has no use for: both sides are revisions, and each step has its own forms."""

PASSED_ON = ("device", "target", "loader_target", "budget", "threads", "watch", "data")
"""Options that every step gets as they were given."""


def run(options: argparse.Namespace) -> int:
    """Bisect and answer. The status is 1 if there is a first bad revision, 0 if nothing regressed from GOOD
    to BAD, 3 if neither is known. Raises HarnessError."""
    from harness.cli.gating import repository
    from harness.gate.bisect import RevisionState, bisect, check_out, clone, revision_range

    if given := [name for name in REFUSED if getattr(options, name, None) not in (None, [], False)]:
        option = f"--{given[0].replace('_', '-')}"
        raise UsageError(f"{option} is of no use beside --bisect, which compares revisions: leave it out")
    benchmarks = benchmarks_folder(options)
    top = repository(benchmarks).resolve()
    if not (top / ".git").exists():
        raise UsageError(f"--bisect: {benchmarks} is in no git repository; name the benchmarks of one")
    ends = revision_range(options.bisect, top)
    screen = console()
    with TemporaryDirectory(prefix="tipbench-bisect-") as folder:
        place = clone(top, Path(folder) / top.name)
        steps = BisectSteps(options, ends, benchmarks.resolve(), place, benchmarks.resolve().relative_to(top))
        check_out(place, ends.bad_commit)
        screen.print(f"is {ends.bad} bad?", highlight=False, markup=False, soft_wrap=True)
        steps.judge(ends.bad_commit)
        if (why := not_bad(ends, steps.results.get(ends.bad_commit))) is not None:
            complain(why[1])
            return why[0]
        steps.narrow(ends.bad_commit)

        def judge(commit: str) -> RevisionState:
            _say(screen, f"judging {_titled(top, commit)}")
            return steps.judge(commit)

        found = bisect(place, ends, judge)
        if found.first:
            _say(screen, f"the first bad revision is {_titled(top, found.first)}")
            for line in steps.sizes(found.first):
                _say(screen, f"  {line}")
            _say(screen, f"after {counted(1 + len(found.states), 'gate')}: git show {found.first[:12]}")
            return REGRESSED
        skipped = sum(state is RevisionState.SKIPPED for state in found.states.values())
        complain(
            f"the first bad revision is not known: {counted(skipped, 'revision')} could not be judged; it is one of "
            f"{', '.join(commit[:12] for commit in found.possible) or 'many'}"
        )
        return CANNOT_JUDGE


def not_bad(ends: RevisionRange, result: GateResult | None) -> tuple[int, str] | None:
    """Why there is nothing to bisect, with the exit status; None if the bad end is bad."""
    if result is None:
        return CANNOT_JUDGE, f"{ends.bad} cannot be judged against {ends.good}: its gate is above"
    if result.status == REGRESSED:
        return None
    improved = [verdict for verdict in result.verdicts if verdict.outcome is GateOutcome.IMPROVED]
    if result.status == OK and improved:
        return CANNOT_JUDGE, (
            f"{ends.good} is the slower one: {ends.bad} improved {counted(len(improved), 'case')} and nothing "
            "regressed; is the range the wrong way round?"
        )
    if result.status == OK:
        return OK, f"nothing regressed from {ends.good} to {ends.bad}: there is nothing to bisect"
    return CANNOT_JUDGE, (
        f"whether {ends.bad} is slower than {ends.good} is not decided, so there is nothing to bisect; give each gate "
        "more time with --budget, or a larger --target"
    )


class BisectSteps:
    """Gates of revisions against the good one, each in the clone with the benchmarks of the working tree."""

    def __init__(
        self, options: argparse.Namespace, ends: RevisionRange, benchmarks: Path, place: Path, inside: Path
    ) -> None:
        self.results: dict[str, GateResult] = {}
        self._options = options
        self._ends = ends
        self._benchmarks = benchmarks
        self._place = place
        self._inside = inside
        self._select: list[str] = list(options.select)

    def command(self, file: Path) -> list[str]:
        """The command of one gate, whose result goes to a file."""
        words = [sys.executable, "-P", "-m", "harness", "gate", "--base", self._ends.good_commit]
        words += ["--benchmarks", str(self._inside), "--json", str(file), "--unchanged-ok"]
        words += ["--results", str(self._options.results.resolve())]
        for name in PASSED_ON:
            if (value := getattr(self._options, name, None)) is not None:
                value = value.resolve() if isinstance(value, Path) else value
                words += [f"--{name.replace('_', '-')}", str(value)]
        words += [word for name in self._options.accept for word in ("--accept", name)]
        return words + [word for name in self._select for word in ("--select", name)]

    def judge(self, commit: str) -> RevisionState:
        """Gate the commit that is checked out."""
        from harness.gate.bisect import RevisionState
        from harness.report.builders.gate_records import result_from

        own = self._place / self._inside
        if own.exists():
            shutil.rmtree(own)
        shutil.copytree(self._benchmarks, own, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        with TemporaryDirectory(prefix="tipbench-gate-") as folder:
            file = Path(folder) / "gate.json"
            done = subprocess.run(self.command(file), cwd=self._place, env=_finding_us(), check=False)
            if done.returncode == INTERRUPTED:
                raise KeyboardInterrupt
            try:
                result = result_from(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                # Not by the status: Python itself ends with 1, too.
                return RevisionState.SKIPPED
        self.results[commit] = result
        return {OK: RevisionState.GOOD, REGRESSED: RevisionState.BAD}.get(
            result.status, RevisionState.SKIPPED
        )

    def narrow(self, commit: str) -> None:
        """From now on only what regressed in this commit is measured."""
        self._select = (
            list(dict.fromkeys(verdict.claim for verdict in self._regressed(commit))) or self._select
        )

    def sizes(self, commit: str) -> Sequence[str]:
        """How far each case regressed in a commit, with its interval."""
        return [_size(verdict) for verdict in self._regressed(commit)]

    def _regressed(self, commit: str) -> list[GateVerdict]:
        result = self.results.get(commit)
        verdicts = result.verdicts if result is not None else ()
        return [verdict for verdict in verdicts if verdict.outcome is GateOutcome.REGRESSED]


def _finding_us() -> dict[str, str]:
    """The environment, in which a process finds this package if it is not installed."""
    path = measuring_environment().get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": path} if path else dict(os.environ)


def _size(verdict: GateVerdict) -> str:
    from harness.report.builders.gate_rows import TIME, rows

    (row,) = rows([verdict])
    name = " ".join(filter(None, (row.case, row.variant, "" if row.metric == TIME else row.metric)))
    change = f"{row.change} ({row.interval})" if row.interval else row.change
    return ", ".join(filter(None, (f"{name}: {change}" if change else name, row.readings)))


def _titled(top: Path, commit: str) -> str:
    from harness.gate.builds.repository import git
    from harness.report.format import sanitize

    return f"{commit[:12]} {sanitize(git(top, 'log', '-1', '--format=%s', commit).strip(), 200)}"


def _say(screen: Console, text: str) -> None:
    screen.print(text, highlight=False, markup=False, soft_wrap=True)
