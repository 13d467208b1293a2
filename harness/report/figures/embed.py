"""Bokeh's two halves of a page: its script, and a figure as the JSON that the script draws."""

from __future__ import annotations

import json

from bokeh.embed import json_item
from bokeh.models import LayoutDOM
from bokeh.resources import Resources


def bokeh_script() -> str:
    """The browser side of Bokeh as one script, to be put into the page."""
    return "\n".join(Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw)


def figure_json(drawing: LayoutDOM) -> str:
    """A figure as ASCII JSON for ``Bokeh.embed.embed_item``."""
    return json.dumps(json_item(drawing), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
