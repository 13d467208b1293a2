"""What may be typed for the commands that read what was saved. Imports nothing heavy: ``--help`` does not wait."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.cli.parser import positive

Command = Callable[[argparse.Namespace, Sequence[str]], int]

RUN = "a folder, a name, the beginning of either, latest, latest~1 or baseline"

_FORMS = {
    "markdown": "as Markdown, for pull requests",
    "csv": "as CSV, numbers only",
    "parquet": "as Parquet, numbers only",
    "junit": "as JUnit XML",
    "benchmark-json": "as pytest-benchmark's JSON, times only",
    "json": "as JSON, for machines",
    "html": "as one HTML page that works offline",
}


FILES_ONLY = ("parquet", "html")
"""Forms that do not go to the standard output."""


def add_report(commands: Any, report: Command) -> None:
    """``report``."""
    parser = commands.add_parser(
        "report", help="show a saved run", description="Show a run again; the latest by default."
    )
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help=RUN)
    add_results(parser)
    add_forms(parser, "markdown", "csv", "parquet", "junit", "benchmark-json", "json", "html")
    parser.set_defaults(command=report)


def add_comparing(commands: Any, compare: Command, trend: Command) -> None:
    """``compare`` and ``trend``."""
    parser = commands.add_parser(
        "compare",
        help="two saved runs or more, side by side",
        description="Compare the first run with each of the others. Exit status: 0 whatever differs, 2 usage or tool "
        "error, 3 nothing can be compared.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help=f"{RUN}; GATE@base and GATE@head are a gate's sides")
    parser.add_argument(
        "--by", choices=("run", "machine", "variant"), default="run", help="what is set side by side; default: run"
    )
    add_results(parser)
    add_forms(parser, "markdown", "csv", "parquet", "junit", "json", "html")
    parser.set_defaults(command=compare)

    parser = commands.add_parser(
        "trend",
        help="many saved runs of one machine: what changed, and when",
        description="Show the level of every variant over the runs of one machine, and test whether it changed.",
    )
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="only these claims: L1,C4")
    parser.add_argument("--effect", action="store_true", help="the ratio to the baseline instead of the time")
    parser.add_argument("--run", action="append", default=[], metavar="RUN", help="only these runs; may be repeated")
    parser.add_argument("--last", type=positive, metavar="N", help="only the last N runs")
    parser.add_argument("--machine", metavar="ID", help="this machine; default: that of the latest run")
    add_results(parser)
    add_forms(parser, "markdown", "csv", "parquet", "json", "html")
    parser.set_defaults(command=trend)


def add_managing(commands: Any, manage: Command) -> None:
    """``runs``, ``show``, ``rm``, ``name``, ``tag`` and ``baseline set``; ``verb`` says which was typed."""
    runs = commands.add_parser("runs", help="list the saved runs")
    runs.add_argument("--tag", metavar="TAG", help="only those with this tag")
    show = commands.add_parser("show", help="what a saved run is")
    show.add_argument("run", metavar="RUN", help=RUN)
    rm = commands.add_parser("rm", help="remove saved runs")
    rm.add_argument("runs", nargs="+", metavar="RUN", help=RUN)
    rm.add_argument("--yes", action="store_true", help="do not ask")
    name = commands.add_parser("name", help="name a saved run")
    name.add_argument("run", metavar="RUN", help=RUN)
    name.add_argument("name", metavar="NAME", help="letters, digits and . _ + -; nothing ('') takes the name away")
    tag = commands.add_parser("tag", help="tag a saved run")
    tag.add_argument("run", metavar="RUN", help=RUN)
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help="take these tags away")
    baseline = commands.add_parser("baseline", help="keep a saved run as its machine's baseline")
    verbs = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    kept = verbs.add_parser("set", help="copy its records to results/baselines/, to be committed")
    kept.add_argument("run", metavar="RUN", help=RUN)
    for parser, word in (
        (runs, "runs"), (show, "show"), (rm, "rm"), (name, "name"), (tag, "tag"), (kept, "baseline"),
    ):  # fmt: skip
        add_results(parser)
        parser.set_defaults(command=manage, verb=word)


def add_results(parser: argparse.ArgumentParser) -> None:
    """Where runs are looked for."""
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help="where runs are saved")


def add_forms(parser: argparse.ArgumentParser, *names: str) -> None:
    """An option for each of these forms."""
    for name in names:
        stdout = "" if name in FILES_ONLY else "; - is the standard output"
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"also write it {_FORMS[name]}{stdout}")
