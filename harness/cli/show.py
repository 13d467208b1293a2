"""``show``: describe a saved run, and judge nothing."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from harness.cli.options import RUN, add_results
from harness.cli.output import console
from harness.exit_status import CANNOT_JUDGE, OK
from harness.plural import counted
from harness.report.format import quantity, sanitize
from harness.store.runs import RunEntry, find, open_entry, size

if TYPE_CHECKING:
    from rich.console import Console


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Describe a saved run: where and when it was measured, what it holds, how large it is."
    )
    parser.add_argument("run", metavar="RUN", help=RUN)
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Describe it. The status is 3 if it holds no measurement. Raises StoreError."""
    return _show(find(options.run, options.results), console())


def _show(entry: RunEntry, screen: Console) -> int:
    from harness.report.document import Document
    from harness.report.header import header_lines
    from harness.report.render.terminal import show_document

    if entry.gate and entry.side is None:
        sides = ", ".join(f"{sanitize(entry.label)}@{side}" for side in entry.sides)
        facts = [("gate", f"one side of it can be compared: {sides}")]
        show_document(Document(sanitize(entry.label), [*facts, *_place(entry)]), screen)
        return OK
    run = open_entry(entry)
    statuses = Counter(str(measurement.status) for measurement in run.measurements if not measurement.survey)
    invocations = max((measurement.invocation for measurement in run.measurements), default=0)
    samples = sum(len(v) for m in run.measurements for t in m.trials for v in t.samples.values())
    cases = {measurement.case for measurement in run.measurements}
    finished = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "none finished"
    facts = [
        *header_lines(run),
        ("ended", sanitize(run.ended.text) or "no record of an end: the run was killed, or still runs"),
        ("claims", sanitize(", ".join(claim.name for claim in run.claims), 1000) or "none"),
        (
            "measured",
            f"{len(cases)} of {counted(len({*run.planned, *cases}), 'case')}, {counted(invocations, 'invocation')}",
        ),
        ("measurements", f"{finished}; {counted(samples, 'sample')}"),
        *_place(entry),
    ]
    show_document(
        Document(sanitize(entry.label), facts, [sanitize(warning) for warning in run.warnings]), screen
    )
    return OK if run.measurements else CANNOT_JUDGE


def _place(entry: RunEntry) -> list[tuple[str, str]]:
    tags = [("tags", sanitize(", ".join(entry.tags)))] if entry.tags else []
    return [*tags, ("folder", f"{sanitize(entry.folder, 1000)} ({quantity(size(entry.folder), 'B')})")]
