"""Telemetry of a run over time: memory, clocks, power and others, with throttling shaded and benchmarks
marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bokeh.models import Line, Plot, Quad, Range1d, VStrip

from harness.judge.throttling import SLOWED
from harness.report.figures.canvas import (
    DASHES,
    LINES,
    canvas,
    hover,
    label,
    source,
    span,
    stacked,
    themed,
    ticks,
    zoomable,
)
from harness.report.format import duration, quantity, sanitize, scale_of
from harness.report.html.parts import Figure, Grid

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("memory", "B", ("used_bytes", "process_bytes", "available_bytes", "shm_bytes")),
    ("clocks", "Hz", ("sm_clock_hertz", "memory_clock_hertz")),
    ("power", "W", ("power_watts",)),
    ("temperature", "C", ("temperature_celsius",)),
    ("in use", "%", ("utilisation", "memory_utilisation")),
    ("load", "", ("load",)),
    ("cores", "", ("busy_cores", "other_cores", "stolen_cores")),
    ("pressure", "", ("pressure_cpu", "pressure_memory", "pressure_io")),
)
"""Panels from the top down: heading, unit, and the metrics drawn in it."""

THROTTLE = "throttle"

MOST_POINTS = 1200
"""Points of a line: the lowest and the highest value of each interval, so that no peak is lost."""

MOST_STRETCHES = 500
PANEL, STRIP = 110, 34


def timelines(frame: pd.DataFrame) -> list[Figure]:
    """A figure for each device of `harness.report.frames.telemetry_frame` that has readings."""
    figures = []
    cases = list(_stretches(frame))
    for index, device in enumerate(dict.fromkeys(str(name) for name in frame["device"])):
        own = frame[frame["device"].astype(str) == device]
        figure = _figure(f"timeline-{index}", sanitize(device, 60), own, cases)
        if figure is not None:
            figures.append(figure)
    return figures


@dataclass(frozen=True, slots=True)
class _Panel:
    """Metrics of one unit that are drawn together: times and values by metric."""

    heading: str
    unit: str
    series: dict[str, tuple[Floats, Floats]]

    @property
    def title(self) -> str:
        """The heading, with the metrics' names if there are several."""
        names = ", ".join(metric.replace("_", " ") for metric in self.series)
        return self.heading if len(self.series) == 1 else f"{self.heading}: {names}"


def _figure(
    name: str, device: str, own: pd.DataFrame, cases: Sequence[tuple[float, float, str]]
) -> Figure | None:
    series = dict(_series(own))
    throttled = _throttled(*series.pop(THROTTLE)) if THROTTLE in series else []
    panels = [
        _Panel(heading, unit, drawn)
        for heading, unit, metrics in FAMILIES
        if (drawn := {metric: series[metric] for metric in metrics if metric in series})
    ]
    if not panels:
        return None
    ends = [time for times, _ in series.values() for time in (times[0], times[-1])]
    start, stop = min(ends), max(*ends, min(ends) + 1e-3)
    across = span(start, stop)
    plots = [_strip(across, cases)] if cases else []
    plots += [_panel(across, panel, throttled, last=panel is panels[-1]) for panel in panels]
    numbers = Grid(
        "Numbers", ("quantity", "lowest", "median", "highest"),
        tuple(
            (metric.replace("_", " "), *(_in(panel.unit, float(f(values))) for f in (np.min, np.median, np.max)))
            for panel in panels
            for metric, (_, values) in panel.series.items()
        ),
    )  # fmt: skip
    caption = "Seconds since the run began. Strip: the benchmarks; point at it for their names. Drag to zoom."
    if throttled:
        caption += (
            f" Shaded: clocks held down, {duration(sum(high - low for low, high in throttled))} in all."
        )
    headings = ", ".join(panel.heading for panel in panels)
    description = f"{device}: {headings} over {duration(stop - start)}. {caption}"
    return Figure(name, device, description, stacked(plots), caption, numbers, zoomable=True)


def _series(own: pd.DataFrame) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    for metric, rows in own.groupby("metric", observed=True, sort=False):
        times = rows["moment"].to_numpy(np.float64)
        values = rows["value"].to_numpy(np.float64)
        fine = np.isfinite(times) & np.isfinite(values)
        if fine.any():
            order = np.argsort(times[fine], kind="stable")
            yield str(metric), (times[fine][order], values[fine][order])


def thinned(times: Floats, values: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """At most ``most`` points in order of time: the lowest and the highest of each of many equal parts."""
    if len(times) <= most:
        return times, values
    kept: list[int] = []
    for part in np.array_split(np.arange(len(times)), most // 2):
        low, high = part[np.argmin(values[part])], part[np.argmax(values[part])]
        kept += sorted({int(low), int(high)})
    return times[kept], values[kept]


def _stretches(frame: pd.DataFrame) -> Iterator[tuple[float, float, str]]:
    """Start, end and name of each case that ran, from its first reading to the first of the next case."""
    marked = frame[["moment", "case"]].sort_values("moment", kind="stable")
    moments = marked["moment"].to_numpy(np.float64)
    cases = [str(case) if isinstance(case, str) and case else None for case in marked["case"].astype(object)]
    begin = 0
    for index in range(1, len(cases) + 1):
        if index == len(cases) or cases[index] != cases[begin]:
            until = moments[min(index, len(cases) - 1)]
            name = cases[begin]
            if name is not None and math.isfinite(moments[begin]) and math.isfinite(until):
                yield float(moments[begin]), float(until), name
            begin = index


def _throttled(times: Floats, masks: Floats) -> list[tuple[float, float]]:
    """Intervals with throttled clocks, from reading to reading."""
    slowed = [bool(int(mask) & SLOWED) if 0 <= mask < 2**63 else False for mask in masks]
    found: list[tuple[float, float]] = []
    for index, throttled in enumerate(slowed):
        if throttled:
            until = float(times[min(index + 1, len(times) - 1)])
            if found and found[-1][1] == times[index]:
                found[-1] = (found[-1][0], until)
            else:
                found.append((float(times[index]), until))
    return found[:MOST_STRETCHES]


def _strip(across: Range1d, cases: Sequence[tuple[float, float, str]]) -> Plot:
    plot = canvas(STRIP, across, span(0, 1), left=False, below=False)
    for odd in (0, 1):
        own = cases[odd:MOST_STRETCHES:2]
        data = source(
            left=[low for low, _, _ in own],
            right=[high for _, high, _ in own],
            case=[sanitize(case) for *_, case in own],
        )
        quads = Quad(left="left", right="right", bottom=0.25, top=0.85, fill_alpha=0.55)
        drawn = plot.add_glyph(
            data, themed(quads, fill_color="accent" if odd else "soft", line_color="paper")
        )
        hover(plot, [drawn], {"case": ""})
    return plot


def _panel(across: Range1d, panel: _Panel, throttled: Sequence[tuple[float, float]], *, last: bool) -> Plot:
    values = np.concatenate([values for _, values in panel.series.values()])
    low, high = (
        (0.0, float(values.max())) if values.min() >= 0 else (float(values.min()), float(values.max()))
    )
    room = 0.4 * (high - low) or 1.0
    factor, unit = _scale(panel.unit, high)
    top = (high + room) / factor
    plot = canvas(PANEL + (22 if last else 0), across, span(low / factor, top), below=last)
    zoomable(plot)
    if throttled:
        begins, ends = zip(*throttled, strict=True)
        strips = VStrip(x0="x0", x1="x1", fill_alpha=0.22, line_alpha=0.0)
        plot.add_glyph(source(x0=begins, x1=ends), themed(strips, fill_color="bad"))
    marks = (low, (low + high) / 2, high)
    ticks(plot, "left", {mark / factor: _in(panel.unit, mark) for mark in marks})
    for index, (metric, (times, found)) in enumerate(panel.series.items()):
        at, shown = thinned(times, found)
        data = source(x=at.round(2).tolist(), y=[float(f"{value:.4g}") for value in shown / factor])
        line = Line(x="x", y="y", line_width=1.5, line_dash=DASHES[index])
        drawn = plot.add_glyph(data, themed(line, line_color=LINES[index]))
        hover(plot, [drawn], {f"y{{0.00}} {unit}".rstrip(): metric.replace("_", " ")}, mode="vline")
    title = source(x=[across.start], y=[top], text=[panel.title])
    label(plot, title, "soft", "top", offset=(6, 2))
    return plot


def _scale(unit: str, top: float) -> tuple[float, str]:
    """What a panel's values are divided by to be shown, and the unit that they have then."""
    if unit == "%":
        return (0.01 if abs(top) <= 1 else 1.0), unit
    if unit == "Hz":
        factor, prefix = scale_of(top, "")
        return factor, f"{prefix}{unit}"
    return scale_of(top, unit) if unit == "B" else (1.0, unit)


def _in(unit: str, value: float) -> str:
    if unit == "%":
        return f"{100 * value:.0f} %" if abs(value) <= 1 else f"{value:.0f} %"
    if unit in ("W", "C"):
        return f"{value:.0f} {unit}"
    if unit == "Hz":
        return f"{quantity(value, '')}Hz" if value else "0 Hz"
    return quantity(value, unit) if unit == "B" else f"{value:.3g}"
