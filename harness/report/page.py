"""A page of plain text on a console: what can be encoded, without blanks at the ends of lines."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text


class Page:
    """Prints the parts of a report, each from plain strings."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def width(self) -> int:
        """Columns there are."""
        return self._console.width

    def text(self, words: str, style: str = "") -> Text:
        """Never markup, and only what the output can encode: a log in ASCII gets question marks, not an error."""
        return Text(words.encode(self._console.encoding, "replace").decode(self._console.encoding), style=style)

    def print(self, *what: RenderableType, indent: int = 0) -> None:
        """Each on lines of its own."""
        for each in what:
            for line in self._console.render_lines(Padding(each, (0, 0, 0, indent)), pad=False):
                self._console.print(Segments([*_stripped(line), Segment.line()]), end="")


def grid(columns: int, gap: int = 2) -> Table:
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
