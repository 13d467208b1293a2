"""Courses over many runs: a figure for each case, a panel for each variant, with its levels and their intervals."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from harness.model import Trend, metric, parameters
from harness.report.format import digits, sanitize, scale_of
from harness.report.html.drawing import (
    BokehModel,
    canvas,
    draw,
    draw_from,
    hover,
    item,
    source,
    span,
    stacked,
    ticks,
    words,
)
from harness.report.html.parts import BAD, GOOD, Figure, Grid
from harness.report.trending.content import TrendRun, better, interval_of, level_of, when

MOST_BYTES = 6_000_000
"""Of all figures together before they are packed: some 280 cases of three variants and 200 runs."""

PANEL = 104

_CALM = 0.01
"""A share: what moves by less is drawn flat."""

_MOST_DECIMALS = 8

_LABELLED = (1 / 6, 1 / 2, 5 / 6)
"""Where along the axis runs are named: far enough from its ends for a date."""


def course_figures(courses: Sequence[Trend], runs: Sequence[TrendRun], *, effects: bool) -> list[Figure]:
    """The figures of cases with a change first, then the others, as many as a page has room for."""
    grouped: dict[tuple[str, str], list[Trend]] = defaultdict(list)
    for course in courses:
        grouped[course.case, course.metric].append(course)
    figures: list[Figure] = []
    size = 0
    for own in sorted(grouped.values(), key=lambda own: not changed(own)):
        figure = _figure(f"course-{len(figures)}", own, runs, effects=effects)
        size += len(json.dumps(figure.drawing))
        if size > MOST_BYTES:
            break
        figures.append(figure)
    return figures


def changed(courses: Iterable[Trend]) -> bool:
    """Whether any of these courses has a change."""
    return any(len(course.stretches) > 1 for course in courses)


def _figure(name: str, courses: Sequence[Trend], runs: Sequence[TrendRun], *, effects: bool) -> Figure:
    first = courses[0]
    measure = "" if first.metric == "seconds" else metric(first.metric).meaning
    title = sanitize(", ".join(filter(None, (" ".join((first.claim, parameters(first.case))).strip(), measure))), 100)
    scales = [_scale(course, effects=effects) for course in courses]
    places = {"x": np.arange(1, len(runs) + 1, dtype=np.int32), "run": [when(run) for run in runs]}
    levels = {
        f"y{index}": np.asarray([math.nan if level is None else level / factor for level in course.levels], np.float32)
        for index, (course, (factor, _)) in enumerate(zip(courses, scales, strict=True))
    }
    data = source({**places, **levels})
    across = span(0.5, len(runs) + 0.5)
    panels = [
        _panel(across, data, index, course, scale, len(courses) == index + 1, runs, effects=effects)
        for index, (course, scale) in enumerate(zip(courses, scales, strict=True))
    ]
    grid = Grid(
        "Levels", ("variant", "runs", "level", "95 %"),
        tuple(
            (sanitize(course.variant, 80), _stretch(runs[each.start], runs[each.stop - 1]),
             level_of(course, each.level, effects=effects), interval_of(course, each, effects=effects))
            for course in courses for each in course.stretches
        ),
    )  # fmt: skip
    told = "; ".join(_told(course, effects=effects) for course in courses[:12])
    return Figure(name, title, f"{title} over {len(runs)} runs. {told}.", item(stacked(panels)), "", grid)


def _scale(course: Trend, *, effects: bool) -> tuple[float, str]:
    return (1.0, "x") if effects else scale_of(course.stretches[-1].level, metric(course.metric).unit)


def _stretch(first: TrendRun, last: TrendRun) -> str:
    ends = dict.fromkeys((when(first), when(last)))
    return " to ".join(ends)


def _told(course: Trend, *, effects: bool) -> str:
    levels = ", then ".join(level_of(course, each.level, effects=effects) for each in course.stretches)
    return f"{sanitize(course.variant, 80)}: {levels}"


def _panel(
    across: BokehModel,
    data: BokehModel,
    index: int,
    course: Trend,
    scale: tuple[float, str],
    last: bool,
    runs: Sequence[TrendRun],
    *,
    effects: bool,
) -> BokehModel:
    factor, unit = scale
    low, high = _bounds(course, factor)
    room = 0.35 * (high - low)
    plot = canvas(PANEL + (22 if last else 0), across, span(low - 0.1 * room, high + room), below=last)
    ticks(plot, "left", {value: f"{told} {unit}".rstrip() for value, told in _heights(low, high)})
    ticks(plot, "below", _days(runs))
    for number, stretch in enumerate(course.stretches):
        ends = [stretch.start + 0.5, stretch.stop + 0.5]
        tone = _TONES[better(course)] if number and number == len(course.stretches) - 1 else "soft"
        if stretch.low is not None and stretch.high is not None:
            band = {"x": ends, "y1": [stretch.low / factor] * 2, "y2": [stretch.high / factor] * 2}
            draw(plot, "VArea", band, {"fill_color": tone}, fill_alpha=0.25)
        draw(plot, "Line", {"x": ends, "y": [stretch.level / factor] * 2}, {"line_color": tone}, line_width=2)
    where = {"x": "x", "y": f"y{index}"}
    draw_from(plot, "Line", data, where, {"line_color": "accent"}, line_width=1, line_alpha=0.5)
    dots = draw_from(plot, "Scatter", data, where, {"line_color": "accent", "fill_color": "accent"}, size=4)
    hover(plot, [dots], {"run": "", f"y{index}{{0.000}} {unit}".rstrip(): "against baseline" if effects else "level"})
    title = {"x": [0.5], "y": [high + room], "text": [sanitize(course.variant, 60)]}
    words(plot, title, "soft", text_baseline="top", x_offset=6, y_offset=2)
    return plot


_TONES = {True: GOOD, False: BAD, None: "ink"}


def _bounds(course: Trend, factor: float) -> tuple[float, float]:
    bounds = [value for each in course.stretches for value in (each.low, each.high) if value is not None]
    values = [value / factor for value in (*course.levels, *bounds) if value is not None and math.isfinite(value)]
    low, high = min(values), max(values)
    missing = max(0.0, _CALM * abs(high) - (high - low)) or (0.0 if high > low else 1.0)
    return low - missing / 2, high + missing / 2


def _heights(low: float, high: float) -> list[tuple[float, str]]:
    places = (low, (low + high) / 2, high)
    told = [digits(place) for place in places]
    decimals = 1
    while len(set(told)) < len(told) and decimals < _MOST_DECIMALS:
        told = [f"{place:.{decimals}f}" for place in places]
        decimals += 1
    return list(zip(places, told, strict=True))


def _days(runs: Sequence[TrendRun]) -> Mapping[float, str]:
    places = dict.fromkeys(min(len(runs) - 1, int(share * len(runs))) for share in _LABELLED)
    return {float(place + 1): sanitize(when(runs[place]), 12) for place in places}
