"""What a source imports, read from its syntax tree: for the rules of imports and for the picture of the
rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache


@cache
def imported(source: str, *, inside_functions: bool = True) -> tuple[str, ...]:
    """The full names of the modules that a source imports; names from a package count as modules of it."""
    tree = ast.parse(source)
    return tuple(_imported(ast.walk(tree) if inside_functions else _outside(tree)))


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module:
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom(level=level) if level:
                yield "relative"
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(str(name)), *_]
            ):
                if called in ("import_module", "__import__"):
                    yield name


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue  # for the type checker's eyes: it never runs
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _outside(child)
