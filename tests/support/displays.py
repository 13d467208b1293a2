"""Displays that show nothing."""

from __future__ import annotations

from collections.abc import Mapping


class Unseen:
    """A display of a tuning that shows nothing."""

    def called(self, environment: Mapping[str, object], told: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def doing(self, text: str, left_seconds: float) -> None:
        """Nothing."""
