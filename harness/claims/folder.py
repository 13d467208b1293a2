"""A folder of benchmarks: its files, the claims in them, and what of it cannot be read.

Reading imports nothing and never fails as a whole: a file that cannot be read is a `Problem` beside the
claims of the others, and the caller decides what follows.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from harness.claims.asv import AsvReader, asv_root, may_have_asv
from harness.claims.claim import ClaimError
from harness.claims.file import PATTERN, PREFIX, Benchmark, Parsed, Problem, parse
from harness.claims.pytest_settings import PytestSettings, pytest_settings
from harness.claims.suite import SuiteReader
from harness.model import Claim

__all__ = ["BenchmarkFolder", "NoBenchmarks", "Problem", "chosen_folder", "files", "read"]

SKIPPED = (
    ".*", "*.egg", "*.egg-info", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "__pycache__",
)  # fmt: skip
"""Folders that are not searched: those of pytest's ``norecursedirs``, and what builds leave behind."""

_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta", "bin/activate", "Scripts/activate")
"""What a virtual environment contains, whatever its name."""


class NoBenchmarks(ClaimError):
    """A folder that does not exist, or has no benchmark in it."""


@dataclass(frozen=True, slots=True)
class BenchmarkFolder:
    """What is in a folder of benchmarks: its claims, each with a name of its own, and what cannot be read as
    one."""

    root: Path
    claims: tuple[Claim, ...] = ()
    problems: tuple[Problem, ...] = ()

    def functions(self) -> frozenset[str]:
        """The benchmarks (``path::function``) that are known to be there, those with a problem included."""
        found: tuple[Claim | Problem, ...] = (*self.claims, *self.problems)
        return frozenset(f"{one.path}::{one.function}" for one in found if one.function)

    def complaint(self) -> str:
        """All problems, a line each; empty if there are none."""
        return "\n".join(problem.message for problem in self.problems)


def read(root: Path) -> BenchmarkFolder:
    """Every claim under ``root``, in the order of their paths, read without importing. Raises
    NoBenchmarks."""
    if not root.is_dir():
        raise NoBenchmarks(f"no benchmarks: {root} is not a folder; name one with --benchmarks FOLDER")
    settings = pytest_settings(root)
    suite, every = SuiteReader(root, settings), sorted(files(root, "*.py", settings))
    parsed = [_parsed(file, root, suite) for file in every if suite.has(file)]
    parsed += [asv.parse(file) for asv, file in _of_asv(root, every)]
    problems = [problem for one in parsed for problem in one.problems]
    benchmarks, clashing = _without_clashes(
        [benchmark for one in parsed for benchmark in one.benchmarks], root
    )
    if not benchmarks and not problems:
        if any(files(root, settings=settings)):
            raise NoBenchmarks(
                f"no benchmarks: no {PATTERN} in {root} has a function called {PREFIX}...; write def "
                f"{PREFIX}something(compare)"
            )
        raise NoBenchmarks(
            f"no benchmarks: {root} has no {PATTERN}, no test that takes pytest-benchmark's fixture, and no "
            "asv.conf.json names it; name another folder with --benchmarks FOLDER"
        )
    return BenchmarkFolder(root, tuple(_distinct(benchmarks)), (*problems, *clashing))


def files(root: Path, pattern: str = PATTERN, settings: PytestSettings | None = None) -> Iterator[Path]:
    """The files under ``root`` of such a name, in no order; folders into which pytest does not recurse are
    left out, and with the ``settings`` those that they name, too."""
    stated = settings or PytestSettings(root)
    for folder, below, names in os.walk(root):
        here = Path(folder)
        below[:] = [
            name for name in below if not (_is_skipped(here / name) or stated.is_skipped(here / name))
        ]
        yield from (file for name in names if fnmatch(name, pattern) and (file := here / name).is_file())


def chosen_folder(here: Path, shipped: Path) -> Path:
    """The folder of benchmarks where none is named: ``here`` if there is one, else that of the claims that we
    ship.

    Raises NoBenchmarks for one without a benchmark file: its benchmarks have other names, or are still to
    come, and its owner does not expect others to be measured for minutes.
    """
    if not here.exists():
        return shipped
    settings = pytest_settings(here)
    suite, found = SuiteReader(here, settings), list(files(here, "*.py", settings))
    if any(file.match(PATTERN) or (suite.has(file) and bool(suite.parse(file).benchmarks)) for file in found):
        return here
    if any(asv.parse(file).benchmarks for asv, file in _of_asv(here, found)):
        return here
    others = sorted(file.name for file in found if file.name not in ("__init__.py", "conftest.py"))
    named = f" ({others[0]}: is it to be {PREFIX}{others[0].removeprefix('test_')}?)" if others else ""
    raise NoBenchmarks(
        f"no benchmarks: {here} has no {PATTERN}{named}; name another folder with --benchmarks FOLDER, or the claims "
        f"that come with tipbench with --benchmarks {shipped}"
    )


def _of_asv(root: Path, every: Sequence[Path]) -> Iterator[tuple[AsvReader, Path]]:
    """The files of an asv suite, if the folder is of one."""
    if asv_root(root) is not None:
        reader = AsvReader(root, every)
        yield from ((reader, file) for file in every if may_have_asv(file.name))


def _parsed(file: Path, root: Path, suite: SuiteReader) -> Parsed:
    """What a file has of our benchmarks, and of tests that use pytest-benchmark."""
    ours = parse(file, root) if file.match(PATTERN) else Parsed()
    found = suite.parse(file) if not any(problem.function == "" for problem in ours.problems) else Parsed()
    both = Parsed(ours.benchmarks + found.benchmarks, ours.problems + found.problems)
    path = file.relative_to(root).as_posix()
    for mark in ("[", "::"):
        if mark in path and both != Parsed():
            why = f"{file}: pytest cannot be given a path with {mark!r} in it (under {root}); rename the folder or file"
            return Parsed(problems=(Problem(path, "", file.stem.removeprefix(PREFIX), why),))
    return both


def _is_skipped(folder: Path) -> bool:
    return any(fnmatch(folder.name, pattern) for pattern in SKIPPED) or any(
        (folder / name).exists() for name in _ENVIRONMENTS
    )


def _without_clashes(found: Sequence[Benchmark], root: Path) -> tuple[list[Benchmark], list[Problem]]:
    """Of the benchmarks that state the same name the first, and a problem for each of the others."""
    first: dict[str, Benchmark] = {}
    kept: list[Benchmark] = []
    problems: list[Problem] = []
    for benchmark in found:
        claim = benchmark.claim
        known = first.setdefault(claim.name, benchmark) if benchmark.stated else benchmark
        if known is benchmark:
            kept.append(benchmark)
            continue
        where = f"{root / known.claim.path}:{known.line} ({known.claim.function})"
        problems.append(
            Problem(
                claim.path,
                claim.function,
                claim.name,
                f"{root / claim.path}:{benchmark.line}: {claim.function} states the claim {claim.name!r}, "
                f"as {where} does; rename one",
            )
        )
    return kept, problems


def _distinct(found: Sequence[Benchmark]) -> list[Claim]:
    """The claims; those that state no name and would share one are distinguished by their files."""
    counts = Counter(benchmark.claim.name for benchmark in found)
    shared = [
        benchmark.claim for benchmark in found if not benchmark.stated and counts[benchmark.claim.name] > 1
    ]
    taken = {benchmark.claim.name for benchmark in found if benchmark.claim not in shared}
    renamed: dict[Claim, Claim] = {}
    for name in dict.fromkeys(claim.name for claim in shared):
        group = [claim for claim in shared if claim.name == name]
        for scheme in _SCHEMES:
            names = [scheme(claim) for claim in group]
            if len(set(names)) == len(names) and taken.isdisjoint(names):
                break
        taken.update(names)
        renamed |= {claim: replace(claim, name=name) for claim, name in zip(group, names, strict=True)}
    return [renamed.get(benchmark.claim, benchmark.claim) for benchmark in found]


def _by_file(claim: Claim) -> str:
    names = PurePosixPath(claim.path).stem, claim.function
    return ".".join(name.removeprefix(PREFIX).removeprefix("test_") for name in names)


def _by_folder(claim: Claim) -> str:
    parent = PurePosixPath(claim.path).parent
    return f"{'' if parent == PurePosixPath('.') else f'{parent}/'}{_by_file(claim)}"


def _by_path(claim: Claim) -> str:
    return f"{claim.path}::{claim.function}"


_SCHEMES: tuple[Callable[[Claim], str], ...] = (_by_file, _by_folder, _by_path)
"""Names for what shares one, from short to long; no two benchmarks share the last."""
