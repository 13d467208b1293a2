"""The page that ``bench``, ``gate`` and ``tune`` leave in the folder of what they measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import complain
from harness.store import PAGE_FILE
from harness.store.whole_file import whole_file

if TYPE_CHECKING:
    from harness.report.html.parts import HtmlPage


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves the page out."""
    parser.add_argument(
        "--no-page", dest="page", action="store_false",
        help=f"write no {PAGE_FILE} into the folder of what was measured",
    )  # fmt: skip


def leave_page(folder: Path, make: Callable[[Path], HtmlPage]) -> Path | None:
    """Write the page, and give its path; None where that cannot be written, which is no more than a
    complaint."""
    path = folder / PAGE_FILE
    try:
        with whole_file(path) as draft:
            # Its library takes half a second to import: nothing else of these commands needs it.
            from harness.report.html import save_page

            save_page(make(path), draft)
    except OSError as error:
        complain(f"cannot write {path}: {error.strerror or error}; everything measured is saved")
        return None
    return path
