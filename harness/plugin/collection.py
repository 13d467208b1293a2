"""Benchmark files as pytest collects them: which functions are benchmarks, what their cases are called."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from harness.claims import PATTERN, PREFIX, ClaimError, read_file
from harness.model import Claim


class BenchmarkFile(pytest.Module):
    """A file of benchmarks: its functions start with ``bench_``. It has tests, too, where pytest's settings say so."""

    claims: dict[str, Claim]
    has_tests: bool = False

    def funcnamefilter(self, name: str) -> bool:
        """Whether a function of this name is a benchmark, or a test."""
        return name.startswith(PREFIX) or (self.has_tests and super().funcnamefilter(name))

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The file's cases. Its claims are read first: a file that states one wrongly is this file's error alone."""
        try:
            self.claims = {c.function: c for c in read_file(self.path, root_of(self.config, self.path))}
        except ClaimError as error:
            raise self.CollectError(str(error)) from None
        return super().collect()


def benchmark_file(path: Path, parent: pytest.Collector) -> BenchmarkFile | None:
    """The collector of a benchmark file that the command line named, or that is in a folder which it named.

    A bare ``pytest`` in a repository's root runs its tests, not hours of benchmarks.
    """
    config = parent.config
    if not fnmatch(path.name, PATTERN) or is_test_file(config, path):
        return None
    for argument in config.args:
        named = (config.invocation_params.dir / argument.split("::")[0]).resolve()
        if named != config.rootpath and (named == path or named in path.parents):
            file: BenchmarkFile = BenchmarkFile.from_parent(parent, path=path)
            return file
    return None


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
    return f"{item.path.relative_to(root_of(item.config, item.path)).as_posix()}::{item.name}"


def claim_of(item: pytest.Item) -> Claim | None:
    """The claim an item tests, or None where the item is no benchmark."""
    if not isinstance(item, pytest.Function) or not isinstance(item.parent, BenchmarkFile):
        return None
    return item.parent.claims.get(item.originalname)
