"""``baseline set``: keep a saved run as its machine's baseline."""

from __future__ import annotations

import argparse

from harness.cli.options import RUN, add_results
from harness.cli.output import print_line
from harness.exit_status import OK
from harness.report.format import quantity, sanitize
from harness.store.run_labels import set_baseline
from harness.store.runs import RUNS, find, size


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Keep a saved run as its machine's baseline."
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    own = verbs.add_parser("set", help="copy its records to results/baselines/, to be committed")
    own.add_argument("run", metavar="RUN", help=RUN)
    add_results(own)


def run(options: argparse.Namespace) -> int:
    """Copy the run's records. Raises StoreError."""
    place = set_baseline(find(options.run, options.results, RUNS), options.results)
    print_line(
        f"{sanitize(place, 1000)} ({quantity(size(place), 'B')}) is the baseline of that machine now: commit it"
    )
    return OK
