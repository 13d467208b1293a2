"""Claims read from benchmark files without importing them.

``--list`` and the plan of a run need every claim's sentence and needs, but importing a benchmark imports
torch. So the decorator's arguments are literals, and `parse` takes them from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.claims.claim import ClaimError, claim_from
from harness.model import COMPARE, FIXTURE, Claim

PATTERN = "bench_*.py"
PREFIX = "bench_"


@dataclass(frozen=True, slots=True)
class Problem:
    """A benchmark file, or one function of it, that cannot be read as a claim.

    ``function`` is empty if it is the whole file. ``name`` is what the claim would be called, as far as that
    is known. ``message`` names file, line and remedy.
    """

    path: str
    function: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as its file has it: its claim, whether that states a name, and the line that states it."""

    claim: Claim
    stated: bool
    line: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file contains."""

    benchmarks: tuple[Benchmark, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(file: Path, root: Path) -> Parsed:
    """The benchmarks of one file, read without importing it, and what of it cannot be read."""
    path = file.relative_to(root).as_posix()
    try:
        # As bytes: Python itself looks for a byte-order mark and a declared encoding.
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
        name = file.stem.removeprefix(PREFIX)
        return Parsed(problems=(Problem(path, "", name, _unreadable(file, error)),))
    said = _said(tree)
    found: dict[str, Benchmark] = {}
    problems: dict[str, Problem] = {}
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith(PREFIX)):
            continue
        if {argument.arg for argument in node.args.args} & {FIXTURE, COMPARE} == {FIXTURE}:
            continue  # a test that uses pytest-benchmark
        try:
            if node.name in found or node.name in problems:
                raise ClaimError(
                    f"{file}:{node.lineno}: {node.name} is defined twice, only the last would run; rename one"
                )
            found[node.name] = _benchmark(node, file, path, said)
        except ClaimError as error:
            found.pop(node.name, None)
            problems[node.name] = Problem(path, node.name, _name_of(node), str(error))
    for name, line, why in (*_elsewhere(tree.body), *_misnamed(tree)):
        if name not in found and name not in problems:
            stem = name.rpartition(".")[2].removeprefix(PREFIX)
            problems[name] = Problem(path, name, stem, f"{file}:{line}: {name} is not measured: {why}")
    return Parsed(tuple(found.values()), tuple(problems.values()))


def _elsewhere(
    body: Sequence[ast.stmt], inside: str = "", *, branch: bool = False
) -> Iterator[tuple[str, int, str]]:
    """What is called like a benchmark and is not one: its name, its line, and what to write instead."""
    for node in body:
        match node:
            case ast.AsyncFunctionDef(name=name) if name.startswith(PREFIX):
                yield (
                    f"{inside}{name}",
                    node.lineno,
                    f"it is a coroutine; write def {name}(compare) without async",
                )
            case ast.FunctionDef(name=name) if name.startswith(PREFIX) and inside:
                yield (
                    f"{inside}{name}",
                    node.lineno,
                    f"it is a method; write def {name}(compare) outside of the class, and pytest fixtures for what "
                    "setup_method and the like prepare",
                )
            case ast.FunctionDef(name=name) if name.startswith(PREFIX) and branch:
                yield (
                    name,
                    node.lineno,
                    'it is defined under a condition; define it always, with @claim(..., needs="cuda") for what it '
                    "needs, or with pytest.skip inside",
                )
            case ast.Assign() | ast.AnnAssign() if _is_function(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id.startswith(PREFIX):
                        yield (
                            f"{inside}{target.id}",
                            node.lineno,
                            f"it is assigned; write def {target.id}(compare)",
                        )
            case ast.ClassDef(name=name):
                yield from _elsewhere(node.body, f"{inside}{name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case _:
                for field in ("body", "orelse", "finalbody"):
                    yield from _elsewhere(getattr(node, field, ()), inside, branch=True)
                for handler in getattr(node, "handlers", ()):
                    yield from _elsewhere(handler.body, inside, branch=True)


def _is_function(value: ast.expr | None) -> bool:
    """Whether what is assigned is a function for certain: a lambda, or functools.partial of something."""
    return isinstance(value, ast.Lambda) or (isinstance(value, ast.Call) and _called(value) == "partial")


def _misnamed(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """What takes `compare`, is called by nothing in its file, and has a name that is not a benchmark's.

    With ``@claim`` that is any function; else one that pytest would take for a test, because others may be
    helpers that another file imports.
    """
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith(PREFIX):
            continue
        takes = {
            argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        }
        claims = any(isinstance(one, ast.Call) and _called(one) == "claim" for one in node.decorator_list)
        fixture = any("fixture" in ast.unparse(one) for one in node.decorator_list)
        if "compare" not in takes or fixture or node.name in used:
            continue
        if claims or node.name.lower().startswith(("test", "bench")):
            wanted = f"{PREFIX}{node.name.removeprefix('test_')}"
            yield (
                node.name,
                node.lineno,
                f"its name does not begin with {PREFIX}; write def {wanted}(compare)",
            )


def read_file(file: Path, root: Path) -> list[Claim]:
    """The claims of one file; one for each of its benchmarks. Raises ClaimError for the first that cannot be
    read."""
    parsed = parse(file, root)
    if parsed.problems:
        raise ClaimError(parsed.problems[0].message)
    return [benchmark.claim for benchmark in parsed.benchmarks]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a docstring says of a claim: its first paragraph, and those that begin with ``Why:`` and
    ``Source:``."""

    sentence: str = ""
    why: str = ""
    source: str = ""


def _said(node: ast.Module | ast.FunctionDef) -> _Said:
    first, *others = [
        " ".join(paragraph.split()) for paragraph in (ast.get_docstring(node) or "").split("\n\n")
    ]
    found = {
        name: paragraph.removeprefix(mark).strip()
        for name, mark in (("why", "Why:"), ("source", "Source:"))
        for paragraph in others
        if paragraph.startswith(mark)
    }
    return _Said(first, **found)


def _benchmark(node: ast.FunctionDef, file: Path, path: str, said: _Said) -> Benchmark:
    """Raises ClaimError."""
    line, stated = _decorator(node, file)
    own = _said(node)
    named = "name" in stated
    name = stated.pop("name", node.name.removeprefix(PREFIX))
    try:
        claim = replace(
            claim_from(name, stated, path=path, function=node.name),
            sentence=own.sentence or said.sentence or name,
            why=own.why or said.why,
            source=own.source or said.source,
        )
    except ClaimError as error:
        raise ClaimError(f"{file}:{line}: {error}") from None
    return Benchmark(claim, named, line)


def _name_of(node: ast.FunctionDef) -> str:
    """What the claim of a benchmark is called, whatever else it states."""
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if name and _called(decorator) == "claim":
                return name
    return node.name.removeprefix(PREFIX)


def _unreadable(file: Path, error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"{file} cannot be read: {error.strerror or error}"
    line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    why = (error.msg if isinstance(error, SyntaxError) else str(error)) or type(error).__name__
    return f"{file}{line}: it cannot be read as Python: {why}"


def _decorator(node: ast.FunctionDef, file: Path) -> tuple[int, dict[str, Any]]:
    """The line of a benchmark's claim, and what it states."""
    for decorator in node.decorator_list:
        if not (isinstance(decorator, ast.Call) and _called(decorator) == "claim"):
            continue
        try:
            stated: dict[str, Any] = {str(k.arg): ast.literal_eval(k.value) for k in decorator.keywords}
            if decorator.args:
                stated["name"] = ast.literal_eval(decorator.args[0])
        except (ValueError, TypeError):
            raise ClaimError(
                f"{file}:{decorator.lineno}: what @claim states must be literals, so that it can be read "
                "without importing the file"
            ) from None
        return decorator.lineno, stated
    return node.lineno, {}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
