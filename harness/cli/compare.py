"""``compare``: runs side by side, by run, machine or variant."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.forms import Forms, add_forms, as_json
from harness.cli.options import RUN, add_results
from harness.cli.output import complain
from harness.exit_status import CANNOT_JUDGE, OK
from harness.program import advised
from harness.store import Run, StoreError
from harness.store.foreign import aligned, read_foreign
from harness.store.runs import COMPARABLE, RunEntry, find, open_entry, runs_of

if TYPE_CHECKING:
    from harness.judge.group import Axis
    from harness.judge.runs import RunComparison
    from harness.report.document import Document


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Compare the first run with each of the others."
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help=f"{RUN}; GATE@base and GATE@head are a gate's sides; a file: JSON of pytest-benchmark, pyperf or asv",
    )
    parser.add_argument(
        "--by", choices=("run", "machine", "variant"), default="run", help="what is compared; default: run"
    )
    add_results(parser)
    add_forms(parser, "markdown", "csv", "parquet", "junit", "json", "html")


def run(options: argparse.Namespace) -> int:
    """Compare and show. The status is 0 whatever differs, 3 if nothing can be compared. Raises StoreError."""
    from harness.judge.group import Axis, columns
    from harness.judge.runs import compare_runs
    from harness.report.builders.comparison import comparison_document
    from harness.report.render.terminal import show_document

    forms = Forms.of(options)
    axis = Axis(options.by)
    found_entries = [_entry(word, options.results) for word in options.runs]
    entries = [each for entry in found_entries for each in runs_of(entry)]
    if len(entries) < 2 and axis is not Axis.VARIANT:
        raise StoreError(f"compare takes two runs or more: {advised('compare latest~1 latest')}")
    opened = [
        read_foreign(entry.folder) if entry.folder.is_file() else open_entry(entry) for entry in entries
    ]
    runs = aligned(opened)
    labelled = list(zip(_labels(entries), runs, strict=True))
    empty = [label for label, run in labelled if not run.measurements]
    made = columns(labelled, axis)
    if len(made) < 2:
        raise StoreError(_single(axis, labelled))
    found = compare_runs(made, axis)
    document = comparison_document(found)
    show_document(document, forms.console())
    _write(forms, found, document)
    if found.lines:
        return OK
    why = (
        f"{', '.join(empty)} holds no finished measurement" if empty else "these runs have nothing in common"
    )
    complain(f"{why}: nothing could be compared; {advised('show RUN')} describes a run")
    return CANNOT_JUDGE


def _write(forms: Forms, found: RunComparison, document: Document) -> None:
    from harness.report.builders import comparison_records as records
    from harness.report.render.junit import junit
    from harness.report.render.markdown import markdown
    from harness.report.render.tables import csv_of, write_parquet

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.compared_page import compared_page

        save_page(compared_page(found, document), path)

    forms.write(
        {
            "markdown": lambda: markdown(document),
            "csv": lambda: csv_of(records.records(found)),
            "junit": lambda: junit(records.results(found)),
            "json": lambda: as_json(records.document(found)),
        },
        {"parquet": lambda path: write_parquet(records.records(found), path), "html": page},
    )


def _entry(word: str, results: Path) -> RunEntry:
    """The run meant by a word; the name of a file means another tool's results. Raises StoreError."""
    file = Path(word)
    return RunEntry(file, name=file.name) if file.is_file() else find(word, results, COMPARABLE)


def _labels(entries: list[RunEntry]) -> list[str]:
    """A label for each run, with its folder if two would be the same."""
    places = [(entry.folder.resolve(), entry.side) for entry in entries]
    if len(set(places)) < len(places):
        raise StoreError(
            f"{next(e.label for e, p in zip(entries, places, strict=True) if places.count(p) > 1)} is named twice"
        )
    for labels in (
        [entry.label for entry in entries],
        [f"{entry.folder.resolve().parent.name}/{entry.label}" for entry in entries],
    ):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{folder}@{side}" if side else str(folder) for folder, side in places]


def _single(axis: Axis, labelled: list[tuple[str, Run]]) -> str:
    from harness.judge.group import Axis

    if axis is Axis.MACHINE:
        return "all of these runs are from one machine: compare them --by run"
    name = labelled[0][0]
    return (
        f"{name} holds no variant beside the baseline"
        if any(run.measurements for _, run in labelled)
        else (f"{name} holds no finished measurement")
    )
