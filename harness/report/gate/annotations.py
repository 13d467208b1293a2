"""Workflow commands that make GitHub mark what a gate found, on the benchmark's file."""

# nothing from __future__ here: `annotations` is this module's own name

from harness.model import GateOutcome, GateResult
from harness.report.builders.gate import NEVER_GREEN, GateRow, rows
from harness.report.format import sanitize

_LONGEST_PATH = 1000


def annotations(result: GateResult, root: str) -> list[str]:
    """One ``::error`` line for each verdict that regressed or cannot be judged; regressed first, for GitHub
    shows few.

    ``root`` is the folder of the benchmarks relative to the repository. A path that leaves it is not named as
    a file.
    """
    verdicts = [verdict for verdict in result.verdicts if verdict.outcome is GateOutcome.REGRESSED]
    verdicts += [verdict for verdict in result.verdicts if verdict.outcome in NEVER_GREEN]
    return [
        _error(row, _file(root, verdict.case)) for verdict, row in zip(verdicts, rows(verdicts), strict=True)
    ]


def _error(row: GateRow, file: str) -> str:
    what = " ".join(
        part for part in (row.case.partition("::")[2] or row.case, row.variant, row.metric) if part
    )
    change = f"{row.change} ({row.interval})" if row.interval else row.change
    message = "\n".join(part for part in (f"{what}: {change or row.outcome}", row.reason) if part)
    properties = {"title": f"{row.outcome}: {what}", "file": file}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::error {written}::{_message(message)}"


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
