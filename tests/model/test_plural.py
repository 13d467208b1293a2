"""Numbers and what they count, in words."""

from __future__ import annotations

import pytest

from harness.plural import counted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, "run"), "0 runs"),
        ((1, "run"), "1 run"),
        ((2, "false alarm"), "2 false alarms"),
        ((1.0, "process", "processes"), "1 process"),
        ((2.0, "process", "processes"), "2 processes"),
        ((10**400, "sample"), f"{10**400} samples"),
        ((float("inf"), "core"), "inf cores"),
    ],
)
def test_one_is_singular(arguments: tuple[float, str], words: str) -> None:
    """One is one, everything else is many, numbers beyond any float included."""
    assert counted(*arguments) == words
