"""Values behind options: what is read, and what the error of one that cannot be says."""

from __future__ import annotations

import pytest

from harness.bench.settings import WATCH
from harness.cli.values import hertz, seconds, whole_numbers, words
from harness.errors import UsageError


def test_rates_are_checked() -> None:
    """The error of a value that is not a rate says what to type instead."""
    assert (hertz("20"), hertz("0"), hertz("0.5"), hertz(None)) == (20.0, 0.0, 0.5, WATCH)
    for typed in ("fast", "-1", "nan", "inf", "5000", "0.01"):
        with pytest.raises(UsageError, match="--watch"):
            hertz(typed)


def test_durations() -> None:
    """Hours, minutes and seconds; anything else, and what is too short for a run, is refused with
    examples."""
    assert (seconds("90"), seconds("90s"), seconds("1.5m"), seconds("1h30m")) == (90.0, 90.0, 90.0, 5400.0)
    for typed in ("soon", "", "m5", "-5m"):
        with pytest.raises(UsageError, match=r"is not a duration \(examples: 90s, 5m, 1h30m\)"):
            seconds(typed)
    with pytest.raises(UsageError, match="give at least 20s"):
        seconds("5s")


def test_lists() -> None:
    """Names and whole numbers come with commas between them, numbers each once."""
    assert words(["L1,C4", "memory", ""]) == ("L1", "C4", "memory")
    assert whole_numbers("32,64,32", "--batch-size", 1) == (32, 64)
    for typed in ("", "0", "a", "1,,2"):
        with pytest.raises(
            UsageError, match=f"--batch-size: '{typed}' is not a list of whole numbers from 1"
        ):
            whole_numbers(typed, "--batch-size", 1)
