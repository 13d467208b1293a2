"""What comes of a gate's result: the screen, every form that was asked for, and the exit status."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from harness.cli import output
from harness.cli.written import write
from harness.model import GateResult
from harness.store import StoreError, write_result

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a workflow's summary, to which others write, too."""


def files_to_write(options: argparse.Namespace) -> dict[str, Path | None]:
    """The files to write, by the option or variable that names each."""
    summary = os.environ.get(SUMMARY)
    return {
        "--json": options.json,
        "--junit": options.junit,
        "--markdown": options.markdown,
        SUMMARY: Path(summary) if summary else None,
    }


def finish(result: GateResult, folder: Path | None, options: argparse.Namespace, benchmarks: Path) -> int:
    """Show the result, write it in every form that was asked for, and give its exit status.

    A ``folder`` of None keeps nothing: there is nothing that was measured. Raises StoreError for the first form that
    could not be written, after the others are and the report is shown.
    """
    from harness.report import gate as forms
    from harness.report.selftest import selftest_line

    console = output.console()
    content = json.dumps(forms.document(result), indent=1, allow_nan=False)
    if folder is not None:
        write_result(folder, content)
    made = {"--json": lambda: content, "--junit": lambda: forms.junit(result)}
    unwritten: list[StoreError] = []
    for option, path in files_to_write(options).items():
        if path is not None:
            text = made[option]() if option in made else forms.markdown(result)
            try:
                write(option, path, text, append=option == SUMMARY)
            except StoreError as error:
                unwritten.append(error)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in forms.annotations(result, from_repository(benchmarks)):
            print(line)
    if folder is not None:
        console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
    if not (result.selftest or result.unchanged) and (
        tested := selftest_line(options.results, result.head.environment.get("machine_id"))
    ):
        console.print(f"selftest of this machine, {tested}", highlight=False, soft_wrap=True)
    forms.show_gate(result, console, every=options.every)
    if unwritten:
        # Last, because a disk that is full by now must not cost the report, too.
        raise unwritten[0]
    return result.status


def from_repository(benchmarks: Path) -> str:
    """The folder of benchmarks as the repository's host names it: relative to the top; as it is outside of any."""
    folder, top = benchmarks.resolve(), repository(benchmarks).resolve()
    return folder.relative_to(top).as_posix() if folder.is_relative_to(top) else folder.name


def repository(benchmarks: Path) -> Path:
    """The repository the benchmarks are in, else the folder above them."""
    return next(
        (folder for folder in (benchmarks, *benchmarks.parents) if (folder / ".git").exists()), benchmarks.parent
    )
