"""A saved run, gate, tuning, comparison or trend as one HTML file that opens anywhere, offline.

`parts` are what a page is made of; each module ``..._page`` makes a page from one kind of result; `render`
turns it into a file.
"""

from __future__ import annotations

from pathlib import Path

from harness.report.html.parts import HtmlPage


def save_page(page: HtmlPage, file: Path) -> None:
    """Write a page. Raises OSError where the file cannot be written."""
    from harness.report.html.render import html

    text = html(page)
    # unchanged line ends: the page's policy has digests of its scripts
    with file.open("w", encoding="utf-8", errors="replace", newline="\n") as opened:
        opened.write(text)


__all__ = ["save_page"]
