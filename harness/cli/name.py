"""``name``: name a saved run."""

from __future__ import annotations

import argparse

from harness.cli.options import RUN, add_results
from harness.cli.output import print_line
from harness.exit_status import OK
from harness.report.format import sanitize
from harness.store.run_labels import label
from harness.store.runs import find


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Name a saved run."
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("name", metavar="NAME", help="letters, digits and . _ + -; '' removes the name")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Name the run, or remove its name. Raises StoreError."""
    entry = find(options.run, options.results)
    changed = label(entry, name=options.name)
    print_line(
        f"{sanitize(entry.folder, 1000)} is called {changed.name}"
        if changed.name
        else "the run has no name now"
    )
    return OK
