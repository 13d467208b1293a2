"""All claims of a folder as one document: what each says, what is expected, who teaches it, and why."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Claim, Expect, metric
from harness.report.document import Column, Document, Row, Table
from harness.report.format import sanitize

_COLUMNS = (
    Column("claim", "claim", foreign=True),
    Column("sentence", "sentence", prose=True),
    Column("expected", "expected"),
    Column("needs", "needs", foreign=True),
    Column("why", "why", prose=True),
    Column("source", "taught by", prose=True),
)
LONGEST = 600
"""The longest text of a cell: a sentence or two."""


def claims_document(claims: Sequence[Claim]) -> Document:
    """A table for each folder of benchmark files, sorted by the letters of the claims' names, then by their
    numbers."""
    folders: dict[str, list[Claim]] = {}
    for claim in claims:
        folders.setdefault(claim.path.rpartition("/")[0], []).append(claim)
    return Document(
        "Claims",
        tables=[
            Table(sanitize(folder).capitalize(), _COLUMNS, tuple(map(_row, sorted(own, key=_place))))
            for folder, own in sorted(folders.items())
        ],
    )


def _place(claim: Claim) -> tuple[str, int, str]:
    letters = claim.name.rstrip("0123456789")
    number = claim.name.removeprefix(letters)
    return letters, int(number) if number else 0, claim.name


def _row(claim: Claim) -> Row:
    cells = {
        "claim": sanitize(claim.name),
        "sentence": sanitize(claim.sentence, LONGEST),
        "expected": expectation(claim),
        "needs": sanitize(", ".join(claim.needs)),
        "why": sanitize(claim.why, LONGEST),
        "source": sanitize(claim.source, LONGEST),
    }
    return Row(cells, {})


def expectation(claim: Claim) -> str:
    """What the claim expects of the variants, where they state nothing else."""
    margin = f"{100 * claim.margin:.3g} %"
    change = (
        f"same within {margin}" if claim.expect is Expect.SAME else f"{claim.expect} by more than {margin}"
    )
    return f"{metric(claim.metric).meaning}: {change}"
