"""Tests that use pytest-benchmark's fixture, read from their files without importing them.

Each is a claim that states nothing but its name: its time is compared between two sides. What uses the
fixture is known from names: a test takes ``benchmark``, or a fixture that does, of its class, its file or a
conftest.py above it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.claims.file import PATTERN, PREFIX, Benchmark, Parsed, Problem
from harness.claims.pytest_settings import PytestSettings
from harness.model import FIXTURE, Claim

FIXTURES = (FIXTURE, "benchmark_weave")
"""pytest-benchmark's fixtures; the second is a method of the first."""

_PLUGIN = ""
"""What a fixture takes that replaces the plug-in's own of its name."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Fixtures:
    """The fixtures in reach of a test: what each takes, and which are used by every test."""

    takes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    automatic: frozenset[str] = frozenset()

    def within(self, body: Sequence[ast.stmt]) -> _Fixtures:
        """These and those that are defined here, which come first."""
        takes, automatic = dict(self.takes), set(self.automatic)
        for node in body:
            for name, is_automatic in _fixture(node):
                assert isinstance(node, _Function)
                own = _arguments(node)
                # A fixture that takes its own name takes the one that it replaces.
                plugin = frozenset({_PLUGIN} if name in FIXTURES else ())
                takes[name] = own - {name} | (takes.get(name, plugin) if name in own else frozenset())
                automatic.discard(name)
                if is_automatic:
                    automatic.add(name)
        return _Fixtures(takes, frozenset(automatic))

    def measure(self, names: frozenset[str], seen: frozenset[str] = frozenset()) -> bool:
        """Whether one of these is the benchmark fixture, or takes it."""
        return any(
            self.measure(self.takes[name], seen | {name})
            if name in self.takes
            else name in (_PLUGIN, *FIXTURES)
            for name in names - seen
        )


@dataclass(frozen=True, slots=True)
class SuiteReader:
    """Reads the files of one folder of tests; ``root`` is the folder."""

    root: Path
    settings: PytestSettings
    conftests: dict[Path, _Fixtures] = field(default_factory=dict)

    def has(self, file: Path) -> bool:
        """Whether a file may have tests, by its name."""
        return self.settings.is_file(file.name) or file.match(PATTERN)

    def parse(self, file: Path) -> Parsed:
        """The tests of one file that use the fixture. A file that is no Python has none, unless it names
        it."""
        path = file.relative_to(self.root).as_posix()
        above = self._above(file.parent)
        try:
            source = file.read_bytes()
            marks = [*FIXTURES, *(name for name in above.takes if above.measure(frozenset({name})))]
            if not above.measure(above.automatic) and not any(name.encode() in source for name in marks):
                return Parsed()
            tree = ast.parse(source, filename=str(file))
        except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
            why = f"{file}: it cannot be read as Python: {error}"
            return Parsed(problems=(Problem(path, "", file.stem, why),))
        inside = above.within(tree.body)
        bases = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        starts = file.match(PATTERN)
        found: dict[str, Benchmark] = {}
        for node in _statements(tree.body):
            if isinstance(node, _Function) and self._is_test(node.name, benchmarks=starts):
                if "compare" not in _arguments(node) and inside.measure(_arguments(node) | inside.automatic):
                    found[node.name] = _benchmark(node, path, node.name)
            elif isinstance(node, ast.ClassDef) and self.settings.is_class(node.name):
                found |= self._methods(node, path, node.name, bases, inside)
        return Parsed(tuple(found.values()))

    def _methods(
        self,
        node: ast.ClassDef,
        path: str,
        prefix: str,
        bases: Mapping[str, ast.ClassDef],
        outside: _Fixtures,
    ) -> dict[str, Benchmark]:
        body = list(_body(node, bases))
        inside = outside.within(body)
        found: dict[str, Benchmark] = {}
        for each in body:
            if isinstance(each, _Function) and self.settings.is_function(each.name):
                function = f"{prefix}::{each.name}"
                found.pop(function, None)
                if inside.measure(_arguments(each) | inside.automatic):
                    found[function] = _benchmark(each, path, function)
            elif isinstance(each, ast.ClassDef) and self.settings.is_class(each.name):
                found |= self._methods(each, path, f"{prefix}::{each.name}", bases, inside)
        return found

    def _is_test(self, name: str, *, benchmarks: bool) -> bool:
        return self.settings.is_function(name) or (benchmarks and name.startswith(PREFIX))

    def _above(self, folder: Path) -> _Fixtures:
        """The fixtures of the conftest.py files from the top of the repository down to a folder."""
        if folder in self.conftests:
            return self.conftests[folder]
        top = (folder / ".git").exists() or folder == folder.parent
        found = _Fixtures() if top else self._above(folder.parent)
        # There is none, or what imports it reports what is wrong with it.
        with suppress(SyntaxError, ValueError, OSError, RecursionError, MemoryError):
            found = found.within(ast.parse((folder / "conftest.py").read_bytes()).body)
        self.conftests[folder] = found
        return found


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """These, and those under conditions."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in (
                node.body,
                getattr(node, "orelse", []),
                *(handler.body for handler in getattr(node, "handlers", [])),
            ):
                yield from _statements(inner)


def _body(
    node: ast.ClassDef, bases: Mapping[str, ast.ClassDef], seen: frozenset[str] = frozenset()
) -> Iterator[ast.stmt]:
    """What a class has, first what it inherits from classes of the same file."""
    for base in reversed(node.bases):
        if isinstance(base, ast.Name) and base.id in bases and base.id not in seen:
            yield from _body(bases[base.id], bases, seen | {node.name})
    yield from _statements(node.body)


def _arguments(node: _Function) -> frozenset[str]:
    """What a function takes by name, without what has a default."""
    stated = node.args
    positional = [*stated.posonlyargs, *stated.args]
    required = positional[: len(positional) - len(stated.defaults)]
    keyword = [
        one for one, default in zip(stated.kwonlyargs, stated.kw_defaults, strict=True) if default is None
    ]
    return frozenset(one.arg for one in (*required, *keyword))


def _fixture(node: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The name of the fixture that a statement defines, if any, and whether every test uses it."""
    if not isinstance(node, _Function):
        return
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if not ast.unparse(call.func if call else decorator).endswith("fixture"):
            continue
        stated = {one.arg: one.value for one in call.keywords} if call else {}
        name, automatic = stated.get("name"), stated.get("autouse")
        yield (
            name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else node.name,
            isinstance(automatic, ast.Constant) and automatic.value is True,
        )


def _benchmark(node: _Function, path: str, function: str) -> Benchmark:
    name = function.rpartition("::")[2].removeprefix("test_").removeprefix(PREFIX)
    first = (ast.get_docstring(node) or "").split("\n\n")[0]
    sentence = " ".join(first.split()) or f"{PurePosixPath(path).name}::{function}"
    return Benchmark(Claim(name, sentence, path, function, fixture=FIXTURE), stated=False, line=node.lineno)
