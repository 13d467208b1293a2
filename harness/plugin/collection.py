"""Benchmark files as pytest collects them: which functions are benchmarks, what their cases are called."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

# pytest has no public name for what it makes of an empty list of values.
from _pytest.compat import NOTSET

from harness.claims.file import PATTERN, PREFIX, parse
from harness.claims.folder import files
from harness.measure.failure import located
from harness.model import FIXTURE, Claim

DRIVEN = "tipbench-benchmark"
"""The plug-in that a driven session has for tests that use pytest-benchmark."""


class BenchmarkFile(pytest.Module):
    """A file of benchmarks: its functions start with ``bench_``. It has tests, too, where pytest's settings
    have it."""

    claims: dict[str, Claim]
    problems: dict[str, str]
    has_tests: bool = False

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a benchmark, or a test."""
        return name.startswith(PREFIX) or (self.has_tests and super().funcnamefilter(name))

    def _getobj(self) -> ModuleType:
        """Import the file; one that calls ``sys.exit`` costs itself alone, where pytest would end the
        session."""
        try:
            return self._imported()
        except SystemExit as error:
            way = "to leave the file out here, call pytest.skip(reason, allow_module_level=True)"
            raise self.CollectError(f"{located(error)}; {way}") from error

    def _imported(self) -> ModuleType:
        """Import it as pytest does; two files of one name in two folders by their way from the root."""
        config, root = self.config, root_of(self.config, self.path)
        name = module_name(self.path, root)
        if name is None or config.getoption("importmode") != "prepend":
            module: ModuleType = super()._getobj()  # type: ignore[no-untyped-call]
            return module
        # As pytest does with the folder of a test file; loader workers that are spawned import the file from
        # the root.
        sys.path[0:0] = [str(self.path.parent), str(root)]
        module = _loaded(name, self.path)
        config.pluginmanager.consider_module(module)
        return module

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The file's cases. Its claims are read first: what cannot be read is the error of this file, or
        function."""
        parsed = parse(self.path, root_of(self.config, self.path))
        self.problems = {problem.function: problem.message for problem in parsed.problems}
        if "" in self.problems:
            raise self.CollectError(self.problems[""])
        for function, problem in self.problems.items():
            if "." in function:  # a method, of which pytest makes no item that could report it
                self.warn(pytest.PytestCollectionWarning(problem))
        self.claims = {benchmark.claim.function: benchmark.claim for benchmark in parsed.benchmarks}
        return super().collect()


def benchmark_file(path: Path, parent: pytest.Collector) -> BenchmarkFile | None:
    """The collector of a benchmark file in a folder that the command line named, unless pytest finds the file
    itself.

    A bare ``pytest`` in a repository's root runs its tests, not hours of benchmarks.
    """
    config = parent.config
    if not fnmatch(path.name, PATTERN) or is_test_file(config, path) or parent.session.isinitpath(path):
        return None
    for argument in config.args:
        named = (config.invocation_params.dir / argument.split("::")[0]).resolve()
        if named != config.rootpath and named in path.parents:
            file: BenchmarkFile = BenchmarkFile.from_parent(parent, path=path)
            return file
    return None


def module_name(path: Path, root: Path) -> str | None:
    """The name to import a benchmark file by, where pytest's own would be another file's too; else None."""
    if _names(root)[_plain_name(path)] < 2 and "." not in path.stem:
        return None
    return ".".join(part.replace(".", "_") for part in path.relative_to(root).with_suffix("").parts)


@cache
def _names(root: Path) -> Counter[str]:
    return Counter(map(_plain_name, files(root)))


def _plain_name(path: Path) -> str:
    """The name that pytest imports a file by: its own, behind those of the packages that it is in."""
    parts = [path.stem]
    for folder in path.parents:
        if not (folder / "__init__.py").is_file():
            break
        parts.insert(0, folder.name)
    return ".".join(parts)


def _loaded(name: str, path: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def is_test_file(config: pytest.Config, path: Path) -> bool:
    """Whether pytest's own settings make a file of this name one with tests."""
    return any(fnmatch(path.name, pattern) for pattern in config.getini("python_files"))


def root_of(config: pytest.Config, path: Path) -> Path:
    """The folder that cases in ``path`` are named relative to."""
    stated = config.getoption("--harness-root")
    if stated:
        return Path(stated).resolve()
    return next((folder for folder in path.parents if folder.name == "benchmarks"), path.parent)


def case_of(item: pytest.Item) -> str:
    """The name of an item's case: ``<path under the root>::<function>[<parameters>]``."""
    return f"{item.path.relative_to(root_of(item.config, item.path)).as_posix()}::{_within_file(item, item.name)}"


def place_of(collector: pytest.Collector) -> str:
    """A file or folder under the root, as the names of cases begin; a class behind its file."""
    root, (_, mark, inside) = root_of(collector.config, collector.path), collector.nodeid.partition("::")
    path = collector.path.relative_to(root) if collector.path.is_relative_to(root) else Path()
    return f"{path.as_posix()}{mark}{inside}"


def _within_file(item: pytest.Item, name: str) -> str:
    """A function's name behind those of its classes."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return "::".join([*classes, name])


def claim_of(item: pytest.Item) -> Claim | None:
    """The claim an item tests, or None where the item is not a benchmark."""
    if not isinstance(item, pytest.Function):
        return None
    own = item.parent.claims.get(item.originalname) if isinstance(item.parent, BenchmarkFile) else None
    if own is not None or FIXTURE not in item.fixturenames or not is_driven(item.config):
        return own
    path = item.path.relative_to(root_of(item.config, item.path)).as_posix()
    return Claim(item.originalname, "", path, _within_file(item, item.originalname), fixture=FIXTURE)


def empty_parameters(item: pytest.Item) -> str:
    """The names of an item's parameters for which ``parametrize`` has no values; empty if all have some.

    pytest makes one item for them that is skipped, as it makes one for each value otherwise.
    """
    params = getattr(getattr(item, "callspec", None), "params", {})
    return ", ".join(name for name, value in params.items() if value is NOTSET)


def is_driven(config: pytest.Config) -> bool:
    """Whether another process of ours drives this session: tests that use pytest-benchmark are cases there
    alone."""
    return config.pluginmanager.hasplugin(DRIVEN)


def problem_of(item: pytest.Item) -> str:
    """Why an item's claim cannot be read; empty if it can, or if there is none."""
    if not isinstance(item, pytest.Function) or not isinstance(item.parent, BenchmarkFile):
        return ""
    return item.parent.problems.get(item.originalname, "")
