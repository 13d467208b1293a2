"""``compare``: runs side by side, by run, machine or variant."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.output import complain
from harness.cli.writing import as_json, check_forms, console, write_forms
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.judge.group import Axis, columns
from harness.judge.runs import RunComparison, compare_runs
from harness.program import advised
from harness.report.comparing.content import comparing_paper
from harness.report.document import Document
from harness.report.document.terminal import show_paper
from harness.store import Run, StoreError
from harness.store.runs import RunEntry, find, open_entry


def compare(options: argparse.Namespace) -> int:
    """Compare and show. The status: 0 whatever differs, 2 usage or tool error, 3 where nothing can be compared."""
    try:
        check_forms(options)
        axis = Axis(options.by)
        entries = [find(word, options.results, claims=True) for word in options.runs]
        if len(entries) < 2 and axis is not Axis.VARIANT:
            raise StoreError(f"compare takes two runs or more: {advised('compare latest~1 latest')}")
        runs = [open_entry(entry) for entry in entries]
        labelled = list(zip(_labels(entries), runs, strict=True))
        empty = [label for label, run in labelled if not run.measurements]
        made = columns(labelled, axis)
        if len(made) < 2:
            raise StoreError(_single(axis, labelled))
        found = compare_runs(made, axis)
        told = comparing_paper(found)
        show_paper(told, console(options))
        _write(options, found, told)
    except StoreError as error:
        complain(error)
        return TOOL_ERROR
    if found.lines:
        return OK
    why = f"{', '.join(empty)} holds no finished measurement" if empty else "these runs have nothing in common"
    complain(StoreError(f"{why}: nothing could be compared; {advised('show RUN')} says what a run holds"))
    return CANNOT_JUDGE


def _write(options: argparse.Namespace, found: RunComparison, told: Document) -> None:
    from harness.report.comparing import records
    from harness.report.document.markdown import markdown
    from harness.report.files import csv_of, write_parquet

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.compared_page import compared_page

        save_page(compared_page(found, told), path)

    write_forms(
        options,
        {
            "markdown": lambda: markdown(told),
            "csv": lambda: csv_of(records.records(found)),
            "junit": lambda: records.junit(found),
            "json": lambda: as_json(records.document(found)),
        },
        {"parquet": lambda path: write_parquet(records.records(found), path), "html": page},
    )


def _labels(entries: list[RunEntry]) -> list[str]:
    """What each run is called, told apart where two are called the same."""
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
    return [f"{folder}@{arm}" if arm else str(folder) for folder, arm in places]


def _single(axis: Axis, labelled: list[tuple[str, Run]]) -> str:
    if axis is Axis.MACHINE:
        return "all of these runs are from one machine: compare them --by run"
    name = labelled[0][0]
    return (
        f"{name} holds no variant beside the baseline"
        if any(run.measurements for _, run in labelled)
        else (f"{name} holds no finished measurement")
    )
