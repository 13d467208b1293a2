"""``new``: a benchmark file for a tip of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.claims.new_file import write_benchmark
from harness.cli.output import print_line
from harness.exit_status import OK
from harness.program import advised
from harness.report.format import sanitize


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Write a benchmark file for a claim of your own, ready to run and to be changed."
    parser.add_argument("sentence", metavar="SENTENCE", help="the claim, 'clone() is slower than copy_()'")
    parser.add_argument("--name", default="", help="its short name; default: the first words of the sentence")
    parser.add_argument(
        "--benchmarks",
        type=Path,
        default=Path("benchmarks"),
        metavar="FOLDER",
        help="where the file goes; default: ./benchmarks",
    )


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what to type next. Raises UsageError."""
    file = write_benchmark(options.benchmarks, options.sentence, options.name)
    name = options.name or file.stem.removeprefix("bench_")
    elsewhere = "" if options.benchmarks == Path("benchmarks") else f" --benchmarks {options.benchmarks}"
    print_line(f"wrote {sanitize(file, 4000)}; put your own variants into it, then measure it:")
    print_line(f"  {advised(f'bench --select {name} --budget 1m{elsewhere}')}")
    return OK
