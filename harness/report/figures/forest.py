"""The forest plot: every effect with its interval, beside the margin within which it counts as no effect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bokeh.models import HBar, Plot, Scatter, Segment
from bokeh.models.renderers import DataRenderer

from harness.report.document import Tone
from harness.report.figures.canvas import canvas, hover, label, source, span, themed, ticks
from harness.report.format import sanitize
from harness.report.html.parts import Figure

ROW = 42
"""Height of a row in pixels: its label, and its interval below."""

LONGEST_LABEL = 34

MOST_ROWS_DRAWN = 60
"""Rows of one figure: some browsers cannot show a taller canvas."""

_EDGE = 1e4
_SHAPES = {
    Tone.GOOD: "circle",
    Tone.BAD: "square",
    Tone.SAME: "diamond",
    Tone.OPEN: "circle",
    Tone.TROUBLE: "x",
    Tone.DIM: "circle",
    "": "circle",
}
_HOLLOW = (Tone.OPEN, Tone.DIM, "")
_SPREAD = (1.0, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100, 300, 1000, 3000, 10000)
_CLOSE = (1.005, 1.01, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5)


@dataclass(frozen=True, slots=True)
class Effect:
    """A ratio variant/baseline with its interval, if there is one, and its margin as a share; the rest in
    words."""

    label: str
    ratio: float
    low: float | None
    high: float | None
    margin: float
    tone: str
    outcome: str
    effect: str
    interval: str
    units: str = ""


def drawable(ratio: float) -> bool:
    """Whether a ratio has a place on the axis: it is finite, positive and not extreme."""
    return math.isfinite(ratio) and 1 / _EDGE < ratio < _EDGE


def forest(name: str, title: str, effects: Sequence[Effect], caption: str = "") -> Figure | None:
    """A row for each effect, from the top down; None if none of them can be drawn."""
    drawn = [effect for effect in effects if drawable(effect.ratio)]
    if not drawn:
        return None
    left = len(effects) - len(drawn)
    more = f" {left} not drawn: one of the two values was zero." if left else ""
    return Figure(name, title, _description(title, drawn), _plot(drawn), f"{caption}{more}".strip())


def on_two_scales(groups: Iterable[Sequence[Effect]], small: str, large: str) -> list[Figure]:
    """Groups whose effects are all small in one figure, the others in a second one; each split if it is too
    tall.

    A figure for each group would show no more and take the browser a second longer.
    """
    scales: dict[str, list[Effect]] = {small: [], large: []}
    for effects in groups:
        scales[small if all(map(_close, effects)) else large] += effects
    figures: list[Figure] = []
    for title, effects in scales.items():
        figures += in_pieces(title, effects, len(figures))
    return figures


def in_pieces(title: str, effects: Sequence[Effect], first: int = 0) -> list[Figure]:
    """Forest plots of at most `MOST_ROWS_DRAWN` rows each, their names numbered from ``first``."""
    pieces = [effects[start : start + MOST_ROWS_DRAWN] for start in range(0, len(effects), MOST_ROWS_DRAWN)]
    drawn = (
        forest(
            f"forest-{first + index}", title if len(pieces) == 1 else f"{title}, from {piece[0].label}", piece
        )
        for index, piece in enumerate(pieces)
    )
    return [figure for figure in drawn if figure is not None]


def _close(effect: Effect) -> bool:
    return all(
        1 / 1.6 < value < 1.6 for value in (effect.ratio, effect.low, effect.high) if value is not None
    )


def _plot(effects: Sequence[Effect]) -> Plot:
    low, high = _bounds(effects)
    count = len(effects)
    plot = canvas(count * ROW + 34, span(low, high), span(count - 0.5, -0.62), log=True, left=False)
    ticks(plot, "below", _tick_labels(low, high))
    at = [row + 0.2 for row in range(count)]
    margins = source(y=at, left=[1 / (1 + e.margin) for e in effects], right=[1 + e.margin for e in effects])
    bars = HBar(y="y", left="left", right="right", height=0.44)
    plot.add_glyph(margins, themed(bars, fill_color="band", line_color="band"))
    equal = source(x=[1] * count, y0=[y - 0.25 for y in at], y1=[y + 0.25 for y in at])
    plot.add_glyph(equal, themed(Segment(x0="x", y0="y0", x1="x", y1="y1", line_width=1), line_color="soft"))
    for tone in dict.fromkeys(effect.tone for effect in effects):
        own = [(y, effect) for y, effect in zip(at, effects, strict=True) if effect.tone == tone]
        _marks(plot, tone, own, (low, high))
    above = [y - 0.32 for y in at]
    names = source(
        x=[low] * count, y=above, text=[sanitize(effect.label, LONGEST_LABEL) for effect in effects]
    )
    label(plot, names, "ink", "bottom", offset=(4, 0))
    changes = source(x=[high] * count, y=above, text=[effect.effect for effect in effects])
    label(plot, changes, "soft", "bottom", align="right", offset=(-4, 0))
    return plot


def _marks(plot: Plot, tone: str, own: Sequence[tuple[float, Effect]], bounds: tuple[float, float]) -> None:
    low, high = bounds
    effects = [effect for _, effect in own]
    data = source(
        x=[effect.ratio for effect in effects],
        y=[y for y, _ in own],
        x0=[max(low, effect.low) if effect.low is not None else effect.ratio for effect in effects],
        x1=[min(high, effect.high) if effect.high is not None else effect.ratio for effect in effects],
        label=[sanitize(effect.label) for effect in effects],
        outcome=[effect.outcome for effect in effects],
        effect=[effect.effect for effect in effects],
        interval=[effect.interval or "none yet" for effect in effects],
        units=[effect.units for effect in effects],
    )
    colour = tone or Tone.DIM
    intervals = Segment(x0="x0", y0="y", x1="x1", y1="y", line_width=2.5)
    dots = Scatter(x="x", y="y", size=9, marker=_SHAPES[tone])
    drawn: list[DataRenderer] = [
        plot.add_glyph(data, themed(intervals, line_color=colour)),
        # undecided effects are hollow
        plot.add_glyph(
            data, themed(dots, line_color=colour, fill_color="paper" if tone in _HOLLOW else colour)
        ),
    ]
    labels = {"label": "", "outcome": "verdict", "effect": "effect", "interval": "95 %", "units": "units"}
    hover(plot, drawn, labels)


def _bounds(effects: Sequence[Effect]) -> tuple[float, float]:
    ends = [
        value for e in effects for value in (e.ratio, e.low, e.high) if value is not None and drawable(value)
    ]
    edge = 2 * max(math.log1p(effect.margin) for effect in effects)
    low, high = min(-edge, math.log(min(ends))), max(edge, math.log(max(ends)))
    room = 0.06 * (high - low)
    return math.exp(low - room), math.exp(high + room)


def _tick_labels(low: float, high: float) -> dict[float, str]:
    """At most seven, as factors on either side; smaller steps if everything is close to the baseline."""
    labels = {1.0: "equal"}
    close = low > 0.6 and high < 1.6
    steps = _CLOSE if close else _SPREAD[1:]
    room = (math.log(high) - math.log(low)) / 6.5  # a label's width on a phone
    for up in (True, False):
        last = 0.0
        for step in steps:
            tick = step if up else 1 / step
            if not low < tick < high:
                break
            if abs(math.log(tick)) - last < room:
                continue
            last = abs(math.log(tick))
            labels[tick] = f"{step:g}x"
    return labels


def _description(title: str, effects: Sequence[Effect]) -> str:
    listed = "; ".join(f"{sanitize(e.label, 80)}: {e.outcome}, {e.effect}" for e in effects[:12])
    number = (
        "1 effect with its interval" if len(effects) == 1 else f"{len(effects)} effects with their intervals"
    )
    return f"{title}: {number}. {listed}{'; and more' if len(effects) > 12 else ''}."
