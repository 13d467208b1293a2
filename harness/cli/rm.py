"""``rm``: remove saved runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from harness.cli.options import RUN, add_results
from harness.cli.output import print_line
from harness.exit_status import OK, TOOL_ERROR
from harness.report.format import sanitize
from harness.store import StoreError
from harness.store.run_labels import check_removable, remove
from harness.store.runs import RunEntry, find


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Remove saved runs, all of those named or none."
    parser.add_argument("runs", nargs="+", metavar="RUN", help=RUN)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Remove them after a confirmation. The status is 2 without one. Raises StoreError."""
    found = [find(word, options.results) for word in options.runs]
    for entry in found:
        check_removable(entry, options.results)
    if not options.yes and not _confirmed(found):
        return TOOL_ERROR
    for entry in {entry.folder.resolve(): entry for entry in found}.values():
        remove(entry, options.results)
        print_line(f"removed {sanitize(entry.folder, 1000)}")
    return OK


def _confirmed(found: Sequence[RunEntry]) -> bool:
    listed = ", ".join(sanitize(entry.label) for entry in found)
    if not sys.stdin.isatty():
        raise StoreError(f"this would remove {listed} for good; confirm with --yes")
    return input(f"Remove {listed} for good? [y/N] ").strip().lower() in ("y", "yes")
