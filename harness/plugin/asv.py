"""Benchmarks of an asv suite as pytest items: each combination of parameters is a test that calls the
``benchmark`` fixture.

What asv's own runner does around a benchmark is done here: ``setup_cache`` once in a process, ``setup`` and
``teardown`` of the module, the class and the function, ``params``, ``number``. Its environments, its
calibration and its statistics are not: rounds are the harness's.
"""

from __future__ import annotations

import inspect
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, cast

import pytest

from harness.claims.asv import asv_root, kind_of, may_have_asv
from harness.measure.runner import TRACKED, Reading
from harness.plugin.benchmark import MeasuredCall

NOT_MEASURED = {
    "timeraw": "it times code in fresh interpreters, which has no rounds; write a time_ benchmark",
    "mem": "it weighs an object that it returns, and nothing is called; write a peakmem_ benchmark",
}
"""Kinds of benchmarks that are named and skipped, with the reason."""

_CACHES: dict[object, tuple[bytes, TemporaryDirectory[str]]] = {}
"""What each ``setup_cache`` returned in this process, pickled, and the folder that it ran in."""


class AsvFile(pytest.Module):
    """A file of an asv suite."""

    def _getobj(self) -> ModuleType:
        """Import the file as asv does: in the package that the suite's folder is."""
        root = asv_root(self.path.parent)
        assert root is not None
        if str(root.parent) not in sys.path:
            sys.path.insert(0, str(root.parent))
        parts = (root.name, *self.path.relative_to(root).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        __import__(name)
        return sys.modules[name]

    def collect(self) -> Iterator[pytest.Item]:
        """Its benchmarks, those of classes too, once for each combination of their parameters."""
        module = self.obj
        for name, found in vars(module).items():
            if name.startswith("_") or getattr(found, "__module__", "") != module.__name__:
                continue
            if inspect.isclass(found):
                for method in dir(found):
                    if kind_of(method) and callable(getattr(found, method)):
                        yield from self._cases(AsvBenchmark(module, method, found))
            elif kind_of(name) and inspect.isfunction(found):
                yield from self._cases(AsvBenchmark(module, name))

    def _cases(self, benchmark: AsvBenchmark) -> Iterator[pytest.Item]:
        taken: dict[str, int] = {}
        for values in benchmark.combinations():
            ids = "-".join(map(_id, benchmark.names(len(values)), values))
            taken[ids] = taken.get(ids, 0) + 1
            ids = f"{ids}-{taken[ids]}" if taken[ids] > 1 else ids
            case: AsvCase = AsvCase.from_parent(
                self,
                name=f"{benchmark.name}[{ids}]" if values else benchmark.name,
                callobj=partial(_call, asv=benchmark, values=values),
                originalname=benchmark.name,
            )
            case.parameters = dict(zip(benchmark.names(len(values)), values, strict=True))
            yield case


class AsvCase(pytest.Function):
    """A benchmark with one combination of its parameters, which are in ``parameters``."""

    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AsvBenchmark:
    """A function of a module, or a method of a class in it, by asv's rules for what surrounds it."""

    module: ModuleType
    function: str
    of: type | None = None

    @property
    def name(self) -> str:
        """Its name within its file."""
        return f"{self.of.__name__}::{self.function}" if self.of else self.function

    def attribute(self, name: str, usual: object, instance: object = None) -> Any:
        """What the function, the class or the module states, the first that does."""
        for source in self.sources(instance):
            if (found := getattr(source, name, None)) is not None:
                return found
        return usual

    def sources(self, instance: object = None) -> tuple[object, ...]:
        """What may state something: the function, its class or an instance of that, and the module."""
        holder = instance if instance is not None else self.of
        function = getattr(holder if holder is not None else self.module, self.function)
        return (function, *(() if holder is None else (holder,)), self.module)

    def combinations(self) -> list[tuple[object, ...]]:
        """Every combination of the parameters; one without any where there are none."""
        stated = list(self.attribute("params", []))
        lists = [list(each) if isinstance(each, list | tuple) else None for each in stated]
        if any(each is None for each in lists):
            lists = [stated]
        skipped = {tuple(each) for each in self.attribute("skip_params", ())}
        return [values for values in product(*filter(None, lists)) if values not in skipped]

    def names(self, count: int) -> list[str]:
        """The names of that many parameters."""
        stated = list(self.attribute("param_names", []))[:count]
        return [*map(str, stated), *(f"param{number}" for number in range(len(stated) + 1, count + 1))]


def _id(name: str, value: object) -> str:
    """A value in the name of a case; what has no plain name is called by its parameter."""
    if value is None or isinstance(value, bool | int | float | str):
        return str(value).encode("unicode_escape").decode("ascii").replace("[", "(").replace("]", ")")
    return str(getattr(value, "__name__", name))


def _call(benchmark: MeasuredCall, *, asv: AsvBenchmark, values: Sequence[object]) -> None:
    """The body of the test: everything around the benchmark, and the measured calls."""
    kind = kind_of(asv.function)
    if kind in NOT_MEASURED:
        pytest.skip(NOT_MEASURED[kind])
    instance = asv.of() if asv.of is not None else None
    arguments = list(values)
    with _cached(asv, instance, arguments):
        around = _Around(asv, instance, arguments)
        call = partial(getattr(instance if instance is not None else asv.module, asv.function), *arguments)
        number = asv.attribute("number", 0, instance)
        if kind == "time" and isinstance(number, int) and number > 0:
            # asv sets up before every sample of so many calls: what is called may use up what it is given.
            times = call if number == 1 else partial(_repeated, call, number)
            benchmark.pedantic(times, setup=around.set_up, teardown=around.tear_down)
            return
        around.set_up()
        try:
            benchmark(call if kind == "time" else OwnReading(call, kind))
        finally:
            around.tear_down()


class _Around:
    """What is called before and behind the calls of a benchmark, from the module inwards and back."""

    def __init__(self, asv: AsvBenchmark, instance: object, arguments: Sequence[object]) -> None:
        sources = asv.sources(instance)
        self._setups = [each for source in reversed(sources) if (each := getattr(source, "setup", None))]
        self._teardowns = [each for source in sources if (each := getattr(source, "teardown", None))]
        self._arguments = arguments

    def set_up(self) -> None:
        """Call every ``setup``; one that raises NotImplementedError skips the case, as asv has it."""
        try:
            for setup in self._setups:
                setup(*self._arguments)
        except NotImplementedError as error:
            pytest.skip(f"its setup raises NotImplementedError: {error}")

    def tear_down(self) -> None:
        """Call every ``teardown``."""
        for teardown in self._teardowns:
            teardown(*self._arguments)


@contextmanager
def _cached(asv: AsvBenchmark, instance: object, arguments: list[object]) -> Iterator[None]:
    """Run ``setup_cache``, once in this process, in a folder of its own, which is the working folder within.

    What it returns comes before the parameters.
    """
    found = asv.attribute("setup_cache", None, instance)
    if found is None:
        yield
        return
    key = getattr(found, "__func__", found), asv.of
    before = Path.cwd()
    if key not in _CACHES:
        folder = TemporaryDirectory(prefix="tipbench-asv-")
        os.chdir(folder.name)
        try:
            _CACHES[key] = pickle.dumps(found()), folder
        finally:
            os.chdir(before)
    pickled, folder = _CACHES[key]
    # A benchmark may change what it is given: each has a copy.
    if (value := pickle.loads(pickled)) is not None:
        arguments.insert(0, value)
    os.chdir(folder.name)
    try:
        yield
    finally:
        os.chdir(before)


def _repeated(call: Callable[[], object], number: int) -> None:
    for _ in range(number):
        call()


class OwnReading:
    """A call that is timed, and beside that gives a number of its own: what it returns (track), or the most
    memory that it has at once (peakmem)."""

    def __init__(self, call: Callable[[], object], kind: str) -> None:
        self._call = call
        self._kind = kind

    def __call__(self) -> None:
        """One call."""
        self._call()

    def own_reading(self, metric: str) -> Reading | None:
        """The number, if this is the metric that it is of."""
        if metric == TRACKED and self._kind == "track":
            return float(cast(float, self._call())), "returned by the benchmark"
        if metric == "peak_bytes" and self._kind == "peakmem":
            return float(_peak(self._call)), "tracemalloc"
        return None


def _peak(call: Callable[[], object]) -> int:
    """The most bytes that Python's allocators, and NumPy's, have at once in a call, above those before it."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        if not running:
            tracemalloc.stop()
    return max(0, peak - before)


def is_asv(file: Path) -> bool:
    """Whether a file is one of an asv suite."""
    return may_have_asv(file.name) and _in_suite(file.parent)


@cache
def _in_suite(folder: Path) -> bool:
    return asv_root(folder) is not None
