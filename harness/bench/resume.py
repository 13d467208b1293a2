"""Resuming a run that was killed, interrupted or out of time: what it has, and whether it can go on here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.bench.plan import CaseProgress
from harness.bench.schedule import Schedule
from harness.bench.traces import Traces
from harness.claims.file import PATTERN
from harness.claims.folder import BenchmarkFolder, files
from harness.errors import HarnessError, UsageError
from harness.model import Measurement, RunRequest
from harness.model.leaves import leaves
from harness.plural import counted
from harness.program import advised
from harness.store import Run
from harness.store.parts import discard_part, next_part

FREE = ("warnings", "git.branch", "git.dirty", "machine.memory_bytes")
"""What may differ between two parts of a run: a branch is only a name of a revision, the results themselves
may be new files in the repository, and the memory of a virtual machine grows while it runs."""

_MOST = 5
_PROCESS_LOG = re.compile(r"process-(\d{1,9})\.log")
_INVOCATION = re.compile(r"invocation-(\d{1,9})\.jsonl")


class OtherEnvironment(HarnessError):
    """A run cannot be resumed here: its files, its machine or its software are others; the message names
    them."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A run that is resumed, the number of the part that is to come, and where its numbers begin."""

    run: Run
    part: int
    invocation: int
    process: int

    @classmethod
    def of(cls, run: Run) -> Resumption:
        """What comes after all that is in the run's folder."""
        names = [path.name for path in run.folder.iterdir()]
        known = [measurement.invocation for measurement in run.measurements]
        known += [traced.invocation for traced in run.traces]
        return cls(
            run,
            next_part(run.folder),
            max([*known, *_numbers(_INVOCATION, names)], default=0),
            1 + max(_numbers(_PROCESS_LOG, names), default=-1),
        )

    def check_files(self, sources: Mapping[str, str]) -> None:
        """Raises OtherEnvironment if the benchmark files are not those of the run."""
        then = self.run.request.sources if self.run.request else {}
        changed = [
            f"{path} {'is new' if path not in then else 'is gone' if path not in sources else 'has changed'}"
            for path in sorted({*then, *sources})
            if then.get(path) != sources.get(path)
        ]
        if changed:
            raise OtherEnvironment(
                f"{self.run.folder} cannot be resumed: {_some(changed)} since it was measured; restore that, or "
                f"measure anew: {advised('bench')}"
            )

    def check_environment(self, environment: Mapping[str, object]) -> None:
        """Raises OtherEnvironment if this is not where the run was measured, as far as it says where."""
        check_same(self.run.environment, environment, self.run.folder, f"measure anew: {advised('bench')}")

    def fill(self, schedule: Schedule, traces: Traces) -> None:
        """Give the schedule what was measured, weighed and traced already."""
        known = [one for one in self.run.measurements if one.case in schedule.cases]
        schedule.add(known)
        for measurement in known:
            if measurement.survey:
                _count(schedule.cases[measurement.case], measurement)
        traces.done |= {(traced.case, traced.variant): traced for traced in self.run.traces}

    def described(self, schedule: Schedule) -> str:
        """What is there already, in one line."""
        units = sum(progress.units for progress in schedule.cases.values())
        decided = sum(v.decided for progress in schedule.cases.values() for v in progress.verdicts)
        there = f"{counted(units, 'unit')} of {counted(len(schedule.cases), 'case')}"
        return f"going on with {self.run.folder}: it has {there}, {counted(decided, 'verdict')} decided"

    def is_new(self, measurement: Measurement) -> bool:
        """Whether the run has no record of that case in that invocation yet."""
        key = (measurement.case, measurement.invocation)
        return key not in {(one.case, one.invocation) for one in self.run.measurements if not one.survey}

    def discard(self) -> None:
        """Remove what a part that measured nothing has left: the run is as it was."""
        discard_part(self.run.folder, self.part)
        for path in self.run.folder.iterdir():
            if any(number >= self.process for number in _numbers(_PROCESS_LOG, [path.name])):
                path.unlink()


def check_same(then: Mapping[str, object], now: Mapping[str, object], folder: Path, otherwise: str) -> None:
    """Raises OtherEnvironment if an environment differs from the one that is recorded in ``folder``.

    Nothing is recorded where a process was killed before it knew where it is. ``otherwise`` is what can be
    done instead.
    """
    before, here = leaves(then), leaves(now)
    found = [
        name
        for name in dict.fromkeys((*before, *here))
        if before.get(name) != here.get(name) and _counts(name)
    ]
    if not before or not found:
        return
    if "machine_id" in found:
        raise OtherEnvironment(
            f"{folder} was measured on another machine ({before.get('machine_id')}; this one is "
            f"{here.get('machine_id')}): resume it there, or {otherwise}"
        )
    words = [f"{name}: {before.get(name, 'absent')} -> {here.get(name, 'absent')}" for name in found]
    raise OtherEnvironment(
        f"{folder} was measured in another environment ({_some(words, '; ')}): restore that, or {otherwise}"
    )


def request_of(run: Run) -> RunRequest:
    """What the run was requested to measure. Raises UsageError if it is complete, or does not say."""
    if not run.facts:
        raise UsageError(
            f"--resume: {run.folder} has no first record, its process died before that; start it again"
        )
    if run.request is None:
        raise UsageError(
            f"--resume: {run.folder} does not say what its benchmark files were, as runs of earlier versions and "
            f"baselines do not; measure anew: {advised('bench')}"
        )
    if run.ended.complete:
        raise UsageError(
            f"--resume: {run.folder} is complete ({run.ended.text}); {advised(f'report {run.folder}')} shows it"
        )
    return run.request


def digests(chosen: BenchmarkFolder) -> dict[str, str]:
    """A digest for each benchmark file that is chosen, and for every other Python file, which they may
    import."""
    own = {claim.path for claim in chosen.claims} | {problem.path for problem in chosen.problems}
    paths = {file.relative_to(chosen.root).as_posix(): file for file in files(chosen.root, "*.py")}
    return {
        path: _digest(file)
        for path, file in sorted(paths.items())
        if path in own or not Path(path).match(PATTERN)
    }


def _digest(file: Path) -> str:
    try:
        return sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def _counts(name: str) -> bool:
    return not any(name == free or name.startswith(f"{free}.") for free in FREE)


def _count(progress: CaseProgress, measurement: Measurement) -> None:
    """The readings that a pass of its own has taken of a case."""
    progress.counted.update(name for trial in measurement.trials for name in (*trial.exact, *trial.solo))
    progress.counted.update(warning.quantity for warning in measurement.warnings)


def _numbers(pattern: re.Pattern[str], names: Iterable[str]) -> list[int]:
    return [int(match[1]) for name in names if (match := pattern.fullmatch(name))]


def _some(words: Sequence[Any], gap: str = ", ") -> str:
    left = len(words) - _MOST
    return gap.join(words[:_MOST]) + (f" and {counted(left, 'more difference')}" if left > 0 else "")
