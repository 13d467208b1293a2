"""All claims of a folder as one document: what each says, what is expected, why, who teaches it, and the
verdicts on machines of which a run is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.judge.run import judge
from harness.model import Claim, benchmark_of
from harness.report.builders.run_content import judged
from harness.report.document import Column, Document, Fact, Row, Table
from harness.report.format import sanitize
from harness.report.header import machine_lines
from harness.store import Run

_BEFORE = (
    Column("claim", "claim", foreign=True),
    Column("sentence", "sentence", prose=True),
    Column("expected", "judged by"),
    Column("needs", "needs", foreign=True),
)
_BEHIND = (Column("why", "why", prose=True), Column("source", "taught by", prose=True))
LONGEST = 600
"""The longest text of a cell: a sentence or two."""


def claims_document(claims: Sequence[Claim], machines: Sequence[Run] = ()) -> Document:
    """A table for each folder of benchmark files, sorted by the claims' names: letters first, then numbers.

    ``machines`` are runs, one a machine: each has a column with how often each verdict fell on a claim.
    """
    columns = tuple(Column(f"machine {number}", f"on {number}") for number in range(1, len(machines) + 1))
    verdicts = [_verdicts(run) for run in machines]
    folders: dict[str, list[Claim]] = {}
    for claim in claims:
        folders.setdefault(claim.path.rpartition("/")[0], []).append(claim)
    return Document(
        "Claims",
        [fact for number, run in enumerate(machines, 1) for fact in _facts(number, run)],
        tables=[
            Table(
                sanitize(folder).capitalize(),
                (*_BEFORE, *columns, *_BEHIND),
                tuple(_row(claim, verdicts) for claim in sorted(own, key=_place)),
            )
            for folder, own in sorted(folders.items())
        ],
    )


def _facts(number: int, run: Run) -> list[Fact]:
    """What machine has that number, in one line."""
    found = dict(machine_lines(run.environment))
    return [(str(number), "; ".join(found[name] for name in ("machine", "GPU", "software") if name in found))]


def _verdicts(run: Run) -> Mapping[str, str]:
    """The verdicts on each benchmark, commonest first."""
    counts: dict[str, Counter[str]] = {}
    for verdict in judge(run):
        function = benchmark_of(verdict.case)
        counts.setdefault(function, Counter())[str(verdict.outcome)] += 1
    return {
        function: ", ".join(f"{count} {outcome}" for outcome, count in found.most_common())
        for function, found in counts.items()
    }


def _place(claim: Claim) -> tuple[str, int, str]:
    letters = claim.name.rstrip("0123456789")
    number = claim.name.removeprefix(letters)
    return letters, int(number) if number else 0, claim.name


def _row(claim: Claim, verdicts: Sequence[Mapping[str, str]]) -> Row:
    function = f"{claim.path}::{claim.function}"
    cells = {
        "claim": sanitize(claim.name),
        "sentence": sanitize(claim.sentence, LONGEST),
        "expected": judged(claim),
        "needs": sanitize(", ".join(claim.needs)),
        "why": sanitize(claim.why, LONGEST),
        "source": sanitize(claim.source, LONGEST),
        **{f"machine {number}": found.get(function, "") for number, found in enumerate(verdicts, 1)},
    }
    return Row(cells, {})
