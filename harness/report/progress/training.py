"""What a watched training loop shows on the terminal: a line while it runs, then the answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console

from harness.report.document import Document
from harness.report.format import digits, sanitize
from harness.report.render.terminal import show_document

_CLEAR = "\r\x1b[2K"


class LoopScreen:
    """Writes to ``stream``, where other lines of the program go too; ``quiet`` writes nothing."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = not quiet and stream.isatty()
        self._painted = False

    def live(self, seconds: Sequence[float], waits: Sequence[float], copies: Sequence[float]) -> None:
        """Paint the line from iterations, if this is a terminal."""
        whole = sum(seconds)
        if not self._live or whole <= 0:
            return
        waiting, copying = sum(waits) / whole, sum(copies) / whole
        parts = [f"waiting {waiting:.0%}", *([f"copying {copying:.0%}"] if copying else [])]
        parts += [f"step {1 - waiting - copying:.0%}", f"{digits(len(seconds) / whole)} iterations/s"]
        self._stream.write(f"{_CLEAR}{' · '.join(parts)}")
        self._stream.flush()
        self._painted = True

    def clear(self) -> None:
        """Remove the line."""
        if self._painted:
            self._stream.write(_CLEAR)
            self._painted = False

    def answer(self, document: Document, folder: Path) -> None:
        """Print the answer, and where the run is."""
        if self._quiet:
            return
        console = Console(file=self._stream)
        show_document(document, console)
        console.print(f"saved in {sanitize(folder, 1000)}", highlight=False, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            self._stream.write(f"{sanitize(text, 2000)}\n")
