"""Loader curves: throughput and memory against the number of workers, with 95 % intervals as bands."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bokeh.models import Line, Plot, Range1d, Scatter, VArea
from bokeh.models.glyph import Glyph
from bokeh.models.renderers import GlyphRenderer

from harness.model import BASELINE, Claim, Measurement, Tuned, benchmark_of, parameters
from harness.plural import counted
from harness.report.figures.canvas import (
    DASHES,
    LINES,
    MARKS,
    canvas,
    hover,
    legend,
    source,
    span,
    stacked,
    themed,
    ticks,
)
from harness.report.format import quantity, sanitize
from harness.report.html.parts import Figure, Grid
from harness.report.summary import level_interval, typical

_WORKERS = re.compile(r"(?:^|.*_)workers?_?(\d{1,4})$")
_MEMORY = ("pss_bytes", "tree_bytes")


@dataclass(frozen=True, slots=True)
class Point:
    """A loader with this number of workers: items per second with their interval, memory in bytes; None if
    unknown."""

    workers: int
    rate: float
    low: float | None = None
    high: float | None = None
    memory: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one kind of loader, by workers."""

    label: str
    points: tuple[Point, ...]


def run_curves(claims: Iterable[Claim], by_case: dict[str, list[Measurement]]) -> list[Figure]:
    """A figure for each case whose variants are named by their number of workers, for example
    ``workers_4``."""
    figures: list[Figure] = []
    for claim in claims:
        prefix = f"{claim.path}::{claim.function}"
        for case in sorted(case for case in by_case if benchmark_of(case) == prefix):
            measurements = by_case[case]
            points = _points(measurements)
            if len(points) < 2:
                continue
            title = sanitize(" ".join(filter(None, (claim.name, parameters(case)))), 80)
            unit = "samples/s" if _items(measurements) else "iterations/s"
            level = _point(measurements, BASELINE, 0)
            figures.append(_figure(f"curve-{len(figures)}", title, unit, [Curve("workers", points)], level))
    return figures


def tuned_curves(tuned: Tuned) -> list[Figure]:
    """The settings that a tuning raced: a line for each kind, with its best setting at each number of
    workers."""
    best: dict[str, dict[int, Point]] = defaultdict(dict)
    for ranked in tuned.ranked:
        setting, rate = ranked.setting, 1 / ranked.seconds if ranked.seconds > 0 else 0.0
        if rate <= 0 or not math.isfinite(rate):
            continue
        low, high = (
            rate * ranked.ratio / bound if bound > 0 else None for bound in (ranked.high, ranked.low)
        )
        point = Point(setting.workers, rate, low, high, ranked.readings.get("pss_bytes"), setting.name)
        known = best[setting.kind].get(setting.workers)
        if known is None or known.rate < rate:
            best[setting.kind][setting.workers] = point
    curves = [
        Curve(sanitize(kind, 40), tuple(points[n] for n in sorted(points))) for kind, points in best.items()
    ]
    if not any(len(curve.points) > 1 for curve in curves):
        return []
    return [_figure("curve-tuned", "Settings that ran", "samples/s", curves[: len(LINES)], None)]


def _points(measurements: Sequence[Measurement]) -> tuple[Point, ...]:
    names = dict.fromkeys(trial.variant for measurement in measurements for trial in measurement.trials)
    counts = {name: int(found[1]) for name in names if (found := _WORKERS.match(name))}
    points = (_point(measurements, name, workers) for name, workers in counts.items())
    return tuple(sorted((point for point in points if point is not None), key=lambda point: point.workers))


def _point(measurements: Sequence[Measurement], name: str, workers: int) -> Point | None:
    seconds, items = typical(measurements, name, "seconds"), _items(measurements) or 1.0
    if not seconds or not math.isfinite(seconds):
        return None
    bounds = level_interval(measurements, name, "seconds")
    memory = next(
        (found for kind in _MEMORY if (found := typical(measurements, name, kind)) is not None), None
    )
    low, high = (items / bounds[1], items / bounds[0]) if bounds else (None, None)
    return Point(workers, items / seconds, low, high, memory, sanitize(name))


def _items(measurements: Sequence[Measurement]) -> float:
    return next((m.work.items for m in reversed(measurements) if m.work.items > 0), 0.0)


def _figure(name: str, title: str, unit: str, curves: Sequence[Curve], level: Point | None) -> Figure:
    points = [point for curve in curves for point in curve.points]
    memories = [point.memory for point in points if point.memory is not None]
    most = max(point.high or point.rate for point in [*points, *([level] if level else [])])
    counts = sorted({point.workers for point in points})
    across = span(counts[0] - 0.4, counts[-1] + 0.4)
    rates = _panel(across, counts, 1.12 * most, unit)
    if level:
        _draw_level(rates, level, counts)
    _draw_rates(rates, curves, unit)
    panels = [rates]
    if memories:
        panels.append(_panel(across, counts, 1.15 * max(memories), "B"))
        _draw_memory(panels[-1], curves)
    caption = f"Top: {unit}; the band is the 95 % interval of the level." + (
        " Below: memory." if memories else ""
    )
    if level:
        caption += f" Dashed: the baseline, {quantity(level.rate, '')} {unit}."
    numbers = Grid(
        "Numbers", ("loader", "workers", unit, "95 %", "memory"),
        tuple(
            (point.name, str(point.workers), quantity(point.rate, ""), _bounds(point), _memory(point))
            for point in [*([level] if level else []), *points]
        ),
    )  # fmt: skip
    return Figure(name, title, _description(title, unit, points), stacked(panels), caption, numbers)


def _panel(across: Range1d, counts: Sequence[int], high: float, unit: str) -> Plot:
    plot = canvas(230 if unit != "B" else 150, across, span(0.0, high))
    ticks(
        plot,
        "below",
        {count: counted(count, "worker") if len(counts) <= 5 else str(count) for count in counts},
    )
    steps = _round_steps(high, 2.0 if unit == "B" else 10.0)
    ticks(
        plot, "left", {step: quantity(step, unit if unit == "B" else "") if step else "0" for step in steps}
    )
    return plot


def _draw_level(plot: Plot, level: Point, counts: Sequence[int]) -> None:
    ends = [counts[0] - 0.4, counts[-1] + 0.4]
    if level.low is not None and level.high is not None:
        band = source(x=ends, y1=[level.low] * 2, y2=[level.high] * 2)
        plot.add_glyph(band, themed(VArea(x="x", y1="y1", y2="y2", fill_alpha=0.15), fill_color="soft"))
    line = Line(x="x", y="y", line_dash="dashed", line_width=1.5)
    plot.add_glyph(source(x=ends, y=[level.rate] * 2), themed(line, line_color="soft"))


def _draw_rates(plot: Plot, curves: Sequence[Curve], unit: str) -> None:
    named = []
    for index, curve in enumerate(curves):
        banded = [
            (p.workers, p.low, p.high) for p in curve.points if p.low is not None and p.high is not None
        ]
        if len(banded) > 1:
            workers, lows, highs = zip(*banded, strict=True)
            band = VArea(x="x", y1="y1", y2="y2", fill_alpha=0.18)
            plot.add_glyph(source(x=workers, y1=lows, y2=highs), themed(band, fill_color=LINES[index]))
        drawn = _draw_line(plot, curve.points, [point.rate for point in curve.points], index)
        hover(plot, drawn[1:], {"label": "", "rate": unit, "bounds": "95 %", "memory": "memory"})
        named.append((curve.label, drawn))
    if len(curves) > 1:
        legend(plot, named)


def _draw_memory(plot: Plot, curves: Sequence[Curve]) -> None:
    for index, curve in enumerate(curves):
        points = [point for point in curve.points if point.memory is not None]
        if points:
            drawn = _draw_line(plot, points, [point.memory or 0.0 for point in points], index)
            hover(plot, drawn[1:], {"label": "", "memory": "memory"})


def _draw_line(
    plot: Plot, points: Sequence[Point], heights: Sequence[float], index: int
) -> list[GlyphRenderer[Glyph]]:
    colour = LINES[index]
    data = source(
        x=[point.workers for point in points],
        y=list(heights),
        label=[point.name for point in points],
        rate=[quantity(point.rate, "") for point in points],
        bounds=[_bounds(point) or "none yet" for point in points],
        memory=[_memory(point) or "?" for point in points],
    )
    line = Line(x="x", y="y", line_width=2, line_dash=DASHES[index])
    dots = Scatter(x="x", y="y", size=8, marker=MARKS[index])
    return [
        plot.add_glyph(data, themed(line, line_color=colour)),
        plot.add_glyph(data, themed(dots, line_color=colour, fill_color=colour)),
    ]


def _memory(point: Point) -> str:
    return "" if point.memory is None else quantity(point.memory, "B")


def _bounds(point: Point) -> str:
    if point.low is None or point.high is None:
        return ""
    return f"{quantity(point.low, '')} to {quantity(point.high, '')}"


def _round_steps(high: float, base: float) -> list[float]:
    """About four round steps from 0: 1, 2 or 5 times a power of ten, or of two for bytes."""
    if not high > 0 or not math.isfinite(high):
        return [0.0]
    rough = high / 4
    power = base ** math.floor(math.log(rough, base))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), base * power)
    return [step * count for count in range(int(high / step) + 1)]


def _description(title: str, unit: str, points: Sequence[Point]) -> str:
    listed = ", ".join(f"{quantity(point.rate, '')} with {point.name}" for point in points[:10])
    return f"{title}: {unit} against workers: {listed}."
