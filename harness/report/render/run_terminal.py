"""A finished run on the terminal: readable at 80 columns and more, in colour or without, and in a pipe.

Whatever comes from a record is printed as plain text; columns that do not fit move to a line of their own
below the row, so that nothing is cut off, the verdict least of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from harness.model import Outcome
from harness.plural import counted
from harness.report.builders.run import ClaimSection, RunContent, VerdictRow, content
from harness.report.ceilings import ceilings_line
from harness.report.format import sanitize
from harness.report.header import header_lines
from harness.report.machine_notes import watched_line
from harness.report.next_command import NextCommand, next_command
from harness.report.render.console import ConsolePage
from harness.report.render.console import grid as grid_of
from harness.report.render.run_columns import Layout, fit
from harness.report.selftest import selftest_of
from harness.report.tables import ARITHMETIC, LOADERS, DetailRow, detail_rows, detail_widths
from harness.store import Run

STYLES = {
    Outcome.HOLDS: "bold green",
    Outcome.FAILS: "bold red",
    Outcome.NO_EFFECT: "bold cyan",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.WRONG: "bold magenta",
    Outcome.SKIPPED: "dim",
    Outcome.FAILED: "bold magenta",
    Outcome.TIMED_OUT: "bold magenta",
    Outcome.LOST: "bold magenta",
}
"""Colours repeat what the words state; nothing is shown by colour alone."""

INDENT = 2


def show_run(run: Run, console: Console, content_: RunContent | None = None) -> None:
    """Print the report of a run, judged anew unless its ``content`` is given; what was saved is not
    touched."""
    content_ = content_ or content(run)
    page = _RunPrinter(console)
    page.header(run)
    layout = fit([row for section in content_.sections for row in section.rows], console.width - INDENT)
    for section in content_.sections:
        # one layout for all aligns the sections; where it leaves columns out, each had better use its own
        # space
        page.section(section, fit(section.rows, console.width - INDENT) if layout.below else layout)
    for heading in (LOADERS, ARITHMETIC):
        page.details(heading, detail_rows(run, heading))
    page.skipped(content_)
    page.footnotes(content_.footnotes)
    page.footer(run, content_, next_command(run, content_.verdicts))


def verdict_text(outcome: Outcome) -> Text:
    """The verdict's word in its colour."""
    return Text(str(outcome), style=STYLES[outcome])


class _RunPrinter(ConsolePage):
    """The parts of a run's report."""

    def header(self, run: Run) -> None:
        grid = grid_of(2)
        for label, line in (
            *header_lines(run),
            ("watched", watched_line(run)),
            ("ceilings", ceilings_line(run.ceilings)),
            ("selftest", selftest_of(run)),
        ):
            if not line:
                continue
            grid.add_row(self.text(label, "dim"), self.text(line))
        if run.ended.text:
            grid.add_row(self.text("ended", "dim"), self.text(sanitize(run.ended.text)))
        else:
            grid.add_row(
                self.text("ended", "dim"),
                self.text("no end is recorded: the run was killed or is still running", "bold yellow"),
            )
        self.print(grid)

    def section(self, section: ClaimSection, layout: Layout) -> None:
        self.print("")
        heading = grid_of(2)
        heading.add_row(self.text(section.claim, "bold blue"), self.text(section.sentence, "bold"))
        judged = _counts(section.counts)
        judged.append(f"  ({section.judged})", style="dim")
        heading.add_row("", judged)
        self.print(heading)
        if any(row.effect for row in section.rows):
            titles = {**layout.titles, "memory": f"memory {_marks(section.memory_notes)}".rstrip()}
            self._line([self.text(titles[name], "dim") for name in layout.inline], layout)
        unmarked = section.memory_notes if "memory" in layout.below else ()
        for row in section.rows:
            self._row(row, layout, unmarked)
            unmarked = () if row.memory else unmarked

    def _row(self, row: VerdictRow, layout: Layout, memory_notes: tuple[int, ...]) -> None:
        if not row.effect:
            self._reasons(row, layout)
            return
        self._line([self._cell(row, name) for name in layout.inline], layout)
        marks = {"memory": f" {_marks(memory_notes)}".rstrip()}
        below = [
            f"{layout.labels[name]} {_plain(row, name)}{marks.get(name, '')}".strip()
            for name in layout.below
            if _plain(row, name)
        ]
        if below:
            self.print(Padding(self.text(", ".join(below), "dim"), (0, 0, 0, INDENT + 2)))
        if row.reason:
            self.print(Padding(self.text(row.reason, "italic"), (0, 0, 0, INDENT + 2)))

    def _reasons(self, row: VerdictRow, layout: Layout) -> None:
        """A row without numbers: its reason stands where they would."""
        words = self.text(f"{row.reason} {_marks(row.notes)}".strip())
        names = [name for name in ("case", "variant", "outcome") if name in layout.inline]
        used = sum(layout.widths[name] + 2 for name in names) + INDENT
        inline = self._console.width - used >= min(24, len(words))
        cells = [*(self._cell(row, name) for name in names), *([words] if inline else [])]
        self._line(cells, layout)
        if not inline:
            self.print(Padding(words, (0, 0, 0, INDENT + 2)))

    def _cell(self, row: VerdictRow, name: str) -> Text:
        if name == "outcome":
            return verdict_text(row.outcome)
        style = {True: "green", False: "red", None: ""}[row.better] if name == "effect" else ""
        return self.text(_plain(row, name), style)

    def _line(self, cells: Sequence[Text], layout: Layout) -> None:
        widths = {name: layout.widths[name] for name, _ in zip(layout.inline, cells, strict=False)}
        if len(cells) < len(layout.inline):
            # the last cell of a row without numbers takes the rest of the line
            last = list(widths)[-1]
            others = sum(width + 2 for name, width in widths.items() if name != last)
            widths[last] = self._console.width - INDENT - others
        self.beside(list(widths.values()), cells, INDENT)

    def details(self, heading: str, rows: Sequence[DetailRow]) -> None:
        if not rows:
            return
        widths = detail_widths(rows, self._console.width - INDENT)
        self.print("", self.text(heading, "bold"))
        for (claim, case), group in groupby(rows, key=lambda row: (row.claim, row.case)):
            self.print(Text.assemble(self.text(claim, "bold blue"), "  ", self.text(case)))
            self.beside(list(widths.values()), [self.text(name, "dim") for name in widths], INDENT)
            for row in group:
                cells = {"variant": row.variant, **row.cells}
                self.beside(list(widths.values()), [self.text(cells[name]) for name in widths], INDENT)
                below = [f"{name}: {cell}" for name, cell in row.cells.items() if cell and name not in widths]
                if below:
                    self.print(Padding(self.text(", ".join(below), "dim"), (0, 0, 0, INDENT + 2)))

    def skipped(self, content_: RunContent) -> None:
        if content_.skipped:
            grid = grid_of(2)
            for claim, reason in content_.skipped:
                words = Text.assemble(verdict_text(Outcome.SKIPPED), "  ", self.text(reason))
                grid.add_row(self.text(claim, "bold blue"), words)
            self.print("", grid)
        if content_.uncalled:
            self.print("", self.text(f"Never reached: {', '.join(content_.uncalled)}.", "yellow"))

    def footnotes(self, notes: Sequence[str]) -> None:
        if notes:
            grid = grid_of(2)
            for number, note in enumerate(notes, 1):
                grid.add_row(self.text(f"[{number}]", "dim"), self.text(note, "dim"))
            self.print("", grid)

    def footer(self, run: Run, content_: RunContent, open_: NextCommand) -> None:
        self.print("")
        none = self.text("none: no benchmark was reached", "bold yellow")
        self.print(Text.assemble("Verdicts: ", _counts(content_.counts) if content_.verdicts else none))
        if open_.verdicts:
            self.print(self.text(f"To decide {counted(open_.verdicts, 'more verdict')}:"))
            # soft_wrap: a command broken over lines cannot be copied
            self._console.print(self.text(f"  {open_.command}", "bold"), highlight=False, soft_wrap=True)
        if open_.beyond:
            words = f"Out of a longer run's reach: {open_.beyond} inconclusive; a quieter machine may decide them."
            self.print(self.text(words))
        self._console.print(self.text(f"Saved in {_near(run.folder)}"), highlight=False, soft_wrap=True)


def _plain(row: VerdictRow, name: str) -> str:
    return _marks(row.notes) if name == "notes" else str(getattr(row, name))


def _marks(numbers: Sequence[int]) -> str:
    return "".join(f"[{number}]" for number in numbers)


def _counts(counts: Sequence[tuple[Outcome, int]]) -> Text:
    return Text(", ").join(Text(f"{count} {outcome}", style=STYLES[outcome]) for outcome, count in counts)


def _near(folder: Path) -> str:
    """The folder as one would type it from here."""
    try:
        return sanitize(folder.resolve().relative_to(Path.cwd()), 4000)
    except (ValueError, OSError):
        return sanitize(folder, 4000)
