"""Sketches of results: equal for equal results of two processes, whatever rounding did to their numbers."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest
import torch

from harness.gate.first_check import difference
from harness.plugin.results import MOST_NUMBERS, sketch


class Colour(Enum):
    """An enumeration."""

    RED = 1
    BLUE = 2


@dataclass
class Layer:
    """Something with a form of its own."""

    weight: torch.Tensor
    name: str = "a"


class Shown:
    """Something that shows what it is."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Shown({self.value})"


class Broken:
    """Something that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


Point = namedtuple("Point", "x y")
ONES = torch.linspace(1, 2, 1000)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (1, 1, 2),
        (1, 1, True),
        (1.0, 1.0 + 1e-12, 1.001),
        (1.0, 1.0, 1),
        (float("nan"), float("nan"), 1.0),
        (1 + 2j, 1 + 2j, 1 + 2.1j),
        (None, None, 0),
        ("a", "a", "b"),
        (b"a", b"a", "a"),
        ([1, [2.0]], [1, [2.0]], [1, [3.0]]),
        ([1], [1], (1,)),
        ({"a": 1.0}, {"a": 1.0}, {"b": 1.0}),
        (OrderedDict(a=1), OrderedDict(a=1), {"a": 1}),
        ({1, 2}, {2, 1}, {1, 3}),
        (Point(1, 2.0), Point(1, 2.0), Point(2, 2.0)),
        (Colour.RED, Colour.RED, Colour.BLUE),
        (Shown(1), Shown(1), Shown(2)),
        (Layer(ONES), Layer(ONES * (1 + 1e-6)), Layer(ONES, "b")),
        (Layer(ONES), Layer(ONES.clone()), Layer(ONES.flip(0))),
        (ONES, ONES * (1 + 1e-6), ONES * 1.1),
        (ONES, ONES, ONES.double()),
        (ONES, ONES, ONES.reshape(10, 100)),
        (ONES.bfloat16(), ONES.bfloat16(), 2 * ONES.bfloat16()),
        (torch.arange(5), torch.arange(5), torch.arange(5) + 1),
        (torch.zeros(0), torch.zeros(0), torch.zeros(1)),
        (torch.tensor([1.0, float("inf")]), torch.tensor([1.0, float("inf")]), torch.tensor([1.0, 2.0])),
        (torch.ones(3, dtype=torch.complex64), torch.ones(3, dtype=torch.complex64), torch.ones(3)),
        (torch.nn.Parameter(ONES), torch.nn.Parameter(ONES.clone()), torch.nn.Parameter(ONES + 1)),
        (np.ones(3), np.ones(3) + 1e-10, np.ones(3) * 2),
        (np.array(["a"], dtype=object), np.array(["a"], dtype=object), np.array(["b"], dtype=object)),
        (np.float32(1), np.float32(1), np.float32(2)),
    ],
)
def test_results_that_agree_and_that_do_not(one: Any, same: Any, other: Any) -> None:
    """Rounding is no difference; another value, type, shape or element type is."""
    assert not sketch(one).unknown
    assert difference(sketch(one), sketch(same)) == ""
    assert "result" in difference(sketch(one), sketch(other))


def test_what_differs_is_named() -> None:
    """The types, or the first numbers that do."""
    assert difference(sketch(1), sketch("1")) == "its result is of type str, base's of type int"
    assert difference(sketch([1.0, 2.0]), sketch([1.0, 3.0])) == (
        "its result (list) differs from base's: 3 instead of 2"
    )


@pytest.mark.parametrize(
    ("result", "named"),
    [
        (object(), "object"),
        ([lambda: 1], "function"),
        (Broken(), "Broken (RuntimeError)"),
        ([1.0] * (MOST_NUMBERS + 1), f"list of {MOST_NUMBERS + 1} numbers"),
        (torch.eye(2).to_sparse(), "Tensor"),
    ],
)
def test_results_without_a_stable_form(result: object, named: str) -> None:
    """They agree with everything, and name what is to blame."""
    assert named in sketch(result).unknown
    assert difference(sketch(result), sketch(1)) == ""


def test_a_result_within_itself() -> None:
    """It is looked into so far, and no further."""
    ring: list[Any] = []
    ring.append(ring)
    assert "deeply nested" in sketch(ring).unknown
