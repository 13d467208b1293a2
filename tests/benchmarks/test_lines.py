"""No benchmark has more than forty lines of code: what is beside the claim is in ``support``."""

from __future__ import annotations

import ast
import io
import tokenize

from tests.support.living import ROOT

MOST = 40
BLANK = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip
"""Tokens that are no code of their own."""


def lines_of_code(content: bytes) -> int:
    """Lines with code on them; docstrings, comments and empty lines are none."""
    code: set[int] = set()
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        if token.type not in BLANK:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            code.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(code)


def test_lines_of_code_are_counted() -> None:
    """A statement over three lines is three; docstrings, comments and empty lines are none."""
    head = '"""Doc\nstring."""\n\nimport os  # here\n# a comment\n\n'
    function = 'def f(a,\n      b):\n    """Doc."""\n    return """x\ny"""\n'
    assert lines_of_code((head + function).encode()) == 5


def test_benchmarks_are_short() -> None:
    """Each of them, so that a claim can be read at a glance."""
    files = sorted((ROOT / "benchmarks").glob("*/bench_*.py"))
    assert len(files) > 70
    counts = {file.name: lines_of_code(file.read_bytes()) for file in files}
    assert {name: count for name, count in counts.items() if count > MOST} == {}
