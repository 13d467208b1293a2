"""The ``benchmark`` fixture of measuring processes: it takes calls as pytest-benchmark's does, and measures
them as a case with a baseline alone.

In any other session pytest-benchmark's own fixture is there, and this one is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import seed
from time import perf_counter
from typing import Any, Protocol, cast

import pytest

from harness.measure.case import seed_of
from harness.measure.runner import Round
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Iteration, variant
from harness.model import BASELINE, Claim, Expect, Measurement, Work

ROUND_SECONDS = 0.006
"""Seconds of calls in a round, where each needs a set-up of its own."""

LONGEST_ROUND = 0.25
"""Seconds such a round lasts at most, set-ups included; one call is made in any case."""

Arguments = tuple[Sequence[object], Mapping[str, object]]


class BenchmarkUsedTwice(Exception):
    """A test called its benchmark fixture again."""


class CallSession(Protocol):
    """What the fixture needs of the session that it belongs to."""

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Measure a case."""
        ...

    def returned(self, case: str, result: object) -> None:
        """The test receives this result."""
        ...


class SetUpCalls:
    """Calls of which each has a set-up of its own, untimed, as ``benchmark.pedantic(setup=...)`` makes them.

    It finds its own rounds (`harness.measure.runner.InWindows`): calls are timed one by one, until they have
    lasted a round's length together.
    """

    window_seconds = ROUND_SECONDS

    def __init__(
        self,
        target: Callable[..., object],
        arguments: Callable[[], Arguments],
        teardown: Callable[..., object] | None,
    ) -> None:
        self._target = target
        self._arguments = arguments
        self._teardown = teardown

    def __call__(self) -> object:
        """One call, with its set-up and what follows it."""
        return self._call()[1]

    def window(self, _cpu_seconds: Callable[[], float]) -> Round:
        """A round; its first call is a lead-in."""
        begin = perf_counter()
        self._call()
        total, calls = 0.0, 0
        while not calls or (total < ROUND_SECONDS and perf_counter() - begin < LONGEST_ROUND):
            total += self._call()[0]
            calls += 1
        return Round(total, part=calls)

    def _call(self) -> tuple[float, object]:
        args, kwargs = self._arguments()
        synchronize = _synchronize()
        if synchronize is not None:
            synchronize()
        start = perf_counter()
        result = self._target(*args, **kwargs)
        if synchronize is not None:
            synchronize()
        seconds = perf_counter() - start
        if self._teardown is not None:
            self._teardown(*args, **kwargs)
        return seconds, result


class MeasuredCall:
    """The fixture's value. It has the attributes of pytest-benchmark's; ``stats`` is None, as it is under
    ``--benchmark-disable``."""

    enabled = True
    disabled = False
    has_error = False
    skipped = False
    stats = None
    cprofile = False

    def __init__(
        self, item: pytest.Function, case: str, claim: Claim, session: CallSession, root: Path
    ) -> None:
        self.name = item.name
        self.fullname = item.nodeid
        callspec = getattr(item, "callspec", None)
        self.param = callspec.id if callspec else None
        self.params = callspec.params if callspec else None
        marker = item.get_closest_marker("benchmark")
        self.group = marker.kwargs.get("group") if marker else None
        self.extra_info: dict[str, object] = {}
        self.used = False
        self._case = case
        self._claim = claim
        self._session = session
        self._target = str(item.path)
        self._root = root
        self._undo: list[Callable[[], object]] = []

    def __call__(self, function_to_benchmark: Callable[..., object], *args: object, **kwargs: object) -> Any:
        """Measure calls of a function with these arguments, and return what another call of it returns."""
        if not callable(function_to_benchmark):
            raise TypeError(f"benchmark(...) is given {function_to_benchmark!r}, which cannot be called")
        call = partial(function_to_benchmark, *args, **kwargs) if args or kwargs else function_to_benchmark
        return self._measured(call)

    def pedantic(
        self,
        target: Callable[..., object],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        setup: Callable[[], object] | None = None,
        teardown: Callable[..., object] | None = None,
        rounds: int = 1,
        warmup_rounds: int = 0,
        iterations: int = 1,
    ) -> Any:
        """The same; ``setup`` comes before each call and ``teardown`` behind it, untimed.

        How often it is called is not for the test to say: ``rounds``, ``warmup_rounds`` and ``iterations``
        are only checked, as pytest-benchmark checks them.
        """
        for name, value, least in (
            ("iterations", iterations, 1), ("rounds", rounds, 1), ("warmup_rounds", warmup_rounds, 0)
        ):  # fmt: skip
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f"benchmark.pedantic: {name} is {value!r}, not a whole number from {least} up"
                )
        if iterations > 1 and setup is not None:
            raise ValueError(
                f"benchmark.pedantic: iterations is {iterations}, and setup allows no more than 1"
            )
        if setup is None and teardown is None:
            return self._measured(partial(target, *args, **kwargs or {}))

        def arguments() -> Arguments:
            made = setup() if setup is not None else None
            if not made:
                return args, kwargs or {}
            if args or kwargs:
                raise TypeError(
                    "benchmark.pedantic: setup returns the arguments, and args or kwargs states them too"
                )
            return cast(Arguments, made)

        return self._measured(SetUpCalls(target, arguments, teardown))

    def weave(self, target: object, **options: object) -> None:
        """Measure calls of what ``target`` names, wherever they are made, as aspectlib weaves them."""
        import aspectlib

        def aspect(function: Callable[..., object]) -> Callable[..., object]:
            return partial(self, function)

        self._undo.append(aspectlib.weave(target, aspect, **options).rollback)

    patch = weave

    def close(self) -> None:
        """Undo what was woven."""
        while self._undo:
            self._undo.pop()()

    def _measured(self, call: Iteration) -> Any:
        if self.used:
            self.has_error = True
            raise BenchmarkUsedTwice(
                f"{self._case} calls benchmark twice, and a case has one time; write a second test or a parameter"
            )
        self.used = True
        spec = BenchmarkSpec(
            {BASELINE: variant(call)}, lambda *_: True, None, Work(), {BASELINE: Expect.LOWER}
        )
        self._session.measure(self._case, self._claim, spec, self._target, self._root)
        result = call()
        self._session.returned(self._case, result)
        return result


class BenchmarkFixture:
    """Registered as a plug-in of driven sessions, behind pytest-benchmark's, whose fixtures it replaces."""

    @pytest.fixture
    def benchmark(self, request: pytest.FixtureRequest) -> Iterator[MeasuredCall]:
        """Measures the call that the test makes through it."""
        from harness.plugin import benchmark_for

        found = benchmark_for(request)
        yield found
        found.close()

    @pytest.fixture
    def benchmark_weave(self, benchmark: MeasuredCall) -> Callable[..., None]:
        """The fixture's `weave`."""
        return benchmark.weave


def seed_everything(case: str) -> None:
    """Seed what makes random inputs, the same for a case in every process: both sides work on equal data."""
    number = seed_of(case)
    seed(number)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(number)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(number)


def _synchronize() -> Callable[[], object] | None:
    """What waits for the GPU, where one is in use."""
    torch = sys.modules.get("torch")
    return torch.cuda.synchronize if torch is not None and torch.cuda.is_initialized() else None
