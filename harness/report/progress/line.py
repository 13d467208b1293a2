"""The line at the foot of a terminal, and what the screens of all commands have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.report.format import sanitize
from harness.report.machine_notes import watch_remarks
from harness.store import Run

LONGEST_NOTE = 2000


class StatusLine:
    """A line at the foot of the terminal that shows ``line()``, repainted at most every ``refresh`` seconds
    by ``now``.

    ``on`` is False where nothing can be repainted (a pipe) and before `start`: lines are printed there
    instead.
    """

    def __init__(
        self, console: Console, line: Callable[[], Text], now: Callable[[], float], refresh: float = 1.0
    ) -> None:
        self._console = console
        self._line = line
        self._now = now
        self._refresh = refresh
        self._painted = float("-inf")
        self._region: Live | None = None

    @property
    def on(self) -> bool:
        """Whether there is such a line now."""
        return self._region is not None

    def start(self) -> None:
        """Show it, where that can be done."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._region = Live(
                self._line(),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._region.start(refresh=True)

    def paint(self) -> None:
        """Show what it says now; call it as often as is convenient."""
        if self._region is not None and self._now() - self._painted >= self._refresh:
            self._painted = self._now()
            self._region.update(self._line(), refresh=True)

    def stop(self) -> None:
        """Leave the terminal as it was; may be called twice."""
        if self._region is not None:
            self._region.stop()
            self._region = None


class Progress:
    """What the three have in common. ``now`` stands in for the clock, ``refresh`` is in seconds."""

    def __init__(
        self, console: Console, now: Callable[[], float] = time.monotonic, refresh: float = 1.0
    ) -> None:
        self._console = console
        self._now = now
        self._doing = ""
        self._region = StatusLine(console, self._line, now, refresh)

    def __enter__(self) -> Self:
        self._region.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was; may be called twice, and without a start."""
        self._region.stop()

    def note(self, text: str) -> None:
        """Print something that the user should know now."""
        self._print(Text(sanitize(text, LONGEST_NOTE)))

    def remarks(self, run: Run) -> Sequence[str]:
        """What a reader must know of the machine during a run that was watched, most serious first."""
        return watch_remarks(run)

    def _line(self) -> Text:
        raise NotImplementedError

    def _print(self, text: Text) -> None:
        encoding = self._console.encoding
        text.plain = text.plain.encode(encoding, "replace").decode(encoding)
        self._console.print(text, highlight=False, soft_wrap=not self._region.on)
