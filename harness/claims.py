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


class ClaimError(Exception):
    """A benchmark file that cannot be read as a claim; the message names file, line and remedy."""


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
        raise ClaimError(f"claim {name!r} states {', '.join(sorted(unknown))}; it may state {', '.join(sorted(_STATED))}")
    values = dict(stated)
    if "metric" in values and values["metric"] not in METRICS:
        raise ClaimError(f"claim {name!r}: metric {values['metric']!r} is none of {', '.join(METRICS)}")
    try:
        values["expect"] = Expect(values.get("expect", Expect.LOWER))
    except ValueError:
        raise ClaimError(f"claim {name!r}: expect is {values['expect']!r}, not lower, higher or same") from None
    needs = values.get("needs", ())
    values["needs"] = (needs,) if isinstance(needs, str) else tuple(needs)
    if values.get("loader"):
        values.setdefault("margin", LOADER_MARGIN)
        values.setdefault("time_limit", LOADER_TIME_LIMIT)
    return Claim(name=name, sentence=sentence, path=path, function=function, **values)


def read(root: Path) -> list[Claim]:
    """Every claim under ``root``, in the order of their paths, read without importing.

    Raises ClaimError for a folder without benchmarks, a file that does not parse, a claim that is not literal, and a
    name stated twice.
    """
    if not root.is_dir():
        raise ClaimError(f"no benchmarks: {root} is not a folder; name one with --benchmarks FOLDER")
    files = sorted(root.rglob(PATTERN))
    if not files:
        raise ClaimError(f"no benchmarks: {root} holds no {PATTERN}; name another folder with --benchmarks FOLDER")
    claims = [claim for file in files for claim in read_file(file, root)]
    seen: dict[str, Claim] = {}
    for found in claims:
        if found.name in seen:
            raise ClaimError(f"{found.path} and {seen[found.name].path} both state the claim {found.name!r}; rename one")
        seen[found.name] = found
    return claims


def read_file(file: Path, root: Path) -> Iterator[Claim]:
    """The claims of one file; one for each of its benchmarks. Raises ClaimError."""
    path = file.relative_to(root).as_posix()
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except (SyntaxError, UnicodeDecodeError, OSError) as error:
        raise ClaimError(f"{file} cannot be read as Python: {error}") from error
    sentence = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith(PREFIX)):
            continue
        stated = _decorator(node, file)
        own = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
        name = stated.pop("name", node.name.removeprefix(PREFIX))
        yield _claim(name, stated, sentence=own or sentence or name, path=path, function=node.name)


def _decorator(node: ast.FunctionDef, file: Path) -> dict[str, Any]:
    for decorator in node.decorator_list:
        if not (isinstance(decorator, ast.Call) and _called(decorator) == "claim"):
            continue
        try:
            stated: dict[str, Any] = {str(k.arg): ast.literal_eval(k.value) for k in decorator.keywords}
            if decorator.args:
                stated["name"] = ast.literal_eval(decorator.args[0])
        except ValueError:
            raise ClaimError(f"{file}:{decorator.lineno}: what @claim states must be literals, so that it can be read "
                             "without importing the file") from None
        return stated
    return {}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
