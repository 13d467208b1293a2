"""What can be called from outside a module states the types of what it takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.living import ROOT


def untyped(source: str) -> list[str]:
    """The parameters whose annotation has ``Any`` in it, as function and parameter.

    Of functions and methods without a leading underscore, nested ones too, and of constructors and other
    methods that Python's own syntax calls.
    """
    return [
        f"{function.name}({name})" for function in _public(ast.parse(source)) for name in _vague(function)
    ]


def _public(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            special = node.name.startswith("__") and node.name.endswith("__")
            if special or not node.name.startswith("_"):
                yield node


def _vague(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    given = function.args
    for each in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg):
        if each is None or each.annotation is None:
            continue  # mypy refuses a parameter without one
        words = list(ast.walk(each.annotation))
        named = {word.id for word in words if isinstance(word, ast.Name)}
        named |= {word.attr for word in words if isinstance(word, ast.Attribute)}
        if "Any" in named:
            yield each.arg


def test_vague_parameters_are_found() -> None:
    """Wherever ``Any`` stands in an annotation, and whatever is public calls it; not in what is private."""
    source = """
def plain(a: int, b: Any, *c: Any, d: dict[str, Any], e: "int", **f: typing.Any) -> Any: ...
class Public:
    def __init__(self, g: Any, h: int): ...
    def method(self, i: Callable[[Any], None], j: int): ...
    def _private(self, k: Any): ...
"""
    assert untyped(source) == [
        "plain(b)", "plain(c)", "plain(d)", "plain(f)", "__init__(g)", "method(i)",
    ]  # fmt: skip


def test_no_public_parameter_is_any() -> None:
    """A protocol, a type variable, ``object`` or a typed dict says more, and is checked."""
    found = {
        str(file.relative_to(ROOT)): vague
        for file in sorted(Path(ROOT, "harness").rglob("*.py"))
        if (vague := untyped(file.read_text(encoding="utf-8")))
    }
    assert found == {}
