"""``tag``: tag a saved run."""

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
    parser.description = "Tag a saved run."
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument("tags", nargs="+", metavar="TAG", help="letters, digits and . _ + -")
    parser.add_argument("--remove", action="store_true", help="remove these tags")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Add tags to the run, or remove them. Raises StoreError."""
    words = {"drop": options.tags} if options.remove else {"add": options.tags}
    changed = label(find(options.run, options.results), **words)
    print_line(f"{sanitize(changed.label)}: {', '.join(changed.tags) or 'no tags'}")
    return OK
