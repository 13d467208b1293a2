"""A line on a terminal that is repainted in place, by whoever calls and never by a thread of its own.

A thread that repaints would take its turns inside timed rounds.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text


class StatusLine:
    """Shows ``line()`` at the foot of the terminal, at most every ``refresh`` seconds by ``now``.

    ``on`` is False where nothing can be repainted (a pipe) and before `start`: lines are printed there instead.
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
