"""Claims: the decorator that states one, and reading them from files without importing anything.

``--list`` and the plan of a run need every claim's sentence and needs, but importing a benchmark imports torch. So the
decorator's arguments are literals, and `read` takes them from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from harness.model import METRICS, Claim, Expect

PATTERN = "bench_*.py"
PREFIX = "bench_"
LOADER_MARGIN = 0.05
LOADER_TIME_LIMIT = 300.0

Function = TypeVar("Function", bound=Callable[..., Any])

_STATED = {field.name for field in fields(Claim)} - {"sentence", "path", "function"}
_SWITCHES = {"apart", "loader"}
_SIZES = {"margin", "time_limit"}


class ClaimError(Exception):
    """A benchmark file that cannot be read as a claim; the message names file, line and remedy."""


class NoBenchmarks(ClaimError):
    """A folder that is not there, or that holds no benchmark file."""


def claim(name: str, **stated: Any) -> Callable[[Function], Function]:
    """State what a benchmark claims.

    ``name`` is its short name in tables; the keywords are those of `harness.model.Claim`: ``metric``, ``expect``
    (``"lower"``, ``"higher"``, ``"same"``), ``margin``, ``needs``, ``apart``, ``loader``, ``time_limit``.
    All must be literals. The sentence itself is the file's docstring.
    """

    def mark(function: Function) -> Function:
        function.claim = _claim(name, stated, sentence="", path="", function=function.__name__)  # type: ignore[attr-defined]
        return function

    return mark


def _claim(name: str, stated: dict[str, Any], *, sentence: str, path: str, function: str) -> Claim:
    unknown = set(stated) - _STATED
    if unknown:
        raise ClaimError(f"claim {name!r} states {', '.join(sorted(unknown))}; may state {', '.join(sorted(_STATED))}")
    values = dict(stated)
    if not (isinstance(name, str) and name):
        raise ClaimError(f"a claim's name is a text, not {name!r}")
    if "metric" in values and values["metric"] not in list(METRICS):
        raise ClaimError(f"claim {name!r}: metric {values['metric']!r} is none of {', '.join(METRICS)}")
    try:
        values["expect"] = Expect(values.get("expect", Expect.LOWER))
    except ValueError:
        raise ClaimError(f"claim {name!r}: expect is {values['expect']!r}, not lower, higher or same") from None
    needs = values.get("needs", ())
    needs = (needs,) if isinstance(needs, str) else needs
    if not (isinstance(needs, tuple | list) and all(isinstance(need, str) for need in needs)):
        raise ClaimError(f"claim {name!r}: needs is {needs!r}, not a text or a row of texts")
    values["needs"] = tuple(needs)
    for key in _SWITCHES & set(values):
        if not isinstance(values[key], bool):
            raise ClaimError(f"claim {name!r}: {key} is {values[key]!r}, not True or False")
    for key in _SIZES & set(values):
        if isinstance(values[key], bool) or not isinstance(values[key], int | float) or values[key] <= 0:
            raise ClaimError(f"claim {name!r}: {key} is {values[key]!r}, not a number above 0")
    if values.get("loader"):
        values.setdefault("margin", LOADER_MARGIN)
        values.setdefault("time_limit", LOADER_TIME_LIMIT)
    return Claim(name=name, sentence=sentence, path=path, function=function, **values)


def read(root: Path) -> list[Claim]:
    """Every claim under ``root``, in the order of their paths, read without importing.

    Raises NoBenchmarks for a folder without any, ClaimError for a file that does not parse, a claim that is not
    literal, and a name stated twice.
    """
    if not root.is_dir():
        raise NoBenchmarks(f"no benchmarks: {root} is not a folder; name one with --benchmarks FOLDER")
    files = sorted(root.rglob(PATTERN))
    if not files:
        raise NoBenchmarks(f"no benchmarks: {root} holds no {PATTERN}; name another folder with --benchmarks FOLDER")
    claims = [claim for file in files for claim in read_file(file, root)]
    seen: dict[str, Claim] = {}
    for found in claims:
        if found.name in seen:
            first = seen[found.name]
            raise ClaimError(
                f"{root / found.path}::{found.function} and {root / first.path}::{first.function} both state the claim "
                f"{found.name!r}; rename one"
            )
        seen[found.name] = found
    return claims


def read_file(file: Path, root: Path) -> Iterator[Claim]:
    """The claims of one file; one for each of its benchmarks. Raises ClaimError."""
    path = file.relative_to(root).as_posix()
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError) as error:
        raise ClaimError(f"{file} cannot be read as Python: {error}") from error
    sentence = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    names: set[str] = set()
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith(PREFIX)):
            continue
        if node.name in names:
            raise ClaimError(f"{file}:{node.lineno}: {node.name} is defined twice, only the last would run; rename one")
        names.add(node.name)
        line, stated = _decorator(node, file)
        own = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
        name = stated.pop("name", node.name.removeprefix(PREFIX))
        try:
            yield _claim(name, stated, sentence=own or sentence or name, path=path, function=node.name)
        except ClaimError as error:
            raise ClaimError(f"{file}:{line}: {error}") from None


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
