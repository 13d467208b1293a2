"""The fixture `benchmark` of measuring processes: a test of pytest-benchmark's is a case like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from harness.measure.runner import InWindows
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Iteration, Variant
from harness.model import BASELINE, FIXTURE, Claim, Measurement
from harness.plugin import benchmark as module
from harness.plugin.benchmark import BenchmarkUsedTwice, MeasuredCall, SetUpCalls, seed_everything

CLAIM = Claim("it", "", "test_it.py", "test_it", fixture=FIXTURE)


class CallsOnce:
    """A session that calls what it is to measure a few times, and keeps what the test receives."""

    def __init__(self) -> None:
        self.measured: list[object] = []
        self.results: list[object] = []

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Call it as a runner does."""
        assert list(spec.variants) == [BASELINE]
        given = spec.variants[BASELINE]
        assert isinstance(given, Variant)
        with given.prepare() as iteration:
            self.measured += [iteration() for _ in range(3)]
            self.iteration: Iteration = iteration
        return None

    def returned(self, case: str, result: object) -> None:
        """Keep it."""
        self.results.append(result)


Made = tuple[MeasuredCall, CallsOnce]


@pytest.fixture
def made() -> Made:
    """A fixture's value and its session."""
    session = CallsOnce()
    item: Any = SimpleNamespace(
        name="test_it[1-a]",
        nodeid="tests/test_it.py::test_it[1-a]",
        path=Path("test_it.py"),
        callspec=SimpleNamespace(id="1-a", params={"x": 1}),
        get_closest_marker=lambda name: SimpleNamespace(kwargs={"group": "g", "min_rounds": 5}),
    )
    return MeasuredCall(item, "test_it.py::test_it[1-a]", CLAIM, session, Path()), session


def test_a_call_is_measured_and_gives_its_result(made: Made) -> None:
    """With its arguments; the test receives what one more call returns."""
    benchmark, session = made
    calls: list[int] = []

    def add(x: int, *, y: int) -> int:
        calls.append(x)
        return x + y

    assert benchmark(add, 1, y=2) == 3
    assert (session.measured, session.results, len(calls)) == ([3, 3, 3], [3], 4)


def test_as_a_decorator(made: Made) -> None:
    """The function's name is its result's afterwards, as with pytest-benchmark."""
    benchmark, _ = made

    @benchmark
    def found() -> str:
        return "result"

    assert found == "result"


def test_what_tests_read_of_it(made: Made) -> None:
    """The names of pytest-benchmark's; statistics are None, as where it is disabled."""
    benchmark, _ = made
    assert (benchmark.name, benchmark.group, benchmark.param, benchmark.params) == (
        "test_it[1-a]",
        "g",
        "1-a",
        {"x": 1},
    )
    assert (benchmark.enabled, benchmark.disabled, benchmark.stats) == (True, False, None)
    benchmark.extra_info["n"] = 1


def test_pedantic_without_a_set_up(made: Made) -> None:
    """It is a call as any other; how often is not for the test to say."""
    benchmark, session = made
    assert (
        benchmark.pedantic(lambda x, y=0: x + y, (1,), {"y": 2}, rounds=50, iterations=7, warmup_rounds=3)
        == 3
    )
    assert session.measured == [3, 3, 3]
    assert not isinstance(session.iteration, InWindows)


def test_a_set_up_and_a_teardown_for_each_call(made: Made) -> None:
    """The set-up's arguments are those of one call alone; the result is that of the last."""
    benchmark, session = made
    steps: list[object] = []

    def setup() -> tuple[tuple[list[int]], dict[str, int]]:
        steps.append("setup")
        return ([1],), {"by": 2}

    def target(numbers: list[int], by: int) -> int:
        steps.append("call")
        return numbers.pop() * by  # a second call with the same list would fail

    def teardown(numbers: list[int], by: int) -> None:
        steps.append((numbers, by))

    assert benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=3) == 2
    assert steps == ["setup", "call", ([], 2)] * 4
    assert session.measured == [2, 2, 2]


def test_a_set_up_that_returns_nothing(made: Made) -> None:
    """The call has the stated arguments."""
    benchmark, _ = made
    assert benchmark.pedantic(lambda x: x, (5,), setup=lambda: None) == 5


def test_calls_with_a_set_up_are_timed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round has as many calls as fill it, after a lead-in; set-ups and teardowns take none of its time."""
    now = [0.0]

    def takes(seconds: float, gives: Any = None) -> Callable[..., Any]:
        def step(*_: object) -> Any:
            now[0] += seconds
            return gives

        return step

    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    calls = SetUpCalls(takes(0.002), takes(0.01, ((1,), {})), takes(0.02))
    assert isinstance(calls, InWindows)
    found = calls.window(lambda: 0.0)
    assert (round(found.seconds, 9), found.part) == (0.006, 3)
    assert found.each(1) == pytest.approx(0.002)
    slow = SetUpCalls(takes(0.0001), takes(1.0, ((1,), {})), None)
    assert slow.window(lambda: 0.0).part == 1


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"iterations": 0}, "iterations is 0, not a whole number from 1 up"),
        ({"rounds": 1.5}, "rounds is 1.5, not a whole number from 1 up"),
        ({"warmup_rounds": -1}, "warmup_rounds is -1, not a whole number from 0 up"),
        ({"iterations": 2, "setup": lambda: None}, "iterations is 2, and setup allows no more than 1"),
    ],
)
def test_what_pedantic_refuses(made: Made, stated: dict[str, Any], message: str) -> None:
    """What pytest-benchmark refuses, too."""
    with pytest.raises(ValueError, match=message):
        made[0].pedantic(lambda: 1, **stated)


def test_arguments_from_two_places(made: Made) -> None:
    """A set-up that returns arguments beside stated ones is an error."""
    with pytest.raises(TypeError, match="setup returns the arguments, and args or kwargs states them too"):
        made[0].pedantic(lambda x: x, (1,), setup=lambda: ((2,), {}))


def test_what_cannot_be_called(made: Made) -> None:
    """The message shows it."""
    with pytest.raises(TypeError, match=r"is given 3, which cannot be called"):
        made[0](3)  # type: ignore[arg-type]


def test_a_second_call_is_an_error(made: Made) -> None:
    """A case has one time."""
    benchmark, session = made
    benchmark(lambda: 1)
    with pytest.raises(BenchmarkUsedTwice, match=r"test_it.py::test_it\[1-a\] calls benchmark twice"):
        benchmark.pedantic(lambda: 1)
    assert session.results == [1]


def test_weaving(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What aspectlib weaves is measured where it is called, and is as before at the end."""
    benchmark, session = made

    class Namespace:
        @staticmethod
        def work(x: int) -> int:
            return x + 1

    def weave(target: str, aspect: Callable[..., Any], **options: Any) -> SimpleNamespace:
        before = getattr(Namespace, target)
        setattr(Namespace, target, staticmethod(aspect(before)))
        return SimpleNamespace(rollback=lambda: setattr(Namespace, target, staticmethod(before)))

    monkeypatch.setitem(__import__("sys").modules, "aspectlib", SimpleNamespace(weave=weave))
    benchmark.patch("work")
    assert Namespace.work(1) == 2
    assert session.measured == [2, 2, 2]
    benchmark.close()
    assert Namespace.work(1) == 2


@pytest.fixture
def generators() -> Iterator[None]:
    """Leaves the generators as they were."""
    before = torch.get_rng_state(), np.random.get_state()
    yield
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])


@pytest.mark.usefixtures("generators")
def test_random_inputs_are_the_same_in_every_process() -> None:
    """For one case, from each of the usual generators."""

    def drawn(case: str) -> tuple[float, float, float]:
        seed_everything(case)
        return random(), np.random.rand(), float(torch.rand(1))

    assert drawn("a") == drawn("a")
    assert not set(drawn("a")) & set(drawn("b"))
