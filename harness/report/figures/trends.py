"""Levels over many runs: a figure for each case, a panel for each variant, with its levels and their
intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import ColumnDataSource, Line, Plot, Range1d, Scatter, VArea

from harness.model import Trend, metric, parameters
from harness.report.builders.trend import TrendRun, better, interval_of, level_of, when
from harness.report.document import Tone
from harness.report.figures.canvas import canvas, hover, label, source, span, stacked, themed, ticks
from harness.report.format import digits, sanitize, scale_of
from harness.report.html.parts import Figure, Grid

MOST_PANELS = 600
"""Of all figures together: 200 cases of three variants, some 4 MB of a page with 200 runs."""

PANEL = 104

_CALM = 0.01
"""A share: smaller movements are drawn flat."""

_MOST_DECIMALS = 8

_LABELLED = (1 / 6, 1 / 2, 5 / 6)
"""Where along the axis runs are named: far enough from its ends for a date."""

_TONES = {True: Tone.GOOD, False: Tone.BAD, None: "ink"}


@dataclass(frozen=True, slots=True)
class _Series:
    """A trend as it is drawn: the column of its levels, divided by ``factor`` to be in ``unit``."""

    trend: Trend
    column: str
    factor: float
    unit: str
    effects: bool


def trend_figures(trends: Sequence[Trend], runs: Sequence[TrendRun], *, effects: bool) -> list[Figure]:
    """The figures of cases with a change first, then the others, up to `MOST_PANELS` panels."""
    grouped: dict[tuple[str, str], list[Trend]] = defaultdict(list)
    for trend in trends:
        grouped[trend.case, trend.metric].append(trend)
    figures: list[Figure] = []
    panels = 0
    for own in sorted(grouped.values(), key=lambda own: not changed(own)):
        panels += len(own)
        if panels > MOST_PANELS:
            break
        figures.append(_figure(f"trend-{len(figures)}", own, runs, effects=effects))
    return figures


def changed(trends: Iterable[Trend]) -> bool:
    """Whether any of these trends has a change."""
    return any(len(trend.stretches) > 1 for trend in trends)


def _figure(name: str, trends: Sequence[Trend], runs: Sequence[TrendRun], *, effects: bool) -> Figure:
    first = trends[0]
    meaning = "" if first.metric == "seconds" else metric(first.metric).meaning
    title = sanitize(
        ", ".join(filter(None, (" ".join((first.claim, parameters(first.case))).strip(), meaning))), 100
    )
    series = [
        _Series(trend, f"y{index}", *_scale(trend, effects=effects), effects)
        for index, trend in enumerate(trends)
    ]
    data = source(
        x=np.arange(1, len(runs) + 1, dtype=np.int32),
        run=[when(run) for run in runs],
        **{each.column: _levels(each) for each in series},
    )
    across = span(0.5, len(runs) + 0.5)
    days = _days(runs)
    panels = [_panel(across, data, each, days, last=each is series[-1]) for each in series]
    numbers = Grid(
        "Levels", ("variant", "runs", "level", "95 %"),
        tuple(
            (sanitize(trend.variant, 80), _first_and_last(runs[each.start], runs[each.stop - 1]),
             level_of(trend, each.level, effects=effects), interval_of(trend, each, effects=effects))
            for trend in trends for each in trend.stretches
        ),
    )  # fmt: skip
    described = "; ".join(_description(trend, effects=effects) for trend in trends[:12])
    return Figure(name, title, f"{title} over {len(runs)} runs. {described}.", stacked(panels), "", numbers)


def _scale(trend: Trend, *, effects: bool) -> tuple[float, str]:
    return (1.0, "x") if effects else scale_of(trend.stretches[-1].level, metric(trend.metric).unit)


def _levels(series: _Series) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    levels = (math.nan if level is None else level / series.factor for level in series.trend.levels)
    return np.fromiter(levels, np.float32)


def _first_and_last(first: TrendRun, last: TrendRun) -> str:
    return " to ".join(dict.fromkeys((when(first), when(last))))


def _description(trend: Trend, *, effects: bool) -> str:
    levels = ", then ".join(level_of(trend, each.level, effects=effects) for each in trend.stretches)
    return f"{sanitize(trend.variant, 80)}: {levels}"


def _panel(
    across: Range1d, data: ColumnDataSource, series: _Series, days: Mapping[float, str], *, last: bool
) -> Plot:
    trend, factor, unit, column = series.trend, series.factor, series.unit, series.column
    low, high = _bounds(trend, factor)
    room = 0.35 * (high - low)
    plot = canvas(PANEL + (22 if last else 0), across, span(low - 0.1 * room, high + room), below=last)
    ticks(plot, "left", {height: f"{text} {unit}".rstrip() for height, text in _heights(low, high)})
    ticks(plot, "below", days)
    for number, each in enumerate(trend.stretches):
        ends = [each.start + 0.5, each.stop + 0.5]
        tone = _TONES[better(trend)] if number and number == len(trend.stretches) - 1 else "soft"
        if each.low is not None and each.high is not None:
            band = source(x=ends, y1=[each.low / factor] * 2, y2=[each.high / factor] * 2)
            plot.add_glyph(band, themed(VArea(x="x", y1="y1", y2="y2", fill_alpha=0.25), fill_color=tone))
        level = source(x=ends, y=[each.level / factor] * 2)
        plot.add_glyph(level, themed(Line(x="x", y="y", line_width=2), line_color=tone))
    plot.add_glyph(data, themed(Line(x="x", y=column, line_width=1, line_alpha=0.5), line_color="accent"))
    dots = themed(Scatter(x="x", y=column, size=4), line_color="accent", fill_color="accent")
    meaning = "against baseline" if series.effects else "level"
    hover(plot, [plot.add_glyph(data, dots)], {"run": "", f"{column}{{0.000}} {unit}".rstrip(): meaning})
    title = source(x=[0.5], y=[high + room], text=[sanitize(trend.variant, 60)])
    label(plot, title, "soft", "top", offset=(6, 2))
    return plot


def _bounds(trend: Trend, factor: float) -> tuple[float, float]:
    bounds = [value for each in trend.stretches for value in (each.low, each.high) if value is not None]
    values = [
        value / factor for value in (*trend.levels, *bounds) if value is not None and math.isfinite(value)
    ]
    low, high = min(values), max(values)
    missing = max(0.0, _CALM * abs(high) - (high - low)) or (0.0 if high > low else 1.0)
    return low - missing / 2, high + missing / 2


def _heights(low: float, high: float) -> list[tuple[float, str]]:
    places = (low, (low + high) / 2, high)
    labels = [digits(place) for place in places]
    decimals = 1
    while len(set(labels)) < len(labels) and decimals < _MOST_DECIMALS:
        labels = [f"{place:.{decimals}f}" for place in places]
        decimals += 1
    return list(zip(places, labels, strict=True))


def _days(runs: Sequence[TrendRun]) -> dict[float, str]:
    places = dict.fromkeys(min(len(runs) - 1, int(share * len(runs))) for share in _LABELLED)
    return {float(place + 1): sanitize(when(runs[place]), 12) for place in places}
