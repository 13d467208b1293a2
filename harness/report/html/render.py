"""A page as one HTML file that needs nothing else: styles, scripts and figures are inside.

Whatever comes from a record is data. Jinja escapes it; scripts get it packed as base64, which cannot end an
element; a policy in the page runs only the two scripts whose digests it names, and allows no fetching.
Bokeh's script is packed as well, to a third of its length: the page's own script unpacks it, and the policy
has the digest of the unpacked text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.html.parts import SIGNS, Figure, HtmlPage

if TYPE_CHECKING:
    from harness.report.html.summary import ClaimGroup

_TEMPLATES = Path(__file__).parent / "templates"

_LEVEL = 6
"""Of gzip: the highest takes half as long again and saves nothing that counts."""


def html(page: HtmlPage) -> str:
    """The whole file as text. Write it as UTF-8 with unchanged line ends: the policy has the scripts'
    digests."""
    own, drawing = _script("page.js"), ""
    if page.figures:
        from harness.report.figures.embed import bokeh_script

        drawing = bokeh_script()
    return (
        _templates()
        .get_template("page.html")
        .render(
            page=page,
            policy=policy([drawing, own] if drawing else [own]),
            drawing=packed(drawing) if drawing else "",
            script=Markup(own),
            style=Markup(_script("page.css")),
            signs=SIGNS,
        )
    )


def claim_lines(label: str, groups: Sequence[ClaimGroup]) -> str:
    """A table of a line for each claim, for a notebook: no style sheet, no script."""
    return _templates().get_template("lines.html").render(label=label, groups=groups, signs=SIGNS)


def policy(scripts: list[str]) -> str:
    """A Content-Security-Policy that runs these scripts and fetches nothing."""
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def packed(text: str) -> Markup:
    """Text for a script element: a fraction of its length, in letters that mean nothing in HTML."""
    return Markup(base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=1)).decode("ascii"))


def _figure(figure: Figure) -> Markup:
    from harness.report.figures.embed import figure_json

    return packed(figure_json(figure.drawing))


def _texts(texts: list[Markup]) -> Markup:
    return packed(json.dumps(texts))


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["figure"] = _figure
    made.filters["texts"] = _texts
    return made


def _script(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
