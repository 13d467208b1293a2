"""Variants without a time: those that must raise, and those whose function is gone."""

from __future__ import annotations

from typing import NoReturn

import pytest

from harness import gone, must_raise
from harness.model import Status


def refuse() -> NoReturn:
    raise RuntimeError("a view was modified by an inplace operation")


def test_the_error_that_a_tip_promises_confirms_it() -> None:
    """Its type and its message must be the promised ones; the message is the reason."""
    found = must_raise(RuntimeError, refuse, match="modified by .* inplace")
    assert found.status is Status.CONFIRMED
    assert found.reason == "raises RuntimeError: a view was modified by an inplace operation"


def test_no_error_refutes_it() -> None:
    """A call that returns is no failure of the benchmark: the tip is wrong."""
    found = must_raise(RuntimeError, lambda: 1)
    assert (found.status, found.reason) == (Status.REFUTED, "raises no RuntimeError")


@pytest.mark.parametrize("wanted", [(ValueError, ""), (RuntimeError, "out of memory")])
def test_another_error_is_the_benchmark_s_own(wanted: tuple[type[Exception], str]) -> None:
    """It confirms nothing, and is raised with its traceback."""
    with pytest.raises(RuntimeError, match="inplace operation"):
        must_raise(wanted[0], refuse, match=wanted[1])


def test_what_is_gone_names_what_to_use() -> None:
    """Since when, and what replaces it."""
    found = gone("torch.utils.bottleneck", since="torch 2.14", instead="torch.profiler")
    assert found.status is Status.GONE
    assert found.reason == "torch.utils.bottleneck is gone since torch 2.14; use torch.profiler"
