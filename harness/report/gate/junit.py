"""A gate as JUnit XML, the form that CI servers show beside tests: one test case a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from xml.etree import ElementTree as ET

from harness.model import ArmFacts, Gated, GateResult, GateVerdict, parameters
from harness.report.gate.content import NEVER_GREEN, GateRow, headline, rows, variables

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""

_TAGS = {
    Gated.REGRESSED: "failure",
    **dict.fromkeys(NEVER_GREEN, "error"),
    **dict.fromkeys((Gated.NEW, Gated.SKIPPED), "skipped"),
}
"""The element that says how a test case went; *new* was compared with nothing, which is no success."""


def junit(result: GateResult) -> str:
    """The document, to be written as UTF-8. Times are in seconds; a name keeps all its characters that XML can hold."""
    found = [_TAGS.get(verdict.outcome, "") for verdict in result.verdicts]
    tallies = {
        "tests": str(len(found)),
        "failures": str(found.count("failure")),
        "errors": str(found.count("error")),
        "skipped": str(found.count("skipped")),
        "time": _seconds(result.seconds),
    }
    root = ET.Element("testsuites", {"name": "gate", **tallies})
    suite = ET.SubElement(root, "testsuite", {"name": "gate", **tallies})
    if result.started:
        suite.set("timestamp", _legal(result.started))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result):
        ET.SubElement(properties, "property", {"name": _legal(name), "value": _legal(value)})
    for verdict, row in zip(result.verdicts, rows(result.verdicts), strict=True):
        _case(suite, verdict, row)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, verdict: GateVerdict, row: GateRow) -> None:
    path, _, function = verdict.case.partition("[")[0].partition("::")
    # dots: that is how these files nest, and how pytest writes them
    parts = [*path.removesuffix(".py").split("/"), function]
    name = " ".join(part for part in (parameters(verdict.case), verdict.variant, verdict.metric) if part)
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _legal(".".join(part for part in parts if part)),
            "name": _legal(name or "the whole case"),
            "time": _seconds(verdict.seconds),
        },
    )
    change = f"{row.change} ({row.interval})" if row.interval else row.change
    told = "; ".join(part for part in (change, row.readings, row.reason) if part)
    tag = _TAGS.get(verdict.outcome)
    if tag is None:
        ET.SubElement(case, "system-out").text = told
    else:
        message = f"{verdict.outcome}: {told}" if told else str(verdict.outcome)
        # the whole reason as text: the message has its first line only
        ET.SubElement(case, tag, {"type": str(verdict.outcome), "message": message}).text = _legal(verdict.reason)


def _properties(result: GateResult) -> Iterator[tuple[str, str]]:
    yield "outcome", headline(result)
    yield "status", str(result.status)
    yield "target", str(result.target)
    yield "loader_target", str(result.loader_target)
    yield "alpha", str(result.alpha)
    yield "decisions", str(result.decisions)
    yield from _arm(result.base)
    yield from _arm(result.head)


def _arm(arm: ArmFacts) -> Iterator[tuple[str, str]]:
    yield f"{arm.arm}.label", arm.label
    if arm.python:
        yield f"{arm.arm}.python", arm.python
    for name, value in variables(arm).items():
        yield f"{arm.arm}.variable.{name}", value
    for package in arm.packages:
        yield f"{arm.arm}.package.{package.name}", f"{package.digest} {package.file}" if package.file else "not there"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _seconds(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "0.000"
