"""A trend over many runs in words, as a document: what changed and when first, then every course with its
level now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from harness.judge.change import FEWEST
from harness.model import Comparison, Direction, Segment, Trend, metric, parameters
from harness.plural import counted
from harness.report.document import IMPROVED, Column, Document, Notes, Row, Table
from harness.report.environment_diff import environment_diff
from harness.report.format import digits, effect, interval, quantity, sanitize, scale_of
from harness.report.header import machine_lines

SPARKS = "▁▂▃▄▅▆▇█"
PLAIN_SPARKS = "12345678"
WIDEST_SPARK = 40

HOW = (
    "A change is what Pettitt's rank test finds in the whole series, corrected for autocorrelation. At most 5 % of the "
    "changes shown are expected to be false. If nothing changed, the chance of showing any change is 5 %."
)

_NOT_SHOWN = frozenset({"warnings", "git", "variables"})
_MOST_EVENTS = 12

COLUMNS = (
    Column("claim", "claim", foreign=True),
    Column("case", "case", foreign=True),
    Column("variant", "variant", foreign=True),
    Column("metric", "metric", foreign=True, rank=6),
    Column("level", "level now"),
    Column("interval", "95 % interval", rank=3),
    Column("course", "course", rank=2),
    Column("runs", "runs", rank=5),
    Column("changed", "changed"),
)


@dataclass(frozen=True, slots=True)
class TrendRun:
    """A run of the trend: what it is called, when it was measured, and where."""

    label: str
    started: str
    environment: Mapping[str, object]
    warnings: tuple[str, ...] = ()


def trend_document(
    courses: Sequence[Trend],
    runs: Sequence[TrendRun],
    left_out: Sequence[str] = (),
    *,
    effects: bool = False,
    unicode: bool = True,
) -> Document:
    """The trend of these runs, oldest first; ``left_out`` says which others were not taken, and why."""
    notes = Notes()
    tables: list[Table] = []
    for heading, group in grouped(courses).items():
        rows = tuple(_row(course, runs, notes, effects=effects, unicode=unicode) for course in group)
        tables.append(Table(f"{heading} ({len(group)})", COLUMNS, rows, below="" if tables else HOW))
    changed = sum(len(course.stretches) > 1 for course in courses)
    return Document(
        f"{'Effects' if effects else 'Times'} over {counted(len(runs), 'run')} of one machine",
        (*_facts(runs), *(("left out", sanitize(why)) for why in left_out)),
        _warnings(runs),
        tuple(tables),
        notes.texts,
        outcome=f"{changed} of {counted(len(courses), 'course')} changed",
    )


def _warnings(runs: Sequence[TrendRun]) -> tuple[str, ...]:
    """What reading the runs warned of, the latest ones."""
    found = [sanitize(warning, 1000) for run in runs for warning in run.warnings]
    more = (
        [f"and {counted(len(found) - _MOST_WARNINGS, 'warning')} before"]
        if len(found) > _MOST_WARNINGS
        else []
    )
    return (*more, *found[-_MOST_WARNINGS:])


_MOST_WARNINGS = 5


def grouped(courses: Sequence[Trend]) -> Mapping[str, Sequence[Trend]]:
    """The courses by whether a change is shown, those that changed first; no group is empty."""
    changed = [course for course in courses if len(course.stretches) > 1]
    steady = [course for course in courses if len(course.stretches) == 1]
    return {heading: group for heading, group in (("Changed", changed), ("No change shown", steady)) if group}


def better(course: Trend) -> bool | None:
    """Whether the last change was an improvement; None where none is shown or the metric has no direction."""
    direction = metric(course.metric).direction
    if len(course.stretches) < 2 or direction is Direction.NONE:
        return None
    before, after = course.stretches[-2:]
    return (after.level < before.level) is (direction is Direction.LOWER)


def _facts(runs: Sequence[TrendRun]) -> list[tuple[str, str]]:
    if not runs:
        return []
    facts = [("runs", f"{when(runs[0])} to {when(runs[-1])}"), *machine_lines(runs[-1].environment)]
    events = []
    for before, after in pairwise(runs):
        found = environment_diff([before.environment, after.environment], _NOT_SHOWN)
        if found:
            words = "; ".join(f"{each.name}: {' -> '.join(each.values)}" for each in found[:4])
            more = f"; and in {len(found) - 4} more" if len(found) > 4 else ""
            events.append(("became", f"{when(after)} {words}{more}"))
    left = len(events) - _MOST_EVENTS
    return [
        *facts,
        *events[-_MOST_EVENTS:],
        *([("became", f"other {counted(left, 'time')} before")] if left > 0 else []),
    ]


def _row(course: Trend, runs: Sequence[TrendRun], notes: Notes, *, effects: bool, unicode: bool) -> Row:
    now = course.stretches[-1]
    there = [level for level in course.levels if level is not None]
    cells = {
        "claim": sanitize(course.claim),
        "case": sanitize(parameters(course.case)),
        "variant": sanitize(course.variant),
        "metric": "" if course.metric == "seconds" else sanitize(course.metric, 60),
        "level": level_of(course, now.level, effects=effects),
        "interval": interval_of(course, now, effects=effects),
        "course": spark(course.levels, unicode=unicode),
        "runs": str(len(there)),
        "changed": "; ".join(
            f"{effect(change)} from {when(runs[after.start])} (run {after.start + 1})"
            for change, after in zip(course.changes, course.stretches[1:], strict=True)
        ),
    }
    remarks = []
    if len(there) < FEWEST:
        remarks.append(f"fewer than {FEWEST} runs: no change could be shown")
    if course.memory > 0:
        remarks.append(
            f"neighbouring runs are alike (correlation {course.memory:.2f}), which was allowed for"
        )
    return Row(cells, {"changed": IMPROVED[better(course)]}, notes.of(*remarks))


def level_of(course: Trend, level: float, *, effects: bool) -> str:
    """A level of this course in words: a quantity, or the effect against the baseline."""
    return (
        effect(Comparison(course.metric, 0, level))
        if effects
        else quantity(level, metric(course.metric).unit)
    )


def interval_of(course: Trend, stretch: Segment, *, effects: bool) -> str:
    """The 95 % interval of a stretch's level in the same words; nothing where there is none."""
    if stretch.low is None or stretch.high is None:
        return ""
    if effects:
        return interval(Comparison(course.metric, 0, stretch.level, stretch.low, stretch.high))
    # in the level's own unit, so that three digits of each can be compared
    scale, unit = scale_of(stretch.level, metric(course.metric).unit)
    return f"{digits(stretch.low / scale)} to {digits(stretch.high / scale)} {unit}".rstrip()


def spark(levels: Sequence[float | None], *, unicode: bool = True) -> str:
    """The course as a row of bars, lowest to highest level; a blank where there is none, neighbours put
    together."""
    signs = SPARKS if unicode else PLAIN_SPARKS
    width = min(WIDEST_SPARK, len(levels))
    grouped = []
    for index in range(width):
        part = levels[index * len(levels) // width : (index + 1) * len(levels) // width]
        there = [level for level in part if level is not None and level > 0]
        grouped.append(math.log(median(there)) if there else None)
    known = [level for level in grouped if level is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    # what moves by less than a per cent is drawn flat: a bar chart of nothing looks like something
    span = max(high - low, math.log1p(0.01))
    middle = (low + high - span) / 2
    return "".join(
        " " if level is None else signs[min(len(signs) - 1, int((level - middle) / span * len(signs)))]
        for level in grouped
    )


def when(run: TrendRun) -> str:
    """The day on which a run was measured, or its name where it does not say."""
    return sanitize(run.started[:10] or run.label, 40)
