"""Telemetry over a run: memory, clocks, power and the like, throttling shaded, the benchmarks marked along the top."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.judge.throttling import SLOWED
from harness.report.format import duration, quantity, sanitize
from harness.report.html.drawing import (
    DASHES,
    LINES,
    BokehModel,
    canvas,
    draw,
    hover,
    item,
    span,
    stacked,
    ticks,
    words,
    zoomed,
)
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
"""Panels from the top down: their heading, unit, and the metrics drawn in them."""

THROTTLE = "throttle"

MOST_POINTS = 1200
"""Points drawn of a line, in pairs of the lowest and the highest of a stretch, so that no peak is lost."""

MOST_STRETCHES = 500
PANEL, STRIP = 110, 34


def timelines(frame: pd.DataFrame) -> list[Figure]:
    """A figure for each device of `harness.report.frames.telemetry_frame`; none where nothing was recorded."""
    figures = []
    cases = list(_stretches(frame))
    for index, device in enumerate(dict.fromkeys(str(name) for name in frame["device"])):
        own = frame[frame["device"].astype(str) == device]
        figure = _figure(f"timeline-{index}", sanitize(device, 60), own, cases)
        if figure is not None:
            figures.append(figure)
    return figures


def _figure(name: str, device: str, own: pd.DataFrame, cases: Sequence[tuple[float, float, str]]) -> Figure | None:
    series = dict(_series(own))
    throttled = _throttled(*series.pop(THROTTLE)) if THROTTLE in series else []
    present = [
        (heading, unit, drawn)
        for heading, unit, metrics in FAMILIES
        if (drawn := [metric for metric in metrics if metric in series])
    ]
    if not present:
        return None
    ends = [time for times, _ in series.values() for time in (times[0], times[-1])]
    start, stop = min(ends), max(*ends, min(ends) + 1e-3)
    across = span(start, stop)
    panels = [_strip(across, cases)] if cases else []
    for heading, unit, metrics in present:
        own_series = {metric: series[metric] for metric in metrics}
        last = heading == present[-1][0]
        panels.append(_panel(across, heading, unit, own_series, throttled, last=last))
    grid = Grid(
        "Numbers", ("quantity", "lowest", "median", "highest"),
        tuple((metric.replace("_", " "), *(_shown(metric, f(series[metric][1])) for f in (np.min, np.median, np.max)))
              for _, _, metrics in present for metric in metrics),
    )  # fmt: skip
    slowed = sum(high - low for low, high in throttled)
    caption = "Seconds since the run began. Strip: the benchmarks; point at it for their names. Drag to zoom."
    if throttled:
        caption += f" Shaded: clocks held down, {duration(slowed)} in all."
    said = ", ".join(heading for heading, _, _ in present)
    return Figure(
        name, device, f"{device}: {said} over {duration(stop - start)}. {caption}",
        item(stacked(panels)), caption, grid, zoomed=True,
    )  # fmt: skip


def _series(own: pd.DataFrame) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    for metric, rows in own.groupby("metric", observed=True, sort=False):
        times = rows["moment"].to_numpy(np.float64)
        values = rows["value"].to_numpy(np.float64)
        fine = np.isfinite(times) & np.isfinite(values)
        if fine.any():
            order = np.argsort(times[fine], kind="stable")
            yield str(metric), (times[fine][order], values[fine][order])


def thinned(times: Floats, values: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """At most ``most`` points in order of time: the lowest and the highest of each stretch of equal length."""
    if len(times) <= most:
        return times, values
    kept: list[int] = []
    for part in np.array_split(np.arange(len(times)), most // 2):
        low, high = part[np.argmin(values[part])], part[np.argmax(values[part])]
        kept += sorted({int(low), int(high)})
    return times[kept], values[kept]


def _stretches(frame: pd.DataFrame) -> Iterator[tuple[float, float, str]]:
    """When which case ran, by the telemetry's own marks: from its first reading to the next case's."""
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
    """Stretches in which the clocks were held down, from reading to reading."""
    slowed = [bool(int(mask) & SLOWED) if 0 <= mask < 2**63 else False for mask in masks]
    found: list[tuple[float, float]] = []
    for index, held in enumerate(slowed):
        if held:
            until = float(times[min(index + 1, len(times) - 1)])
            if found and found[-1][1] == times[index]:
                found[-1] = (found[-1][0], until)
            else:
                found.append((float(times[index]), until))
    return found[:MOST_STRETCHES]


def _strip(across: BokehModel, cases: Sequence[tuple[float, float, str]]) -> BokehModel:
    plot = canvas(STRIP, across, span(0, 1), left=False, below=False)
    own = cases[:MOST_STRETCHES]
    for odd in (0, 1):
        told = own[odd::2]
        stretches = {
            "left": [low for low, _, _ in told],
            "right": [high for _, high, _ in told],
        }
        about = {"case": [sanitize(case) for *_, case in told]}
        colours = {"fill_color": "accent" if odd else "soft", "line_color": "paper"}
        drawn = draw(plot, "Quad", stretches, colours, about, bottom=0.25, top=0.85, fill_alpha=0.55)
        hover(plot, [drawn], {"case": ""})
    return plot


def _panel(
    across: BokehModel,
    heading: str,
    unit: str,
    series: dict[str, tuple[Floats, Floats]],
    throttled: Sequence[tuple[float, float]],
    *,
    last: bool,
) -> BokehModel:
    values = np.concatenate([values for _, values in series.values()])
    low, high = (0.0, float(values.max())) if values.min() >= 0 else (float(values.min()), float(values.max()))
    room = 0.4 * (high - low) or 1.0
    plot = canvas(PANEL + (22 if last else 0), across, span(low, high + room), below=last)
    zoomed(plot)
    if throttled:
        begins, ends = zip(*throttled, strict=True)
        draw(plot, "VStrip", {"x0": begins, "x1": ends}, {"fill_color": "bad"}, fill_alpha=0.22, line_alpha=0.0)
    ticks(plot, "left", {mark: _in(unit, mark) for mark in (low, (low + high) / 2, high)})
    for index, (metric, (times, found)) in enumerate(series.items()):
        at, shown = thinned(times, found)
        about = {"words": [_in(unit, value) for value in shown]}
        colours = {"line_color": LINES[index]}
        line = draw(plot, "Line", {"x": at, "y": shown}, colours, about, line_width=1.5, line_dash=DASHES[index])
        hover(plot, [line], {"words": metric.replace("_", " ")}, mode="vline")
    named = heading if len(series) == 1 else f"{heading}: {', '.join(metric.replace('_', ' ') for metric in series)}"
    title = {"x": [across.properties["start"]], "y": [high + room], "text": [named]}
    words(plot, title, "soft", text_baseline="top", x_offset=6, y_offset=2)
    return plot


def _in(unit: str, value: float) -> str:
    if unit == "%":
        return f"{100 * value:.0f} %" if abs(value) <= 1 else f"{value:.0f} %"
    if unit in ("W", "C"):
        return f"{value:.0f} {unit}"
    if unit == "Hz":
        return f"{quantity(value, '')}Hz" if value else "0 Hz"
    return quantity(value, unit) if unit == "B" else f"{value:.3g}"


def _shown(metric: str, value: float) -> str:
    unit = next((unit for _, unit, metrics in FAMILIES if metric in metrics), "")
    return _in(unit, float(value))
