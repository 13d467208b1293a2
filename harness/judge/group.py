"""What is set side by side: columns of cells, whose axis is the run, the machine or the variant.

A cell is one case done one way, as its processes measured it. Run against run, machine against machine and
variant against baseline are the same comparison of two cells; only what a column collects differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.judge.evidence import in_order
from harness.model import BASELINE, Claim, Measurement, Status, Trial
from harness.store import Run

Key = tuple[str, str]
"""A case and, where columns are runs or machines, the variant; where columns are variants, the run."""


class Axis(StrEnum):
    """What a column is."""

    RUN = "run"
    MACHINE = "machine"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class VariantRuns:
    """One case done one way: every measurement of the case in these runs, in the order measured."""

    case: str
    variant: str
    runs: tuple[Run, ...]
    measurements: tuple[Measurement, ...]

    def trials(self) -> list[tuple[Measurement, Trial]]:
        """The measurements in which it was measured, with its part in each."""
        return [
            (measurement, trial)
            for measurement in self.measurements
            if not measurement.survey
            and (trial := measurement.trial(self.variant)) is not None
            and trial.status is Status.MEASURED
        ]

    def digests(self) -> Mapping[str, str]:
        """What the values of the case's parameters are, of the latest measurement that has them."""
        return next(
            (measurement.digests for measurement in reversed(self.measurements) if measurement.digests), {}
        )


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Cells under one label; ``claims`` by path and function, ``cases`` whatever was planned or measured."""

    label: str
    runs: tuple[Run, ...]
    cells: Mapping[Key, VariantRuns]
    claims: Mapping[str, Claim] = field(default_factory=dict)
    cases: frozenset[str] = frozenset()


def columns(labelled: Sequence[tuple[str, Run]], axis: Axis) -> list[RunGroup]:
    """The columns of these runs, in the order in which their labels first come up."""
    if axis is Axis.VARIANT:
        return _by_variant(labelled)
    groups: dict[str, list[Run]] = defaultdict(list)
    for label, run in labelled:
        groups[machine_of(run) if axis is Axis.MACHINE else label].append(run)
    return [_column(label, runs) for label, runs in groups.items()]


def machine_of(run: Run) -> str:
    """The machine's identity as the run recorded it; a run that recorded none is a machine of its own."""
    found = run.environment.get("machine_id")
    return str(found) if found else f"the machine of {run.folder.name}"


def _column(label: str, runs: Sequence[Run]) -> RunGroup:
    ordered = sorted(runs, key=lambda run: str(run.facts.get("started", "")))
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for run in ordered:
        for measurement in in_order(run.measurements):
            by_case[measurement.case].append(measurement)
    cells = {
        (case, variant): VariantRuns(case, variant, tuple(ordered), tuple(found))
        for case, found in by_case.items()
        for variant in _variants(found)
    }
    return RunGroup(label, tuple(ordered), cells, _claims(ordered), frozenset({*by_case, *_planned(ordered)}))


def _by_variant(labelled: Sequence[tuple[str, Run]]) -> list[RunGroup]:
    cells: dict[str, dict[Key, VariantRuns]] = defaultdict(dict)
    for label, run in labelled:
        for (case, variant), cell in _column(label, [run]).cells.items():
            cells[variant][case, label] = cell
    runs = [run for _, run in labelled]
    # the baseline is what the others are measured against
    names = sorted(cells, key=lambda name: name != BASELINE)
    return [
        RunGroup(name, tuple(runs), cells[name], _claims(runs), frozenset(case for case, _ in cells[name]))
        for name in names
    ]


def _variants(measurements: Iterable[Measurement]) -> list[str]:
    return list(dict.fromkeys(trial.variant for measurement in measurements for trial in measurement.trials))


def _claims(runs: Iterable[Run]) -> dict[str, Claim]:
    return {f"{claim.path}::{claim.function}": claim for run in reversed(list(runs)) for claim in run.claims}


def _planned(runs: Iterable[Run]) -> Iterable[str]:
    return (case for run in runs for case in run.planned)
