"""Why pytest did not come to a benchmark's call of compare, in one line."""

from __future__ import annotations

from difflib import get_close_matches

import pytest

from harness.measure.failure import located
from harness.processes.logs import LONGEST, informative

_AVAILABLE = "available fixtures:"


def reason_of(error: BaseException) -> str:
    """One line for what ended a benchmark, or the import of its file."""
    cause = error.__cause__
    if isinstance(error, pytest.Collector.CollectError) and isinstance(cause, Exception):
        # The collector's own text holds the whole traceback of what the import raised.
        return located(cause)
    if isinstance(error, pytest.FixtureLookupError):
        return _no_fixture(error)
    if isinstance(error, pytest.Collector.CollectError | pytest.skip.Exception | pytest.fail.Exception):
        return informative(str(error).splitlines())
    return located(error)


def _no_fixture(error: pytest.FixtureLookupError) -> str:
    """Which fixture was requested where, and those of a similar name."""
    lookup = error.formatrepr()
    first, *more = [line.strip() for line in lookup.errorstring.splitlines() if line.strip()]
    place = f"{str(lookup.filename).rpartition('/')[2]}:{lookup.firstlineno + 1}"
    names = next((line.removeprefix(_AVAILABLE) for line in more if line.startswith(_AVAILABLE)), "")
    near = get_close_matches(str(lookup.argname), [name.strip() for name in names.split(",")])
    others = f"near it: {', '.join(near)}" if near else f"there are{names}"
    return f"{place}: {first}; {others}"[:LONGEST]
