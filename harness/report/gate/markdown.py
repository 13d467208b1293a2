"""A gate as Markdown for a pull request or a workflow's summary.

Whatever comes from elsewhere stands in code: no link, mention, image, HTML or table of its own can come of
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.model import GateOutcome, GateResult
from harness.report.builders.gate import (
    NEVER_GREEN,
    GateRow,
    briefly,
    decided_by,
    differences,
    headline,
    rows,
    sides,
)
from harness.report.render.markdown_escape import LONGEST, code, folded, left_out, line, listed, size, some

_COLUMNS = (
    "benchmark",
    "variant",
    "metric",
    "verdict",
    "change",
    "95 % interval",
    "base -> head",
    "units",
    "reason",
)
_NOISE = ("noise", "resolves")


def markdown(result: GateResult, longest: int = LONGEST) -> str:
    """The page, as a title, what needs attention, and the rest folded away; ``longest`` is in bytes of UTF-8.

    Rows that do not fit are counted instead, those that passed first.
    """
    title = f"## {'Self-test' if result.selftest else 'Gate'}: {headline(result)}"
    after = [
        *listed([code(note) for note in (result.unchanged, *result.notes) if note]),
        *folded("Sides", _sides(result)),
        *folded("How it was decided", _how(result)),
    ]
    room = longest - size([title, *after]) - _ALLOWANCE
    attention = (GateOutcome.REGRESSED, *NEVER_GREEN, GateOutcome.IMPROVED, GateOutcome.ACCEPTED)
    noise = _NOISE if result.selftest else ()
    first, room = _table([row for outcome in attention for row in _rows(result, outcome)], room, noise)
    rest = [row for outcome in GateOutcome if outcome not in attention for row in _rows(result, outcome)]
    others_table, _ = _table(rest, room, noise)
    counted = f"Everything else ({len(rest)})"
    return (
        "\n".join([title, "", *first, *(folded(counted, others_table) if rest else ()), *after]).rstrip()
        + "\n"
    )


def _rows(result: GateResult, outcome: GateOutcome) -> list[GateRow]:
    found = rows(result.verdicts, outcome)
    return found if result.selftest else briefly(found)


_ALLOWANCE = 1000
"""Bytes for headings, blank lines and the count of rows left out."""


def _table(shown: Sequence[GateRow], room: int, noise: Sequence[str]) -> tuple[list[str], int]:
    """The rows' table with a blank line after it, as far as there is room, and the room that is left."""
    if not shown:
        return [], room
    if not noise and any(row.resolves for row in shown):
        noise = ("resolves",)
    columns = (*_COLUMNS, *noise)
    lines = [line(columns), line(["---"] * len(columns))]
    room -= size(lines)
    for count, row in enumerate(shown):
        written = line([*_cells(row), *(getattr(row, name) for name in noise)])
        room -= size([written])
        if room < 0:
            lines += ["", left_out(len(shown) - count)]
            break
        lines.append(written)
    return [*lines, ""], max(0, room)


def _cells(row: GateRow) -> Iterable[str]:
    yield " ".join(part for part in (code(row.claim), code(row.case)) if part)
    yield code(row.variant)
    yield code(row.metric)
    yield f"**{row.outcome}**" if row.outcome is GateOutcome.REGRESSED else str(row.outcome)
    yield row.change
    yield row.interval
    yield row.readings
    yield row.units
    yield code(row.reason)


def _sides(result: GateResult) -> list[str]:
    lines = []
    for side in sides(result):
        lines.append(f"- {side.side}: {code(side.label)}")
        lines += some([f"  - {code(name)} {code(words)}".rstrip() for name, words in side.lines], "  - ")
    lines += some(
        [f"- differs: {code(d.name)} {code(d.base)} -> {code(d.head)}" for d in differences(result)], "- "
    )
    return lines


def _how(result: GateResult) -> list[str]:
    lines = [f"- {part}" for part in decided_by(result)]
    return [*lines, "- identical code on both sides"] if result.selftest else lines
