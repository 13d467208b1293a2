"""What all figures share: an empty plot, labelled axes, colours that follow the page's theme, hover text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.model import Model
from bokeh.models import (
    BoxZoomTool,
    Column,
    ColumnDataSource,
    FixedTicker,
    Grid,
    HoverTool,
    LinearAxis,
    LinearScale,
    LogAxis,
    LogScale,
    Plot,
    Range1d,
    Text,
    Toolbar,
)
from bokeh.models.annotations import Legend, LegendItem
from bokeh.models.glyph import Glyph
from bokeh.models.renderers import DataRenderer, GlyphRenderer

COLOURS = {
    "paper": "#ffffff", "ink": "#1f2430", "soft": "#5b6472", "line": "#d9dde3", "band": "#e9ecf1", "accent": "#2457c5",
    "good": "#1a7f37", "bad": "#b42318", "same": "#0b6e8f", "open": "#8a5a00", "trouble": "#8e3fb5", "dim": "#5b6472",
    "second": "#8e3fb5", "third": "#8a5a00", "fourth": "#0b6e8f",
}  # fmt: skip
"""Colours by their names in the page's style sheet, which has a light and a dark value for each."""

LINES = ("accent", "second", "third", "fourth", "good", "bad")
"""Colours of lines in one plot; their dashes and marks differ as well."""

DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot", "solid")
MARKS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex")

SMALL, FONT = "12px", "system-ui, sans-serif"

AnyModel = TypeVar("AnyModel", bound=Model)


def themed(model: AnyModel, **colours: str) -> AnyModel:
    """Set a model's colours by name. The tags let the page's script set them again when its theme changes."""
    tags = [f"{name}={colour}" for name, colour in colours.items()]
    model.update(tags=[*model.tags, *tags], **{name: COLOURS[colour] for name, colour in colours.items()})
    return model


def canvas(
    height: int, across: Range1d, up: Range1d, *, log: bool = False, left: bool = True, below: bool = True
) -> Plot:
    """An empty plot, as wide as the page allows, with the named axes and neither title nor toolbar."""
    plot = Plot(
        x_range=across, y_range=up, x_scale=LogScale() if log else LinearScale(), y_scale=LinearScale(),
        height=height, sizing_mode="stretch_width", outline_line_color=None, title=None,
        background_fill_alpha=0.0, border_fill_alpha=0.0,
        min_border_left=4, min_border_right=12, min_border_top=4, min_border_bottom=4,
        toolbar=Toolbar(logo=None), toolbar_location=None,
    )  # fmt: skip
    if below:
        _add_axis(plot, LogAxis() if log else LinearAxis(), "below")
    if left:
        _add_axis(plot, LinearAxis(), "left")
    return plot


def _add_axis(plot: Plot, axis: LinearAxis | LogAxis, place: Literal["below", "left"]) -> None:
    axis.update(minor_tick_line_color=None, major_label_text_font=FONT, major_label_text_font_size=SMALL)
    themed(axis, axis_line_color="line", major_tick_line_color="line", major_label_text_color="soft")
    plot.add_layout(axis, place)
    lines = Grid(axis=axis, dimension=0 if place == "below" else 1, grid_line_alpha=0.7)
    plot.add_layout(themed(lines, grid_line_color="line"))


def source(**columns: Sequence[object] | npt.NDArray[np.generic]) -> ColumnDataSource:
    """Columns that glyphs are drawn from.

    Numbers in sequences are rounded to six digits, more than a picture shows: they take a third of the room
    in the page. Arrays of 4 bytes a number are left as they are.
    """
    data = {name: values if isinstance(values, np.ndarray) else list(map(_rounded, values))
            for name, values in columns.items()}  # fmt: skip
    return ColumnDataSource(data=data)


def _rounded(value: object) -> object:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def label(
    plot: Plot,
    columns: ColumnDataSource,
    colour: str,
    baseline: Literal["top", "bottom"],
    *,
    align: Literal["left", "right"] = "left",
    offset: tuple[int, int] = (0, 0),
) -> None:
    """Draw the column ``text`` at ``x`` and ``y`` in the page's font; ``offset`` is in pixels."""
    text = Text(
        x="x", y="y", text="text", text_font=value(FONT), text_font_size=SMALL, text_baseline=baseline,
        text_align=align, x_offset=offset[0], y_offset=offset[1],
    )  # fmt: skip
    plot.add_glyph(columns, themed(text, text_color=colour))


def ticks(plot: Plot, place: Literal["below", "left"], labels: Mapping[float, str]) -> None:
    """Put ticks with these labels on the axis at this place, if there is one."""
    for axis in plot.below if place == "below" else plot.left:
        axis.update(ticker=FixedTicker(ticks=list(labels)), major_label_overrides=dict(labels))


def hover(
    plot: Plot,
    renderers: Sequence[DataRenderer],
    labels: Mapping[str, str],
    mode: Literal["mouse", "vline"] = "mouse",
) -> None:
    """Show columns beside the pointer, each under its label. Values are shown as text, never as HTML."""
    tips = "".join(f'<div><span class="label">{label}</span> @{name}</div>' for name, label in labels.items())
    plot.add_tools(
        HoverTool(
            renderers=list(renderers),
            mode=mode,
            tooltips=f'<div class="tip">{tips}</div>',
            show_arrow=False,
            point_policy="follow_mouse" if mode == "mouse" else "snap_to_data",
            visible=False,
        )
    )


def zoomable(plot: Plot) -> None:
    """Let the reader drag across the plot to zoom in."""
    zoom = BoxZoomTool(dimensions="width", visible=False)
    plot.add_tools(zoom)
    plot.toolbar.active_drag = zoom


def legend(
    plot: Plot, labels: Sequence[tuple[str, Sequence[GlyphRenderer[Glyph]]]], *, above: int = 0
) -> None:
    """Explain which glyphs each label stands for: in the lower right corner, or in so many columns
    ``above``."""
    items = [LegendItem(label=value(label), renderers=list(drawn)) for label, drawn in labels]
    made = Legend(items=items, location="bottom_right", label_text_font_size=SMALL)
    if above:
        made.update(ncols=above, location="left")
    plot.add_layout(
        themed(made, background_fill_color="paper", label_text_color="ink", border_line_color="line"),
        "above" if above else "center",
    )


def stacked(panels: Sequence[Plot]) -> Column:
    """Plots below each other."""
    return Column(children=list(panels), sizing_mode="stretch_width")


def span(low: float, high: float) -> Range1d:
    """A fixed range."""
    return Range1d(start=low, end=high)
