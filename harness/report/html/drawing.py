"""Figures by Bokeh: the one place that knows how they are made, coloured and handed to the page.

Bokeh because its whole browser side is one file of about 1 MB in its wheel: the page needs no network, stays under
5 MB and is written without starting a JavaScript engine. (Plotly's is 4.6 MB; Vega's has to be bundled first, which
takes seconds and a compiled package of 30 MB.) It runs without ``eval``, under a policy that forbids all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from bokeh import __version__
from bokeh.document import Document
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    Grid,
    HoverTool,
    LayoutDOM,
    LinearAxis,
    LinearScale,
    LogAxis,
    LogScale,
    Plot,
    Range1d,
    Text,
)
from bokeh.util.paths import bokehjs_path

INK = {
    "paper": "#ffffff", "ink": "#1f2430", "soft": "#5b6472", "line": "#d9dde3", "band": "#e9ecf1", "accent": "#2457c5",
    "good": "#1a7f37", "bad": "#b42318", "same": "#0b6e8f", "open": "#8a5a00", "trouble": "#8e3fb5", "dim": "#5b6472",
    "second": "#8e3fb5", "third": "#8a5a00", "fourth": "#0b6e8f",
}  # fmt: skip
"""Colours by the names that the page's style sheet gives them; there they have a light and a dark value each."""

LINES = ("accent", "second", "third", "fourth", "good", "bad")
"""Colours of lines beside each other, told apart by their dashes and marks as well."""

DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot", "solid")
MARKS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex")

SMALL, FONT = "12px", "system-ui, sans-serif"


def library() -> str:
    """Bokeh's browser side as one script."""
    script = (bokehjs_path() / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    return f"{script}\nBokeh.set_log_level('warn');"


def item(root: LayoutDOM) -> dict[str, Any]:
    """A figure as JSON that the page's script can draw.

    What `bokeh.embed.json_item` makes; that module takes a third of a second to import, for serving pages.
    """
    document = Document()
    document.add_root(root)
    return {
        "target_id": None,
        "root_id": root.ref["id"],
        "doc": dict(document.to_json(deferred=False)),
        "version": __version__,
    }


def painted(model: Any, **colours: str) -> Any:
    """Give a model's properties colours by name; the page sets them anew whenever its theme changes."""
    for name, colour in colours.items():
        setattr(model, name, INK[colour])
    model.tags = [*model.tags, *(f"{name}={colour}" for name, colour in colours.items())]
    return model


def canvas(
    height: int, across: Range1d, up: Range1d, *, log: bool = False, left: bool = True, below: bool = True
) -> Any:
    """An empty figure as wide as the page lets it be, in the page's colours, without tools or a frame."""
    plot = Plot(
        x_range=across, y_range=up, x_scale=LogScale() if log else LinearScale(), y_scale=LinearScale(),
        height=height, sizing_mode="stretch_width", toolbar_location=None, outline_line_color=None,
        background_fill_alpha=0.0, border_fill_alpha=0.0,
        min_border_left=4, min_border_right=12, min_border_top=4, min_border_bottom=4,
    )  # fmt: skip
    plot.toolbar.logo = None
    sides: tuple[tuple[bool, Any, Any], ...] = ((below, "below", 0), (left, "left", 1))
    for wanted, place, dimension in sides:
        if wanted:
            axis = LogAxis() if log and not dimension else LinearAxis()
            painted(axis, axis_line_color="line", major_tick_line_color="line", major_label_text_color="soft")
            axis.minor_tick_line_color = None
            axis.major_label_text_font, axis.major_label_text_font_size = FONT, SMALL
            plot.add_layout(axis, place)
            plot.add_layout(painted(Grid(axis=axis, dimension=dimension, grid_line_alpha=0.7), grid_line_color="line"))
    return plot


def draw(plot: Any, kind: Any, columns: Mapping[str, Any], colours: Mapping[str, str], **fixed: Any) -> Any:
    """Draw glyphs of a kind: columns it has a property for are its data, all others are for what hovers over it."""
    known = kind.properties()
    named = {name: name for name in columns if name in known}
    data: dict[str, Any] = {
        name: values if isinstance(values, np.ndarray) else list(values) for name, values in columns.items()
    }
    return plot.add_glyph(ColumnDataSource(data), painted(kind(**named, **fixed), **colours))


def words(plot: Any, columns: Mapping[str, Any], colour: str, **fixed: Any) -> Any:
    """Draw text in the page's font."""
    return draw(plot, Text, columns, {"text_color": colour}, text_font={"value": FONT}, text_font_size=SMALL, **fixed)


def ticks(axis: Any, labels: Mapping[float, str]) -> None:
    """Ticks where they are named, in these words."""
    axis.ticker = FixedTicker(ticks=list(labels))
    axis.major_label_overrides = dict(labels)


def hover(
    plot: Any, renderers: Sequence[Any], labels: Mapping[str, str], mode: Literal["mouse", "vline"] = "mouse"
) -> None:
    """Show what is under the pointer: labels by the column they are read from. Values are shown as text, never HTML."""
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


def span(low: float, high: float) -> Range1d:
    """A fixed range."""
    return Range1d(start=low, end=high)
