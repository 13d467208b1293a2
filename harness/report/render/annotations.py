"""Workflow commands that make GitHub mark what went wrong, on the benchmark's file."""

from __future__ import annotations

from harness.report.document import CaseResult, CaseResults, CheckState
from harness.report.format import sanitize

_LONGEST_PATH = 1000


def annotation_lines(results: CaseResults, root: str) -> list[str]:
    """One ``::error`` line for each failure and each error; failures first, for GitHub shows few.

    ``root`` is the folder of the benchmarks relative to the repository. A path that leaves it is not named as
    a file.
    """
    wrong = (CheckState.FAILURE, CheckState.ERROR)
    return [
        _error(case, _file(root, case.case))
        for state in wrong
        for case in results.cases
        if case.state is state
    ]


def _error(found: CaseResult, file: str) -> str:
    names = (found.case.partition("::")[2] or found.case, *found.words)
    what = " ".join(filter(None, map(sanitize, names)))
    properties = {"title": f"{found.outcome}: {what}", "file": file}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::error {written}::{_message(f'{what}: {found.message or found.outcome}')}"


def _file(root: str, case: str) -> str:
    path = case.partition("::")[0]
    parts = path.split("/")
    if not path or ".." in parts or not parts[0] or sanitize(path, _LONGEST_PATH) != path:
        return ""
    folder = root.strip("/")
    return f"{folder}/{path}" if folder not in ("", ".") else path


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
