"""Columns side by side: the first against each of the others, cell by cell; what cannot be compared, and
why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from harness.judge.comparable import absent, why_not_comparable
from harness.judge.difference import RawDifference, exact_shift, paired_shift, settle, unpaired_shift
from harness.judge.evidence import evidence, is_exact
from harness.judge.group import Axis, RunGroup, VariantRuns
from harness.judge.run import judge
from harness.judge.sequential import level
from harness.judge.throttling import throttled_blocks
from harness.judge.units import SECONDS
from harness.model import BASELINE, Claim, Difference, Measurement, Outcome, Trial, Verdict, benchmark_of
from harness.store.foreign import is_foreign

EXACT_TOLERANCE = 0.01
"""The share by which allocator bytes may differ: their allocation sizes are rounded."""

_TAIL = 0.025
"""The share of the rounds on either end that a range leaves out."""

_TOGETHER = 8
_NEARLY_ALL = 0.8
"""The fewest rows, and the share of them that moved alike, for a warning."""


@dataclass(frozen=True, slots=True)
class ComparedCells:
    """Two cells compared by one metric.

    ``levels`` are the metric's typical values, ``margin`` is the share that counts as no difference.
    ``verdicts`` are those on the claim in either column's run, ``effect`` is how the variant's ratio to its
    baseline differs between them; both only where columns are runs or machines.
    """

    case: str
    claim: str
    variant: str
    columns: tuple[str, str]
    difference: Difference
    levels: tuple[float, float]
    cells: tuple[VariantRuns, VariantRuns]
    verdicts: tuple[Verdict | None, Verdict | None] = (None, None)
    effect: Difference | None = None
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Incomparable:
    """What cannot be compared, and why."""

    case: str
    claim: str
    variant: str
    columns: tuple[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A whole comparison; ``paired`` where every line was measured side by side."""

    axis: Axis
    columns: tuple[RunGroup, ...]
    lines: tuple[ComparedCells, ...]
    incomparable: tuple[Incomparable, ...]
    warnings: tuple[str, ...]

    @property
    def paired(self) -> bool:
        """Whether every line was measured side by side."""
        return all(line.difference.comparison.paired for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Pending:
    """Two cells compared, before it is known which of all differences are shown."""

    case: str
    claim: Claim
    variant: str
    columns: tuple[str, str]
    cells: tuple[VariantRuns, VariantRuns]
    shift: RawDifference
    levels: tuple[float, float]
    effect: RawDifference | None


def compare_runs(columns: Sequence[RunGroup], axis: Axis) -> RunComparison:
    """Compare the first column with each of the others. Raises ValueError for fewer than two columns."""
    if len(columns) < 2:
        raise ValueError("a comparison takes two columns")
    pending: list[_Pending] = []
    apart: list[Incomparable] = []
    for other in columns[1:]:
        _side_by_side(columns[0], other, axis, pending, apart)
    differences = settle([each.shift for each in pending])
    compared = [each.effect for each in pending if each.effect is not None]
    effects = iter(settle(compared))
    judged = _judged(columns) if axis is not Axis.VARIANT else {}
    lines = tuple(
        ComparedCells(
            each.case,
            each.claim.name,
            each.variant,
            each.columns,
            difference,
            each.levels,
            each.cells,
            (
                judged.get((each.columns[0], each.case, each.variant)),
                judged.get((each.columns[1], each.case, each.variant)),
            ),
            None if each.effect is None else next(effects),
            each.shift.margin,
        )
        for each, difference in zip(pending, differences, strict=True)
    )
    # What was dropped or is there twice, each once: by variant, all columns are of the same runs.
    read = dict.fromkeys(warning for column in columns for run in column.runs for warning in run.warnings)
    warnings = [*read] + [
        warning for other in columns[1:] if (warning := _common(lines, columns[0].label, other.label))
    ]
    return RunComparison(axis, tuple(columns), lines, tuple(apart), tuple(warnings))


def _side_by_side(
    first: RunGroup, second: RunGroup, axis: Axis, pending: list[_Pending], apart: list[Incomparable]
) -> None:
    labels = (first.label, second.label)
    for key in sorted({*first.cells, *second.cells}):
        case, name = key
        claim = _claim(first, second, case)
        one, other = first.cells.get(key), second.cells.get(key)
        if one is None or other is None:
            there, missing = (first, second) if other is None else (second, first)
            if axis is not Axis.VARIANT:  # a case without a variant that others have is no fault
                apart.append(Incomparable(case, claim.name, name, labels, absent(case, there, missing)))
            continue
        reason = why_not_comparable(one, other, labels, loader=claim.loader)
        shifts = [] if reason else _shifts(one, other, claim)
        if not shifts:
            reason = reason or "no metric in common"
            apart.append(Incomparable(case, claim.name, name, labels, reason))
        for index, (shift, levels) in enumerate(shifts):
            effect = _effect(one, other, claim) if index == 0 and axis is not Axis.VARIANT else None
            pending.append(_Pending(case, claim, name, labels, (one, other), shift, levels, effect))
    measured = {key[0] for key in {*first.cells, *second.cells}}
    if axis is not Axis.VARIANT:
        for case in sorted((first.cases | second.cases) - measured):
            claim = _claim(first, second, case)
            apart.append(Incomparable(case, claim.name, "", labels, "planned, and never measured"))


def _claim(first: RunGroup, second: RunGroup, case: str) -> Claim:
    path, _, function = benchmark_of(case).partition("::")
    found = first.claims.get(f"{path}::{function}") or second.claims.get(f"{path}::{function}")
    return found or Claim("", "", path, function)


def _shifts(
    one: VariantRuns, other: VariantRuns, claim: Claim
) -> list[tuple[RawDifference, tuple[float, float]]]:
    """By time and by the claim's own metric, as far as both cells have them."""
    found = []
    for name in dict.fromkeys((SECONDS, claim.metric)):
        pair = _exact(one, other, name) if is_exact(name) else _noisy(one, other, name, claim.margin)
        if pair is not None:
            found.append(pair)
    return found


def _noisy(
    one: VariantRuns, other: VariantRuns, name: str, margin: float
) -> tuple[RawDifference, tuple[float, float]] | None:
    first, second = levels(one, name), levels(other, name)
    if not first or not second:
        return None
    typical = (math.exp(median(first)), math.exp(median(second)))
    pairs = _pairs(one, other)
    if pairs:
        ratios = [unit.quiet for unit in evidence(pairs, "other", name).units]
        if ratios:
            return paired_shift(name, ratios, margin), typical
    shift = unpaired_shift(name, first, second, margin)
    if shift.comparison.low is None and all(map(is_foreign, (*one.runs, *other.runs))):
        low, high = _range(one, other, name)
        shift = replace(shift, comparison=replace(shift.comparison, low=low, high=high))
    return shift, typical


def _range(one: VariantRuns, other: VariantRuns, name: str) -> tuple[float, float]:
    """The least and the largest ratio of nearly any round of one cell to nearly any of the other: all that is
    known where too few processes were recorded."""
    (least, largest), (below, above) = (
        (rounds[round((len(rounds) - 1) * _TAIL)], rounds[round((len(rounds) - 1) * (1 - _TAIL))])
        for cell in (one, other)
        if (rounds := sorted(value for _, trial in cell.trials() for value in trial.samples.get(name, ())))
    )
    return (below / largest if largest else 0.0, above / least if least else math.inf)


def _exact(
    one: VariantRuns, other: VariantRuns, name: str
) -> tuple[RawDifference, tuple[float, float]] | None:
    readings = tuple(reading(cell, name) for cell in (one, other))
    if readings[0] is None or readings[1] is None:
        return None
    return exact_shift(name, readings[0], readings[1], EXACT_TOLERANCE), (readings[0], readings[1])


def _effect(one: VariantRuns, other: VariantRuns, claim: Claim) -> RawDifference | None:
    """How the ratio to the baseline differs: what the machine did to both variants of a block is not in
    it."""
    if one.variant == BASELINE or is_exact(claim.metric):
        return None
    first, second = (
        [unit.quiet for unit in evidence(cell.measurements, cell.variant, claim.metric).units]
        for cell in (one, other)
    )
    return (
        unpaired_shift(claim.metric, first, second, claim.margin, drifts=False) if first and second else None
    )


def levels(cell: VariantRuns, name: str) -> list[float]:
    """The log of the typical round, one a process."""
    found = []
    for measurement, trial in cell.trials():
        values = trial.samples.get(name, ())
        if len(measurement.clock_events) == len(values):
            # as for a verdict: blocks in which the GPU was throttled do not count where they are few
            left_out = throttled_blocks(measurement).left_out
            values = tuple(value for index, value in enumerate(values) if index not in left_out)
        if (own := level(values)) is not None:
            found.append(own)
    return found


def reading(cell: VariantRuns, name: str) -> float | None:
    """The latest single reading of a metric, from measurements and surveys alike."""
    for measurement in reversed(cell.measurements):
        trial = measurement.trial(cell.variant)
        if trial is not None:
            found = trial.exact.get(name, trial.solo.get(name))
            if found is not None:
                return found
    return None


def _pairs(one: VariantRuns, other: VariantRuns) -> list[Measurement]:
    """Measurements with one cell's samples as the baseline and the other's beside it, where the blocks are
    the same."""
    if len(one.runs) != 1 or one.runs[0].folder != other.runs[0].folder:
        return []
    there = {measurement.invocation: trial for measurement, trial in other.trials()}
    return [
        Measurement(
            one.case,
            measurement.claim,
            measurement.invocation,
            clock_events=measurement.clock_events,
            trials=(_as(trial, BASELINE), _as(there[measurement.invocation], "other")),
        )
        for measurement, trial in one.trials()
        if measurement.invocation in there
    ]


def _as(trial: Trial, name: str) -> Trial:
    return Trial(name, samples=trial.samples)


def _judged(columns: Sequence[RunGroup]) -> Mapping[tuple[str, str, str], Verdict]:
    """The verdicts on claims by column; where a column has several runs, the latest that has any."""
    return {
        (column.label, verdict.case, verdict.variant): verdict
        for column in columns
        for run in column.runs
        for verdict in judge(run)
        if verdict.comparison is not None or verdict.outcome is not Outcome.INCONCLUSIVE
    }


def _common(lines: Sequence[ComparedCells], first: str, second: str) -> str:
    """A warning where most rows moved the same way by more than a per cent, which is rarely one change; else
    empty."""
    shifts = [
        math.log(found.ratio)
        for line in lines
        if line.columns == (first, second)
        and (found := line.difference.comparison).metric == SECONDS
        and not found.paired
    ]
    if len(shifts) < _TOGETHER:
        return ""
    middle = median(shifts)
    alike = sum((shift > 0) is (middle > 0) for shift in shifts)
    if abs(middle) < math.log1p(0.01) or alike < _NEARLY_ALL * len(shifts):
        return ""
    word = "slower" if middle > 0 else "faster"
    return (
        f"{alike} of {len(shifts)} times are {word} in {second} than in {first}, by {abs(math.expm1(middle)):.1%} at "
        "the median: what nearly all share is the machine or its software more likely than one change"
    )
