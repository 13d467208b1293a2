"""A run as a document: claim by claim, what every variant did, and what to type next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from harness.model import Outcome
from harness.plural import counted
from harness.report.builders.run_content import ClaimSection, RunContent, VerdictRow, content
from harness.report.builders.run_details import ARITHMETIC, COLUMNS, LOADERS, detail_rows
from harness.report.ceilings import ceilings_line
from harness.report.document import Column, Document, Fact, Row, Table, Tone
from harness.report.format import sanitize
from harness.report.header import header_lines, resumed_line
from harness.report.machine_notes import spoilt, taken_meanwhile, watched_line
from harness.report.next_command import near, next_command
from harness.report.selftest import selftest_of
from harness.store import Run

CLAIM_COLUMNS = (
    Column("case", "case", foreign=True),
    Column("variant", "variant", foreign=True),
    Column("outcome", "verdict", verdict=True),
    Column("effect", "effect", rank=1),
    Column("interval", "95 % interval", rank=2),
    Column("baseline", "baseline", rank=4),
    Column("time", "time", rank=6),
    Column("memory", "memory", rank=5),
    Column("units", "units", rank=7),
    Column("more", "to decide", rank=3),
    Column("reason", "reason", foreign=True, prose=True),
)
_SKIPPED = (
    Column("claim", "claim", foreign=True),
    Column("reason", "why", foreign=True, prose=True),
)
_DETAILED = (
    Column("claim", "claim", foreign=True, above=True),
    Column("case", "case", foreign=True, above=True),
    Column("variant", "variant", foreign=True),
)


def run_document(run: Run, judged: RunContent | None = None) -> Document:
    """The report of a run, judged anew unless its content is given; what was saved is not touched."""
    found = judged or content(run)
    tables = [_claim(section) for section in found.sections]
    shown = {section.claim for section in found.sections}
    tables += [table for heading in (LOADERS, ARITHMETIC) if (table := _details(run, heading, shown)).lines]
    if found.skipped:
        rows = tuple(Row({"claim": claim, "reason": reason}, {}) for claim, reason in found.skipped)
        tables.append(Table(f"Skipped ({len(rows)})", _SKIPPED, rows, folded=True))
    return Document(
        "Claims on trial",
        [(label, line) for label, line in _facts(run) if line],
        general_warnings(run, found),
        tables,
        found.footnotes,
        outcome=counts_text(found.counts) or "no benchmark was reached",
        tone=Tone.PLAIN if found.verdicts else Tone.OPEN,
        closing=tuple(closing(run, found)),
    )


def general_warnings(run: Run, found: RunContent) -> list[str]:
    """What a reader must know before anything else: a busy machine, no end, claims that were never
    reached."""
    warnings = [spoilt(line) for line in taken_meanwhile(run)]
    if not run.ended.text:
        warnings.append("no end is recorded: the run was killed or is still running")
    if found.uncalled:
        warnings.append(f"Never reached: {', '.join(found.uncalled)}.")
    return warnings


def _facts(run: Run) -> Iterator[Fact]:
    yield from header_lines(run)
    yield "resumed", resumed_line(run)
    yield "watched", watched_line(run)
    yield "ceilings", ceilings_line(run.ceilings)
    yield "selftest", selftest_of(run)
    yield "ended", sanitize(run.ended.text)


def closing(run: Run, found: RunContent) -> Iterator[str]:
    """What would decide more, and where the records are."""
    open_ = next_command(run, found.verdicts)
    if open_.beyond:
        yield f"Out of a longer run's reach: {open_.beyond} undecided; a quieter machine may decide them."
    yield f"Saved in {near(run.folder)}"
    if open_.command:
        aim = f"decide {counted(open_.verdicts, 'more verdict')}" if open_.verdicts else "finish the run"
        yield f"To {aim}:"
        yield f"  {open_.command}"


def _claim(section: ClaimSection) -> Table:
    return Table(
        "",
        tuple(
            replace(column, notes=section.memory_notes) if column.name == "memory" else column
            for column in CLAIM_COLUMNS
        ),
        tuple(_row(row) for row in section.rows),
        foreign=f"{section.claim}  {section.sentence}",
        below=f"{counts_text(section.counts)} ({section.judged})",
        why=section.why,
    )


def cells_of(row: VerdictRow) -> dict[str, str]:
    """The cells of a verdict, by the names of the columns."""
    return {column.name: str(getattr(row, column.name)) for column in CLAIM_COLUMNS}


def _row(row: VerdictRow) -> Row:
    return Row(cells_of(row), {"outcome": row.tone, "effect": row.effect_tone}, row.notes)


def _details(run: Run, heading: str, claims: Collection[str]) -> Table:
    columns = tuple(Column(name, name, rank=rank) for rank, name in enumerate(COLUMNS[heading], 1))
    rows = (
        Row({"claim": row.claim, "case": row.case, "variant": row.variant, **row.cells}, {})
        for row in detail_rows(run, heading)
        if row.claim in claims
    )
    return Table(heading, (*_DETAILED, *columns), tuple(rows), folded=True)


def counts_text(counts: Sequence[tuple[Outcome, int]]) -> str:
    """How often each verdict fell: ``3 holds, 1 fails``."""
    return ", ".join(f"{count} {outcome}" for outcome, count in counts)
