"""The nouns' own arithmetic."""

from __future__ import annotations

import pytest

from harness.model import benchmark_of, parameters


@pytest.mark.parametrize(
    ("case", "function", "stated"),
    [
        ("a.py::b[x-1]", "a.py::b", "x-1"),
        ("a.py::b", "a.py::b", ""),
        ("s[1]/a.py::b[x[2]]", "s[1]/a.py::b", "x[2]"),
        ("s[1]/a.py::", "s[1]/a.py::", ""),
        ("a.py::b[c.py::d[e]]", "a.py::b", "c.py::d[e]"),
        ("tune::race[one]", "tune::race", "one"),
    ],
)
def test_the_parts_of_a_case(case: str, function: str, stated: str) -> None:
    """A case's benchmark and its parameters, whatever brackets there are in either."""
    assert (benchmark_of(case), parameters(case)) == (function, stated)
