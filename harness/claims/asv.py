"""Benchmarks of an asv suite, read from their files without importing them, and without asv.

A folder is such a suite if an ``asv.conf.json`` names it. Functions and methods are benchmarks by their
names, as asv has it; each is a claim that states nothing but its name. A class inherits from classes of any
file of the suite.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.claims.file import Benchmark, Parsed, Problem
from harness.model import FIXTURE, LONGEST_TIME_LIMIT, Claim

CONFIGURATIONS = ("asv.conf.json", "asv.conf.jsonc", ".asv.conf.json")

KINDS = re.compile(r"(time|timeraw|peakmem|mem|track)_.+|(Time|Timeraw|PeakMem|Mem|Track)[A-Z_].+")
"""Names of benchmarks; the part in front says what is measured."""

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
_DEFAULT_LIMIT = 60.0


def asv_root(folder: Path) -> Path | None:
    """The suite's own folder, if ``folder`` is one or lies in one; None if no asv.conf.json says so."""
    here = folder.resolve()
    for place in (here, *here.parents):
        for name in CONFIGURATIONS:
            root = _named_by(place / name)
            if root is not None and (here == root or root in here.parents):
                return root
        if (place / ".git").exists():
            return None
    return None


def may_have_asv(name: str) -> bool:
    """Whether a file of this name, in a suite, may have benchmarks of it: tests among them are pytest's."""
    return name not in ("__init__.py", "conftest.py") and not re.fullmatch(r"test_.*|.*_test\.py", name)


def kind_of(name: str) -> str:
    """What a benchmark of that name measures: time, timeraw, peakmem, mem or track; empty for no
    benchmark."""
    match = KINDS.fullmatch(name)
    return (match[1] or match[2]).lower() if match else ""


def _named_by(file: Path) -> Path | None:
    """The folder of benchmarks that a configuration names; None if it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        for pattern in (_COMMENT, _TRAILING):
            text = pattern.sub(lambda match: match[1] or "", text)
        stated = json.loads(text).get("benchmark_dir", "benchmarks")
        return (file.parent / str(stated)).resolve()
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class AsvReader:
    """Reads the files of one suite; ``root`` is the folder that cases are named relative to."""

    root: Path
    files: Sequence[Path]
    _trees: dict[Path, ast.Module | Problem] = field(default_factory=dict)

    def parse(self, file: Path) -> Parsed:
        """The benchmarks of one file."""
        tree = self._tree(file)
        if isinstance(tree, Problem):
            return Parsed(problems=(tree,))
        path = file.relative_to(self.root).as_posix()
        usual = _limit(tree.body, _DEFAULT_LIMIT)
        found: dict[str, Benchmark] = {}
        for node in _statements(tree.body):
            if isinstance(node, ast.FunctionDef) and kind_of(node.name):
                found[node.name] = _benchmark(node, path, node.name, _limit(tree.body, usual, node.name))
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                body = list(self._body(node, tree))
                for each in body:
                    if isinstance(each, ast.FunctionDef) and kind_of(each.name):
                        name = f"{node.name}::{each.name}"
                        limit = _limit(body, _limit(body, usual), each.name)
                        found[name] = _benchmark(each, path, name, limit)
        return Parsed(tuple(found.values()))

    def _tree(self, file: Path) -> ast.Module | Problem:
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse(file.read_bytes(), filename=str(file))
            except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
                why = f"{file}: it cannot be read as Python: {error}"
                path = file.relative_to(self.root).as_posix()
                self._trees[file] = Problem(path, "", file.stem, why)
        return self._trees[file]

    def _body(
        self, node: ast.ClassDef, tree: ast.Module, seen: frozenset[str] = frozenset()
    ) -> Iterator[ast.stmt]:
        """What a class has, first what it inherits: from classes of the same file, else of the suite."""
        for base in reversed(node.bases):
            name = ast.unparse(base).rpartition(".")[2]
            if name not in seen and name != node.name and (inherited := self._class(name, tree)) is not None:
                yield from self._body(*inherited, seen | {node.name})
        yield from _statements(node.body)

    def _class(self, name: str, tree: ast.Module) -> tuple[ast.ClassDef, ast.Module] | None:
        others = (self._tree(file) for file in self.files)
        for each in (tree, *(other for other in others if isinstance(other, ast.Module))):
            for node in _statements(each.body):
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node, each
        return None


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """These, and those under conditions."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _statements(node.body)
            yield from _statements(getattr(node, "orelse", []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _limit(body: Sequence[ast.stmt], usual: float, function: str = "") -> float:
    """The ``timeout`` that is stated here in plain seconds, for a function where there is one."""
    wanted = f"{function}.timeout" if function else "timeout"
    for node in body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == wanted for target in node.targets):
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            if isinstance(value, int | float) and 0 < value <= LONGEST_TIME_LIMIT:
                usual = max(float(value), _DEFAULT_LIMIT)
    return usual


def _benchmark(node: ast.FunctionDef, path: str, function: str, limit: float) -> Benchmark:
    first = (ast.get_docstring(node) or "").split("\n\n")[0]
    sentence = " ".join(first.split()) or f"{PurePosixPath(path).name}::{function}"
    name = function.rpartition("::")[2]
    return Benchmark(
        Claim(name, sentence, path, function, fixture=FIXTURE, time_limit=limit),
        stated=False,
        line=node.lineno,
    )
