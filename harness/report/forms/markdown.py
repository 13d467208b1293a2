"""A run as Markdown for a pull request: the terminal's rows as tables, claim by claim."""

from __future__ import annotations

from harness.model import Outcome
from harness.report.builders.run import ClaimSection, RunContent, VerdictRow
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.format import sanitize
from harness.report.header import header_lines
from harness.report.render.markdown import markdown as written
from harness.report.render.markdown_escape import LONGEST
from harness.report.selftest import selftest_of
from harness.store import Run

_COLUMNS = (
    Column("case", "case", foreign=True),
    Column("variant", "variant", foreign=True),
    Column("outcome", "verdict"),
    Column("effect", "effect"),
    Column("interval", "95 % interval"),
    Column("baseline", "baseline"),
    Column("time", "time"),
    Column("memory", "memory"),
    Column("units", "units"),
    Column("more", "to decide"),
    Column("reason", "reason", foreign=True),
)

_LOUD = (Outcome.HOLDS, Outcome.FAILS, Outcome.WRONG, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST)


def markdown(run: Run, content: RunContent, longest: int = LONGEST) -> str:
    """The page of a run; ``longest`` is in bytes of UTF-8."""
    return written(run_document(run, content), longest)


def run_document(run: Run, content: RunContent) -> Document:
    """The report of a run as a document."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in content.counts) or "no verdict"
    facts = [*header_lines(run), ("selftest", selftest_of(run))]
    facts.append(
        ("ended", sanitize(run.ended.text) or "no end is recorded: the run was killed or is still running")
    )
    tables = [_table(section) for section in content.sections]
    if content.skipped:
        rows = tuple(Row({"case": claim, "reason": reason}, {}) for claim, reason in content.skipped)
        columns = (Column("case", "claim", foreign=True), Column("reason", "why", foreign=True))
        tables.append(Table(f"Skipped ({len(rows)})", columns, rows, folded=True))
    warnings = [f"never reached: {', '.join(content.uncalled)}"] if content.uncalled else []
    return Document(f"Claims on trial: {counts}", facts, warnings, tables, content.footnotes)


def _table(section: ClaimSection) -> Table:
    words = ", ".join(f"{count} {outcome}" for outcome, count in section.counts)
    return Table(
        f"{words}:",
        _COLUMNS,
        tuple(_line(row) for row in section.rows),
        foreign=f"{section.claim} {section.sentence}",
        below=section.judged,
    )


def _line(row: VerdictRow) -> Row:
    cells = {
        "case": row.case, "variant": row.variant, "effect": row.effect, "interval": row.interval,
        "baseline": row.baseline, "time": row.time, "memory": row.memory, "units": row.units, "more": row.more,
        "reason": row.reason,
    }  # fmt: skip
    return Row({**cells, "outcome": f"**{row.outcome}**" if row.outcome in _LOUD else str(row.outcome)},
                {"effect": Tone.PLAIN}, row.notes)  # fmt: skip
