"""What distinguishes the values of parameters: equal for equal values in any process, else nothing at all."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from harness.model import counted_parameters, other_parameters
from harness.plugin.digests import digest_of, digests
from tests.support.living import ENVIRONMENT


class Colour(Enum):
    """An enumeration."""

    RED = 1
    BLUE = 2


@dataclass
class Layer:
    """Something with a form of its own."""

    width: int


class Broken:
    """Something that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (1, 1, 2),
        (1, 1, True),
        (1, 1, 1.0),
        (1, 1, "1"),
        ("a" * 1000, "a" * 1000, "a" * 1001),
        (b"x", b"x", "x"),
        (None, None, ""),
        ((64, 64), (64, 64), (64, 128)),
        ([1, [2, 3]], [1, [2, 3]], [[1, 2], 3]),
        ({"a": 1}, {"a": 1}, {"a": 2}),
        ({"x", "y", "z"}, {"z", "y", "x"}, {"x", "y"}),
        (Colour.RED, Colour.RED, Colour.BLUE),
        (Layer(3), Layer(3), Layer(4)),
        (torch.float32, torch.float32, torch.bfloat16),
        (torch.add, torch.add, torch.mul),
        (torch.Size([1, 2]), torch.Size([1, 2]), torch.Size([2, 1])),
        (dict, dict, list),
        (torch.arange(6), torch.arange(6), torch.arange(6).reshape(2, 3)),
        (torch.zeros(3), torch.zeros(3), torch.zeros(3, dtype=torch.int32)),
        (
            torch.ones(2, dtype=torch.bfloat16),
            torch.ones(2, dtype=torch.bfloat16),
            torch.zeros(2, dtype=torch.bfloat16),
        ),
        (torch.tensor(1.0), torch.tensor(1.0), torch.tensor(2.0)),
        (
            torch.rand(2, 2, generator=torch.manual_seed(0)).T,
            torch.rand(2, 2, generator=torch.manual_seed(0)).T,
            0,
        ),
        (np.arange(2000.0), np.arange(2000.0), np.arange(2000.0) + 1e-9),
        (np.float64(1), np.float64(1), np.float32(1)),
        ([torch.ones(1)], [torch.ones(1)], [torch.zeros(1)]),
    ],
    ids=lambda value: (
        type(value).__name__
    ),  # no address and no order of a set: two workers collect the same tests
)
def test_values_are_distinguished(one: object, same: object, other: object) -> None:
    """Equal values have equal digests, and others have others."""
    assert len(digest_of(one)) == 16
    assert digest_of(one) == digest_of(same) != digest_of(other)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 0,
        partial(print, object()),
        [1, object()],
        {object()},
        Broken(),
        torch.ones(2, 2).to_sparse(),
        torch.empty(3, device="meta"),
        np.array([object()]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_form_has_no_digest(value: object) -> None:
    """Where two processes would differ though the value is the same, the digest is empty."""
    assert digest_of(value) == ""


def test_a_list_that_holds_itself() -> None:
    """No value keeps a benchmark from being measured."""
    ring: list[Any] = []
    ring.append(ring)
    assert digest_of(ring) == ""


def test_equal_in_another_process() -> None:
    """Neither hash seeds nor addresses are in a digest."""
    script = "from harness.plugin.digests import digest_of; print(digest_of(({'a', 'b'}, (64, 64), print)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**ENVIRONMENT, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {digest_of(({"a", "b"}, (64, 64), print))}


def test_the_parameters_of_a_case() -> None:
    """Each parameter by its name; a case without any has none."""
    case: Any = SimpleNamespace(callspec=SimpleNamespace(params={"shape": (1, 2), "odd": object()}))
    assert digests(case) == {"shape": digest_of((1, 2)), "odd": ""}
    bare: Any = SimpleNamespace()
    assert digests(bare) == {}


def test_only_what_both_know_can_differ() -> None:
    """A parameter without a digest on one side is as good as the same."""
    assert other_parameters({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == ""
    assert other_parameters({}, {"a": "1"}) == ""
    assert other_parameters({"a": "", "b": "2"}, {"a": "1", "b": ""}) == ""
    assert other_parameters({"a": "1", "b": "2"}, {"a": "9", "b": "8"}) == "a, b"


def test_what_is_known_by_its_position_alone() -> None:
    """An object that looks the same as any other has only its number in the case's name; an id distinguishes
    it."""
    assert counted_parameters("a.py::b[conf0-64]", {"conf": "", "size": "1"}) == "conf"
    assert counted_parameters("a.py::b[small-64]", {"conf": "", "size": "1"}) == ""
    assert counted_parameters("a.py::b[conf0]", {}) == ""  # an older record
