"""A gate on the terminal: readable at 80 columns and more, in colour or without, and in a pipe.

What regressed comes first, then what cannot be judged; the last line says the outcome and the exit status.
Foreign text is printed as plain text, and columns that do not fit move below their row, so that nothing is
cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from harness.model import GateOutcome, GateResult
from harness.report.builders.gate import (
    TIME,
    GateRow,
    briefly,
    decided_by,
    differences,
    grouped,
    headline,
    metric_name,
    rows,
    sides,
    spread,
)
from harness.report.format import sanitize
from harness.report.header import machine_lines
from harness.report.render.columns import GAP, beside
from harness.report.render.console import ConsolePage
from harness.report.render.console import grid as grid_of

STYLES = {
    GateOutcome.REGRESSED: "bold red",
    GateOutcome.IMPROVED: "bold green",
    GateOutcome.UNCHANGED: "green",
    GateOutcome.INCONCLUSIVE: "yellow",
    GateOutcome.MISSING: "yellow",
    GateOutcome.NEW: "cyan",
    GateOutcome.WRONG: "bold magenta",
    GateOutcome.FAILED: "bold magenta",
    GateOutcome.TIMED_OUT: "bold magenta",
    GateOutcome.SKIPPED: "dim",
    GateOutcome.ACCEPTED: "cyan",
}
"""Colours repeat what the words state; nothing is shown by colour alone."""

INDENT = 2
NARROWEST_REASON = 30

_MOST = 12
_LISTED = ("Missing", "New", "Skipped")
_TITLES = {
    "variant": "variant", "metric": "metric", "outcome": "verdict", "change": "change", "interval": "95 % interval",
    "readings": "base -> head", "units": "units", "noise": "noise", "resolves": "resolves",
}  # fmt: skip
_ALWAYS = ("variant", "metric", "outcome", "change")
_NOISE = ("noise", "resolves")
_KEPT_LONGEST = (*_NOISE, "interval", "units", "readings")


def show_gate(result: GateResult, console: Console, *, every: bool = False) -> None:
    """Print the report of a gate; ``every`` shows the rows of what is unchanged or skipped, too.

    A self-test always has the rows of what is unchanged, with the noise of each and what it resolves.
    """
    page = _GatePrinter(console)
    page.sides(result)
    groups = grouped(result.verdicts)
    tables = [
        name for name in groups if name not in _LISTED and (every or result.selftest or name != "Unchanged")
    ]
    rows_of = {name: rows(own) if result.selftest else briefly(rows(own)) for name, own in groups.items()}
    layout = _fit([row for name in tables for row in rows_of[name]], page.room, _TITLES)
    for heading, verdicts in groups.items():
        page.heading(f"{heading} ({len(verdicts)})")
        shown = rows_of[heading]
        if heading in tables:
            page.table(shown, layout)
        elif heading == "Unchanged":
            for (claim, metric), own in _together(((v.claim, v.metric), v) for v in verdicts).items():
                page.summed(f"{sanitize(claim)}  {metric_name(metric)}", len(own), spread(own))
        elif heading == "Skipped" and not every:
            for (claim, reason), alike in _together(((row.claim, row.reason), row) for row in shown).items():
                page.summed(claim, len(alike), reason)
        else:
            page.listed(shown)
    page.surroundings(result)
    page.closing(result)


_Key = TypeVar("_Key")
_Item = TypeVar("_Item")


def _together(pairs: Iterable[tuple[_Key, _Item]]) -> dict[_Key, list[_Item]]:
    """Items by their keys, in the order in which the keys first come."""
    found: dict[_Key, list[_Item]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return found


@dataclass(frozen=True, slots=True)
class _GateLayout:
    """Columns beside each other with their widths, and the names of those that go below each row."""

    widths: Mapping[str, int]
    below: tuple[str, ...]


def _fit(shown: Sequence[GateRow], available: int, names: Iterable[str]) -> _GateLayout:
    """The layout of columns with these names; one that is empty everywhere is left out."""
    wanted = {name: max((len(_plain(row, name)) for row in shown), default=0) for name in names}
    widths = {name: max(widest, len(_TITLES[name])) for name, widest in wanted.items() if widest}
    for name in ("variant", "metric"):
        if name in widths:
            widths[name] = min(widths[name], max(14, available // 4))
    chosen = beside(widths, _ALWAYS, _KEPT_LONGEST, available)
    inline = {name: width for name, width in widths.items() if name in chosen}
    return _GateLayout(inline, tuple(name for name in widths if name not in chosen))


def _plain(row: GateRow, name: str) -> str:
    return str(getattr(row, name))


class _GatePrinter(ConsolePage):
    """The parts of a gate's report."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.room = console.width - INDENT

    def sides(self, result: GateResult) -> None:
        """What is compared with what, and in which of its surroundings the two differ."""
        grid = grid_of(2)
        for side in sides(result):
            grid.add_row(self.text(side.side, "dim"), self.text(side.label, "bold"))
        found = differences(result)
        for index, difference in enumerate(found[:_MOST]):
            words = f"{difference.name}: {difference.base} -> {difference.head}"
            grid.add_row(self.text("" if index else "differs", "dim"), self.text(words, "yellow"))
        if len(found) > _MOST:
            grid.add_row("", self.text(f"and {len(found) - _MOST} more", "yellow"))
        if result.selftest:
            grid.add_row(self.text("self-test", "dim"), self.text("identical code on both sides"))
        self.print(grid)

    def surroundings(self, result: GateResult) -> None:
        """Where it was measured, and what each side imported from where, by which the answer can be
        checked."""
        grid = grid_of(2)
        for label, line in machine_lines(result.head.environment):
            if label != "git":
                grid.add_row(self.text(label, "dim"), self.text(line))
        for side in sides(result):
            for index, (name, words) in enumerate(side.lines):
                grid.add_row(
                    self.text("" if index else side.side, "dim"),
                    Text.assemble(self.text(name, "dim"), "  ", self.text(words)),
                )
        if grid.row_count:
            self.print("", grid)

    def heading(self, words: str) -> None:
        self.print("", self.text(words, "bold"))

    def table(self, shown: Sequence[GateRow], layout: _GateLayout) -> None:
        """The rows below their benchmark, each with what did not fit, and its reason, beside it or on a line
        below."""
        left = self.room - sum(width + GAP for width in layout.widths.values())
        beside = left >= NARROWEST_REASON
        titles = [self.text(_TITLES[name], "dim") for name in layout.widths]
        widths = {**layout.widths, "reason": left} if beside else layout.widths
        self.beside(
            list(widths.values()), [*titles, *([self.text("reason", "dim")] if beside else [])], INDENT
        )
        for (claim, case), own in _together(((row.claim, row.case), row) for row in shown).items():
            self.print(self._case(claim, case))
            for row in own:
                cells = [self._cell(row, name) for name in layout.widths]
                self.beside(
                    list(widths.values()), [*cells, *([self.text(row.reason)] if beside else [])], INDENT
                )
                below = [
                    f"{_TITLES[name]}: {_plain(row, name)}" for name in layout.below if _plain(row, name)
                ]
                if below:
                    self.print(self.text(", ".join(below), "dim"), indent=INDENT + 2)
                if row.reason and not beside:
                    self.print(self.text(row.reason, "italic"), indent=INDENT + 2)

    def listed(self, shown: Sequence[GateRow]) -> None:
        """Benchmarks by name, variants that share one reason together."""
        for (claim, case, reason), own in _together(
            ((row.claim, row.case, row.reason), row) for row in shown
        ).items():
            names = dict.fromkeys(
                " ".join(part for part in (row.variant, "" if row.metric == TIME else row.metric) if part)
                for row in own
            )
            self.print(self._case(claim, case))
            words = "; ".join(part for part in (", ".join(filter(None, names)), reason) if part)
            if words:
                self.print(self.text(words), indent=INDENT)

    def summed(self, claim: str, count: int, words: str) -> None:
        """One line for all of a claim."""
        shown = f"{count}{f', {words}' if words else ''}"
        self.print(Text.assemble(self.text(claim, "bold blue"), "  ", self.text(shown)))

    def closing(self, result: GateResult) -> None:
        if result.unchanged:
            self.print("", self.text(sanitize(result.unchanged, 1000)))
        self.print("", *(self.text(sanitize(note, 1000), "yellow") for note in result.notes))
        if not result.unchanged:
            self.print(self.text("; ".join(decided_by(result)), "dim"))
        style = {0: "bold green", 1: "bold red"}.get(result.status, "bold yellow")
        # soft_wrap: the last line is one line in every log
        self._console.print(self.text(headline(result), style), highlight=False, soft_wrap=True)

    def _case(self, claim: str, case: str) -> Text:
        return Text("  ").join(part for part in (self.text(claim, "bold blue"), self.text(case)) if part)

    def _cell(self, row: GateRow, name: str) -> Text:
        if name == "outcome":
            return self.text(str(row.outcome), STYLES[row.outcome])
        style = {True: "green", False: "red", None: ""}[row.better] if name == "change" else ""
        return self.text(_plain(row, name), style)
