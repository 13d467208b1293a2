"""``runs``: list the saved runs, oldest first."""

from __future__ import annotations

import argparse

from harness.cli.options import add_results
from harness.cli.output import console
from harness.exit_status import OK
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.format import sanitize
from harness.store.runs import RunEntry, baselines, kinds, no_runs, run_entries

_COLUMNS = (
    Column("run", "run", foreign=True),
    Column("name", "name", foreign=True),
    Column("started", "started", rank=3),
    Column("kind", "kind", foreign=True, rank=1),
    Column("tags", "tags", foreign=True, rank=2),
    Column("latest", "", rank=5),
    Column("trouble", "", foreign=True, rank=4),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "List the saved runs, oldest first."
    parser.add_argument("--tag", metavar="TAG", help="only runs with this tag")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """List the runs in the results folder."""
    from harness.report.render.terminal import show_document

    known = run_entries(options.results)
    wanted = [entry for entry in known if options.tag is None or options.tag in entry.tags]
    kept = [folder.name for folder in baselines(options.results)]
    latest = next((entry for entry in reversed(known) if entry.ran), None)
    rows = [_row(entry, latest=entry is latest) for entry in wanted]
    facts = [("baselines", sanitize(", ".join(kept)))] if kept else []
    outcome = "" if rows else no_runs(options.results, ())
    tables = [Table("", _COLUMNS, tuple(rows))] if rows else []
    title = f"{kinds(wanted)} in {sanitize(options.results)}"
    show_document(Document(title, facts, tables=tables, outcome=outcome), console())
    return OK


def _row(entry: RunEntry, *, latest: bool) -> Row:
    return Row(
        {
            "run": sanitize(entry.folder.name),
            "name": sanitize(entry.name),
            "started": sanitize(entry.started[:16].replace("T", " "), 40),
            "kind": entry.kind if entry.gate or entry.is_set else sanitize(entry.profile, 40),
            "latest": "latest" if latest else "",
            "tags": sanitize(", ".join(entry.tags)),
            "trouble": sanitize(entry.broken),
        },
        {"trouble": Tone.BAD},
    )
