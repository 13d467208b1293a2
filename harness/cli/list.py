"""``list``: the claims of a folder, read without importing any; with ``--cases`` their cases and variants
too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.bench.settings import Settings
from harness.claims.folder import read
from harness.claims.selection import left_out, select
from harness.cli.options import add_claims, benchmarks_folder, data_folder
from harness.cli.output import LONGEST, complain, print_line
from harness.cli.values import check_data, words
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.report.format import sanitize


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "List the claims."
    add_claims(parser)
    add_forms(parser)


def add_forms(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add the options that say what a list has; ``when`` says in their help which option they need."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--cases", action="store_true", help=f"{when}list cases and variants too (imports torch)"
    )
    forms.add_argument(
        "--markdown",
        action="store_true",
        help=f"{when}tables in Markdown, with why each claim holds or fails",
    )


def run(options: argparse.Namespace) -> int:
    """List. The status is 3 if something that is selected cannot be read."""
    folder = benchmarks_folder(options)
    if options.markdown:
        return tabulate_claims(folder, words(options.select), options.results)
    if not options.cases:
        return list_claims(folder, words(options.select))
    check_data(options.data)
    return list_cases(
        Settings(
            benchmarks=folder,
            results=options.results,
            select=words(options.select),
            device=options.device,
            data=data_folder(options),
            python=options.python,
        )
    )


def list_claims(folder: Path, selected: Sequence[str]) -> int:
    """Print the claims. The status is 2 if none of them can be read, 3 if one cannot. Raises UsageError."""
    reading = read(folder)
    chosen = select(reading, selected)
    names = [sanitize(claim.name) for claim in chosen.claims]
    width = max(map(len, names), default=0)
    for name, claim in zip(names, chosen.claims, strict=True):
        needs = f" [needs {sanitize(', '.join(claim.needs))}]" if claim.needs else ""
        print_line(f"{name:<{width}}  {sanitize(claim.sentence, LONGEST)}{needs}")
    for problem in chosen.problems:
        complain(problem.message)
    for line in left_out(reading, chosen):
        complain(line)
    if not chosen.claims:
        return TOOL_ERROR
    return CANNOT_JUDGE if chosen.problems else OK


def tabulate_claims(folder: Path, selected: Sequence[str], results: Path) -> int:
    """Print the claims as tables in Markdown, with the verdicts of each machine's baseline in ``results``.

    Exit statuses and errors are those of `list_claims`; raises StoreError for a baseline that cannot be read.
    """
    from harness.report.builders.claims import claims_document
    from harness.report.render.markdown import markdown
    from harness.store import load
    from harness.store.runs import baselines

    chosen = select(read(folder), selected)
    print(markdown(claims_document(chosen.claims, [load(place) for place in baselines(results)])), end="")
    for problem in chosen.problems:
        complain(problem.message)
    if not chosen.claims:
        return TOOL_ERROR
    return CANNOT_JUDGE if chosen.problems else OK


def list_cases(settings: Settings) -> int:
    """Collect the cases in a process that imports the benchmarks, and print them."""
    from harness.bench.chosen import chosen_claims
    from harness.bench.temporary import check_temporary
    from harness.model import benchmark_of
    from harness.processes.launch import borrow_packages, check_interpreter
    from harness.processes.live import Reaper
    from harness.workers.pool import WorkerPool
    from harness.workers.spare import WorkerSettings, file_limits

    chosen = chosen_claims(settings, complain)
    check_temporary(loaders=False)
    with Reaper() as guard:
        python, borrowed = sys.executable, None
        if settings.python:
            python, borrowed = check_interpreter(settings.python), borrow_packages(guard.folder / "borrowed")
        started = WorkerSettings(
            python,
            settings.benchmarks,
            guard.folder,
            settings.device,
            settings.data,
            keeps_logs=False,
            borrowed=borrowed,
            time_limits=file_limits(chosen.claims),
        )
        with WorkerPool(started) as pool:
            collection = pool.collect(sorted({claim.path for claim in chosen.claims}))
    collection.account_for(chosen.claims)
    for claim in chosen.claims:
        print_line(f"{sanitize(claim.name)}  {sanitize(claim.sentence, LONGEST)}")
        prefix = f"{claim.path}::{claim.function}"
        for case, variants in collection.cases.items():
            if benchmark_of(case) == prefix:
                absent = collection.unavailable[case]
                shown = ", ".join(
                    f"{name} (skipped: {absent[name]})" if name in absent else name for name in variants
                )
                print_line(f"    {sanitize(case)}: {sanitize(shown, LONGEST)}")
        for word, cases in (("skipped", collection.skipped), ("failed", collection.failed)):
            for case, reason in cases.items():
                if benchmark_of(case) == prefix:
                    print_line(f"    {sanitize(case)}: {word}: {sanitize(reason, LONGEST)}")
    for problem in chosen.problems:
        complain(problem.message)
    return CANNOT_JUDGE if collection.failed or chosen.problems else OK
