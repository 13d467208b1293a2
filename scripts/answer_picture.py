"""A picture of a run's answer for README.md: the terminal as an SVG.

    python scripts/answer_picture.py RUN docs/answer.svg --claims L1,C4,M1

The picture is what ``report RUN`` prints at 124 columns, without the lines after the counts. Take a run of a
machine that did nothing else: the banner of a busy one would be in the picture.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from harness.report.builders.answer import answer_document
from harness.report.builders.run_content import content
from harness.report.render.terminal import show_document
from harness.store import load

WIDTH = 124
TITLE = "tipbench bench"


def main() -> None:
    """Write the picture, and print its size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("file", type=Path, help="the SVG to write")
    parser.add_argument("--claims", default="", help="names with commas between (default: all of the run)")
    options = parser.parse_args()
    text = picture(options.run, options.claims.split(",") if options.claims else ())
    options.file.write_text(text, encoding="utf-8")
    print(f"{options.file}: {len(text) / 1000:.0f} kB")


def picture(folder: Path, claims: Collection[str] = ()) -> str:
    """The SVG, of all claims or of these. The same run gives the same picture, letter by letter."""
    run = load(folder)
    document = replace(answer_document(run, content(run, claims)), closing=())
    console = Console(
        file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="standard",
        legacy_windows=False,
    )  # fmt: skip
    show_document(document, console)
    # No font is fetched: README.md is shown where nothing may be.
    return console.export_svg(title=TITLE, unique_id="answer", code_format=_FORMAT)


_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="tipbench's answer: a line for each claim">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
 line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


if __name__ == "__main__":
    main()
