"""Which columns of the verdicts' table fit beside each other, and how wide they are; the rest goes below each
row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report.builders.run import VerdictRow
from harness.report.format import LONGEST
from harness.report.render.columns import beside, total

NARROWEST_NAME = 8

_TITLES = {
    "case": "case", "variant": "variant", "outcome": "verdict", "effect": "effect", "interval": "95 % interval",
    "baseline": "baseline", "time": "time", "memory": "memory", "units": "units", "more": "to decide", "notes": "",
}  # fmt: skip
_LABELS = {
    **_TITLES,
    "interval": "95 %:",
    "baseline": "baseline",
    "units": "units:",
    "more": "to decide:",
    "notes": "",
}
_KEPT_LONGEST = ("interval", "notes", "more", "baseline", "memory", "time", "units")


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the columns beside each other with their widths, those below, titles and what is written
    below."""

    inline: tuple[str, ...]
    below: tuple[str, ...]
    widths: Mapping[str, int]
    titles: Mapping[str, str]
    labels: Mapping[str, str]


def fit(rows: Sequence[VerdictRow], available: int) -> Layout:
    """The layout of a report's rows in ``available`` characters; columns that are empty everywhere are left
    out."""
    wanted = {name: _widest(rows, name) for name in _TITLES}
    present = [name for name in _TITLES if wanted[name] or name in ("variant", "outcome")]
    widths = {name: max(wanted[name], len(_TITLES[name])) for name in present}
    if "memory" in widths:
        widths["memory"] = max(widths["memory"], len("memory [9]"))
    names: list[str] = [name for name in ("case", "variant") if name in widths]
    for name in names:
        widths[name] = min(widths[name], max(14, available // 4))
    chosen = [*names, "outcome"]
    if "effect" in widths:
        chosen.append("effect")
        over = total(chosen, widths) - available
        for name in names:
            cut = min(max(0, over), max(0, widths[name] - NARROWEST_NAME))
            widths[name] -= cut
            over -= cut
        if over > 0:
            chosen.remove("effect")
    chosen = beside(widths, chosen, _KEPT_LONGEST, available)
    inline = tuple(name for name in _TITLES if name in chosen)
    below = tuple(name for name in present if name not in chosen)
    return Layout(inline, below, widths, _TITLES, _LABELS)


def _widest(rows: Sequence[VerdictRow], name: str) -> int:
    if name == "notes":
        return max((sum(len(f"[{number}]") for number in row.notes) for row in rows if row.effect), default=0)
    # several variants that were skipped alike share a line; they wrap rather than widen the column for all
    counted = [row for row in rows if row.effect or "," not in row.variant] if name == "variant" else rows
    return min(LONGEST, max((len(str(getattr(row, name))) for row in counted or rows), default=0))
