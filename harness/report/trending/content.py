"""A trend over many runs in words, as a paper: what changed and when first, then every course with its level now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from harness.compare.change import FEWEST
from harness.model import Comparison, Course, Stretch, metric, parameters
from harness.report.header import machine_lines
from harness.report.paper import Column, Line, Notes, Paper, Table, Tone
from harness.report.surroundings import differing
from harness.report.words import digits, effect, inert, quantity

SPARKS = "▁▂▃▄▅▆▇█"
PLAIN_SPARKS = "12345678"
WIDEST_SPARK = 40

HOW = (
    "A change is what Pettitt's rank test finds over the whole course, neighbours' likeness taken out first; of the "
    "changes shown at most 5 % are expected to be false, and where nothing changed the chance of showing any is 5 %."
)

_UNTOLD = frozenset({"warnings", "git", "variables"})
_MOST_EVENTS = 12

_COLUMNS = (
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
class Held:
    """A run of the trend: what it is called, when it was held, and where."""

    label: str
    started: str
    environment: Mapping[str, object]


def trend_paper(
    courses: Sequence[Course],
    runs: Sequence[Held],
    left_out: Sequence[str] = (),
    *,
    effects: bool = False,
    unicode: bool = True,
) -> Paper:
    """The trend of these runs, oldest first; ``left_out`` says which others were not taken, and why."""
    notes = Notes()
    changed = [course for course in courses if len(course.stretches) > 1]
    steady = [course for course in courses if len(course.stretches) == 1]
    tables: list[Table] = []
    for heading, group in (("Changed", changed), ("No change shown", steady)):
        if group:
            rows = tuple(_row(course, runs, notes, effects=effects, unicode=unicode) for course in group)
            tables.append(Table(f"{heading} ({len(group)})", _with_claim(), rows, below="" if tables else HOW))
    return Paper(
        f"{'Effects' if effects else 'Times'} over {len(runs)} runs of one machine",
        (*_facts(runs), *(("left out", inert(why)) for why in left_out)),
        (),
        tuple(tables),
        notes.texts,
        f"{len(changed)} of {len(courses)} courses changed",
    )


def _with_claim() -> tuple[Column, ...]:
    return (Column("claim", "claim", foreign=True), *_COLUMNS)


def _facts(runs: Sequence[Held]) -> list[tuple[str, str]]:
    if not runs:
        return []
    told = [("runs", f"{_when(runs[0])} to {_when(runs[-1])}"), *machine_lines(runs[-1].environment)]
    events = []
    for before, after in pairwise(runs):
        found = differing([before.environment, after.environment], _UNTOLD)
        if found:
            words = "; ".join(f"{each.name}: {' -> '.join(each.values)}" for each in found[:4])
            more = f"; and in {len(found) - 4} more" if len(found) > 4 else ""
            events.append(("became", f"{_when(after)} {words}{more}"))
    left = len(events) - _MOST_EVENTS
    return [*told, *events[-_MOST_EVENTS:], *([("became", f"other {left} times before")] if left > 0 else [])]


def _row(course: Course, runs: Sequence[Held], notes: Notes, *, effects: bool, unicode: bool) -> Line:
    now = course.stretches[-1]
    there = [level for level in course.levels if level is not None]
    cells = {
        "claim": inert(course.claim),
        "case": inert(parameters(course.case)),
        "variant": inert(course.variant),
        "metric": "" if course.metric == "seconds" else inert(course.metric, 60),
        "level": _level(course, now.level, effects=effects),
        "interval": _interval(course, now, effects=effects),
        "course": spark(course.levels, unicode=unicode),
        "runs": str(len(there)),
        "changed": "; ".join(_change(course, before, after, runs) for before, after in pairwise(course.stretches)),
    }
    remarks = []
    if len(there) < FEWEST:
        remarks.append(f"fewer than {FEWEST} runs: no change could be shown")
    if course.memory > 0:
        remarks.append(f"neighbouring runs are alike (correlation {course.memory:.2f}), which was allowed for")
    tone = Tone.PLAIN
    if len(course.stretches) > 1:
        worse = now.level > course.stretches[-2].level
        tone = Tone.BAD if worse else Tone.GOOD
    return Line(cells, {"changed": tone}, notes.of(*remarks))


def _change(course: Course, before: Stretch, after: Stretch, runs: Sequence[Held]) -> str:
    told = effect(Comparison(course.metric, 0, after.level / before.level, None, None))
    return f"{told} from {_when(runs[after.start])} (run {after.start + 1})"


def _level(course: Course, level: float, *, effects: bool) -> str:
    return effect(Comparison(course.metric, 0, level)) if effects else quantity(level, metric(course.metric).unit)


def _interval(course: Course, stretch: Stretch, *, effects: bool) -> str:
    if stretch.low is None or stretch.high is None:
        return ""
    if effects:
        return f"{_level(course, stretch.low, effects=True)} to {_level(course, stretch.high, effects=True)}"
    # in the level's own unit, so that three digits of each can be compared
    shown = quantity(stretch.level, metric(course.metric).unit)
    number, _, unit = shown.partition(" ")
    if not math.isfinite(stretch.level) or not float(number):
        return ""
    scale = stretch.level / float(number)
    return f"{digits(stretch.low / scale)} to {digits(stretch.high / scale)} {unit}".rstrip()


def spark(levels: Sequence[float | None], *, unicode: bool = True) -> str:
    """The course as a row of bars, lowest to highest level; a blank where there is none, neighbours put together."""
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


def _when(run: Held) -> str:
    return inert(run.started[:10] or run.label, 40)
