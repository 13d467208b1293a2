"""What a machine can measure, as a table: what is there, what is missing, what that costs, and remedies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.model import MachineCheck, Readiness
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.format import sanitize

_COLUMNS = (
    Column("readiness", "state", verdict=True),
    Column("name", "what"),
    Column("found", "found", foreign=True),
    Column("costs", "what that costs", foreign=True, prose=True),
)
_TONES = {Readiness.READY: Tone.GOOD, Readiness.LIMITED: Tone.OPEN, Readiness.MISSING: Tone.TROUBLE}
LONGEST = 600


def doctor_document(checks: Sequence[MachineCheck], noise: str) -> Document:
    """The table; ``noise`` says what the machine can tell apart."""
    counts = Counter(check.readiness for check in checks)
    return Document(
        "This machine",
        [("noise", noise)],
        tables=[Table("", _COLUMNS, tuple(map(_row, checks)))],
        closing=[
            f"{sanitize(check.name)}: {sanitize(check.remedy, LONGEST)}" for check in checks if check.remedy
        ],
        outcome=", ".join(f"{counts[each]} {each}" for each in Readiness if counts[each]),
    )


def _row(check: MachineCheck) -> Row:
    cells = {
        "readiness": str(check.readiness),
        "name": sanitize(check.name),
        "found": sanitize(check.found, LONGEST),
        "costs": sanitize(check.costs, LONGEST),
    }
    return Row(cells, {"readiness": _TONES[check.readiness]})
