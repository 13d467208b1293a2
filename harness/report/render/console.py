"""A page of plain text on a console: what can be encoded, without blanks at the ends of lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from harness.report.render.columns import GAP


class ConsolePage:
    """Prints the parts of a report, each from plain strings."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def width(self) -> int:
        """Columns there are."""
        return self._console.width

    def text(self, words: str, style: str = "") -> Text:
        """Never markup, and only what the output can encode: a log in ASCII gets question marks, not an
        error."""
        return Text(
            words.encode(self._console.encoding, "replace").decode(self._console.encoding), style=style
        )

    def beside(self, widths: Sequence[int], cells: Sequence[Text], indent: int) -> None:
        """Cells of these widths on a line, any more as wide as they are; what is wider is folded."""
        wide = [*widths, *(cell.cell_len for cell in cells[len(widths) :])]
        room = self.width - indent - sum(wide) - GAP * (len(wide) - 1)
        if room >= 0 and all(cell.cell_len <= width for cell, width in zip(cells, wide, strict=False)):
            # nothing has to be folded, and a table takes rich five times as long as a line
            line = Text()
            for cell, width in zip(cells, wide, strict=False):
                line.append_text(cell).append(" " * (width - cell.cell_len + GAP))
            line.rstrip()
            self.print(line, indent=indent)
            return
        made = Table.grid(padding=(0, GAP, 0, 0))
        for width in widths:
            made.add_column(width=width, overflow="fold")
        made.add_row(*cells)
        self.print(made, indent=indent)

    def print(self, *what: RenderableType, indent: int = 0) -> None:
        """Each on lines of its own."""
        for each in what:
            for line in self._lines(each, indent):
                self._console.print(Segments([*_stripped(line), Segment.line()]), end="")

    def _lines(self, each: RenderableType, indent: int) -> list[list[Segment]]:
        if isinstance(each, Text) and indent + each.cell_len <= self.width and "\n" not in each.plain:
            # one line as it is, which most are; laying it out takes rich three times as long; a text without
            # spans is rendered without its own style
            segments = Segment.apply_style(
                each.render(self._console), self._console.get_style(each.style, default="")
            )
            return [[Segment(" " * indent), *segments]]
        return self._console.render_lines(Padding(each, (0, 0, 0, indent)), pad=False)


def grid(columns: int, gap: int = GAP) -> Table:
    """Columns beside each other, without lines between; what does not fit is folded."""
    made = Table.grid(padding=(0, gap, 0, 0))
    for _ in range(columns):
        made.add_column(overflow="fold")
    return made


def _stripped(line: list[Segment]) -> list[Segment]:
    """The line without what a table pads it with: a pipe keeps every blank."""
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    return [*kept[:-1], Segment(kept[-1].text.rstrip(), kept[-1].style)] if kept else []
