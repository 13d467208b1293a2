"""The screen of a set: what its jobs do, and how each ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from harness.model.run_set import JobEnd, JobOutcome
from harness.plural import counted
from harness.report.format import sanitize
from harness.report.progress.line import Progress


class ClusterProgress(Progress):
    """The progress of so many jobs."""

    def __init__(self, console: Console, jobs: int, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now)
        self._jobs = jobs
        self._ended = 0
        self._phases: dict[str, str] = {}

    def job(self, name: str, phase: str, reason: str) -> None:
        """A job waits, for this reason, or runs."""
        words = f"{phase} ({sanitize(reason)})" if reason else phase
        if self._phases.get(name) != words:
            self._phases[name] = words
            if not self._region.on and phase != "over":
                self.note(f"{sanitize(name)}: {words}")
        self._region.paint()

    def job_ended(self, end: JobEnd) -> None:
        """A job ended."""
        self._phases.pop(end.name, None)
        self._ended += 1
        self._jobs += end.retried
        state = f" ({sanitize(end.state)})" if end.state and end.outcome is not JobOutcome.FINISHED else ""
        more = "; it is submitted again" if end.retried else ""
        reason = f": {sanitize(end.reason)}" if end.reason else ""
        self.note(f"{sanitize(end.name)}: {end.outcome}{state}{reason}{more}")
        self._region.paint()

    def _line(self) -> Text:
        counts = Counter(self._phases.values())
        doing = ", ".join(f"{count} {words}" for words, count in sorted(counts.items()))
        ended = f"{self._ended} of {counted(self._jobs, 'job')} ended"
        return Text(f"{ended}; {doing}" if doing else ended, overflow="ellipsis", no_wrap=True)
