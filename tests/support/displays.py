"""Displays that show nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model import LeftOut
from harness.report.machine_notes import watch_remarks
from harness.store import Run


class Unseen:
    """A display of a tuning that shows nothing."""

    def called(self, environment: Mapping[str, object], extent: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def left_out(self, settings: LeftOut) -> None:
        """Nothing."""

    def remarks(self, run: Run) -> Sequence[str]:
        """Those of the report."""
        return watch_remarks(run)

    def doing(self, text: str, left_seconds: float) -> None:
        """Nothing."""
