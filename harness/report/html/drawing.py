"""Figures by Bokeh: the one place that knows how they are made, coloured and handed to the page.

Bokeh because its whole browser side is one file of about 1 MB in its wheel: the page needs no network, stays under
5 MB and is written without starting a JavaScript engine. (Plotly's is 4.6 MB; Vega's has to be bundled first, which
takes seconds and a compiled package of 30 MB.) It runs without ``eval``, under a policy that forbids all else.

Figures are documents of BokehJS in its own JSON, and its Python side, which takes most of a second to import, is not
imported: what it would add are the defaults that BokehJS has itself. Tests read every document back with it.
"""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.report.files import MissingPackage

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

_NUMBERS = count(1)


@dataclass(eq=False, slots=True)
class BokehModel:
    """A model of BokehJS: its kind, and the properties that differ from its defaults."""

    kind: str
    properties: dict[str, Any]
    id: str = field(default_factory=lambda: f"m{next(_NUMBERS)}")


def model(kind: str, **properties: Any) -> BokehModel:
    """A model of that kind (https://docs.bokeh.org/en/latest/docs/reference/models.html) with these properties."""
    return BokehModel(kind, properties)


def library() -> str:
    """Bokeh's browser side as one script. Raises MissingPackage without Bokeh."""
    found = find_spec("bokeh")
    if found is None or not found.submodule_search_locations:
        raise MissingPackage("--html needs Bokeh for its figures: pip install bokeh")
    folder = Path(next(iter(found.submodule_search_locations)))
    script = (folder / "server" / "static" / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    return f"{script}\nBokeh.set_log_level('warn');"


def item(root: BokehModel) -> dict[str, Any]:
    """A figure as JSON that the page's script can draw."""
    return {"root_id": root.id, "doc": {"title": "", "roots": [_document(root, set())]}}


def painted(model: BokehModel, **colours: str) -> BokehModel:
    """Give a model's properties colours by name; the page sets them anew whenever its theme changes."""
    model.properties |= {name: INK[colour] for name, colour in colours.items()}
    tags = [f"{name}={colour}" for name, colour in colours.items()]
    model.properties["tags"] = [*model.properties.get("tags", ()), *tags]
    return model


def canvas(
    height: int, across: BokehModel, up: BokehModel, *, log: bool = False, left: bool = True, below: bool = True
) -> BokehModel:
    """An empty figure as wide as the page lets it be, in the page's colours, without tools or a frame."""
    plot = model(
        "Plot",
        x_range=across, y_range=up, x_scale=model("LogScale" if log else "LinearScale"), y_scale=model("LinearScale"),
        height=height, sizing_mode="stretch_width", outline_line_color=None,
        background_fill_alpha=0.0, border_fill_alpha=0.0,
        min_border_left=4, min_border_right=12, min_border_top=4, min_border_bottom=4,
        below=[], left=[], center=[], renderers=[], toolbar=model("Toolbar", logo=None, tools=[]),
        toolbar_location=None,
    )  # fmt: skip
    for wanted, place, dimension in ((below, "below", 0), (left, "left", 1)):
        if wanted:
            axis = model(
                "LogAxis" if log and not dimension else "LinearAxis",
                minor_tick_line_color=None, major_label_text_font=FONT, major_label_text_font_size=SMALL,
            )  # fmt: skip
            painted(axis, axis_line_color="line", major_tick_line_color="line", major_label_text_color="soft")
            plot.properties[place].append(axis)
            lines = model("Grid", axis=axis, dimension=dimension, grid_line_alpha=0.7)
            plot.properties["center"].append(painted(lines, grid_line_color="line"))
    return plot


def draw(
    plot: BokehModel,
    kind: str,
    columns: Mapping[str, Any],
    colours: Mapping[str, str],
    about: Mapping[str, Any] | None = None,
    **fixed: Any,
) -> BokehModel:
    """Draw glyphs of a kind from columns of their properties; columns ``about`` them are for what hovers over them."""
    data = source({**columns, **(about or {})})
    return draw_from(plot, kind, data, {name: name for name in columns}, colours, **fixed)


def source(columns: Mapping[str, Any]) -> BokehModel:
    """Columns that glyphs are drawn from, those of several panels too. Arrays of 4 bytes a number take least room."""
    data = {name: values if isinstance(values, np.ndarray) else list(values) for name, values in columns.items()}
    return model("ColumnDataSource", data=data)


def draw_from(
    plot: BokehModel, kind: str, data: BokehModel, columns: Mapping[str, str], colours: Mapping[str, str], **fixed: Any
) -> BokehModel:
    """Draw glyphs of a kind; ``columns`` says in which column of the data each of their properties is."""
    glyph = model(kind, **{name: {"type": "field", "field": column} for name, column in columns.items()}, **fixed)
    drawn = model("GlyphRenderer", data_source=data, glyph=painted(glyph, **colours))
    plot.properties["renderers"].append(drawn)
    return drawn


def words(plot: BokehModel, columns: Mapping[str, Any], colour: str, **fixed: Any) -> BokehModel:
    """Draw text in the page's font."""
    font = {"type": "value", "value": FONT}
    return draw(plot, "Text", columns, {"text_color": colour}, text_font=font, text_font_size=SMALL, **fixed)


def ticks(plot: BokehModel, place: Literal["below", "left"], labels: Mapping[float, str]) -> None:
    """Ticks of the axis at this place where they are named, in these words."""
    for axis in plot.properties[place]:
        axis.properties["ticker"] = model("FixedTicker", ticks=list(labels))
        axis.properties["major_label_overrides"] = dict(labels)


def hover(
    plot: BokehModel,
    renderers: Sequence[BokehModel],
    labels: Mapping[str, str],
    mode: Literal["mouse", "vline"] = "mouse",
) -> None:
    """Show what is under the pointer: labels by the column they are read from. Values are shown as text, never HTML."""
    tips = "".join(f'<div><span class="label">{label}</span> @{name}</div>' for name, label in labels.items())
    tool = model(
        "HoverTool",
        renderers=list(renderers),
        mode=mode,
        tooltips=f'<div class="tip">{tips}</div>',
        show_arrow=False,
        point_policy="follow_mouse" if mode == "mouse" else "snap_to_data",
        visible=False,
    )
    plot.properties["toolbar"].properties["tools"].append(tool)


def zoomed(plot: BokehModel) -> None:
    """Let a stretch be dragged out of a figure."""
    zoom = model("BoxZoomTool", dimensions="width", visible=False)
    toolbar = plot.properties["toolbar"].properties
    toolbar["tools"].append(zoom)
    toolbar["active_drag"] = zoom


def legend(plot: BokehModel, labels: Sequence[tuple[str, Sequence[BokehModel]]]) -> None:
    """Say in the lower right corner what each label's glyphs are."""
    items = [
        model("LegendItem", label={"type": "value", "value": label}, renderers=list(drawn)) for label, drawn in labels
    ]
    made = model("Legend", items=items, location="bottom_right", label_text_font_size=SMALL)
    painted(made, background_fill_color="paper", label_text_color="ink", border_line_color="line")
    plot.properties["center"].append(made)


def stacked(panels: Sequence[BokehModel]) -> BokehModel:
    """Figures below each other."""
    return model("Column", children=list(panels), sizing_mode="stretch_width")


def span(low: float, high: float) -> BokehModel:
    """A fixed range."""
    return model("Range1d", start=low, end=high)


def _document(value: Any, known: set[str]) -> Any:
    """A value as BokehJS reads it: each model once, by its number wherever it comes up again."""
    made = value
    match value:
        case BokehModel() if value.id in known:
            made = {"id": value.id}
        case BokehModel():
            known.add(value.id)
            attributes = {name: _document(inner, known) for name, inner in value.properties.items()}
            made = {"type": "object", "name": value.kind, "id": value.id, "attributes": attributes}
        case np.ndarray():
            packed = gzip.compress(value.astype(value.dtype.newbyteorder("<")).tobytes(), mtime=1)
            array = {"type": "bytes", "data": base64.b64encode(packed).decode("ascii")}
            kind = value.dtype.name
            made = {"type": "ndarray", "array": array, "shape": [value.size], "dtype": kind, "order": "little"}
        case {"type": str()}:
            pass  # in these terms already
        case Mapping():
            made = {"type": "map", "entries": [[key, _document(inner, known)] for key, inner in value.items()]}
        case list() | tuple():
            made = [_document(inner, known) for inner in value]
        case float() if not math.isfinite(value):
            made = {"type": "number", "value": "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf"}
    return made
