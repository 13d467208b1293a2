"""JUnit XML, the form that CI servers show beside tests: one test case a verdict."""

from __future__ import annotations

import re
from math import isfinite
from xml.etree import ElementTree as ET

from harness.model import benchmark_of, parameters
from harness.report.document import CaseResult, CaseResults, CheckState

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit(results: CaseResults) -> str:
    """The document, to be written as UTF-8. Times are in seconds; a name keeps all its characters that XML
    can hold."""
    name, entries, properties = results.name, results.cases, results.properties
    found = [entry.state for entry in entries]
    tallies = {
        "tests": str(len(found)),
        "failures": str(found.count(CheckState.FAILURE)),
        "errors": str(found.count(CheckState.ERROR)),
        "skipped": str(found.count(CheckState.SKIPPED)),
        "time": _seconds(results.seconds),
    }
    root = ET.Element("testsuites", {"name": name, **tallies})
    suite = ET.SubElement(root, "testsuite", {"name": name, **tallies})
    if results.started:
        suite.set("timestamp", _legal(results.started))
    listed = ET.SubElement(suite, "properties")
    for key, value in properties:
        ET.SubElement(listed, "property", {"name": _legal(key), "value": _legal(value)})
    for entry in entries:
        _case(suite, entry)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, entry: CaseResult) -> None:
    path, _, function = benchmark_of(entry.case).partition("::")
    # dots: that is how these files nest, and how pytest writes them
    parts = [*path.removesuffix(".py").split("/"), function]
    name = " ".join(part for part in (parameters(entry.case), *entry.words) if part)
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _legal(".".join(part for part in parts if part)),
            "name": _legal(name or "the whole case"),
            "time": _seconds(entry.seconds),
        },
    )
    if entry.state is CheckState.PASSED:
        ET.SubElement(case, "system-out").text = _legal(entry.message)
    else:
        message = f"{entry.outcome}: {entry.message}" if entry.message else entry.outcome
        attributes = {"type": entry.outcome, "message": _legal(message)}
        ET.SubElement(case, entry.state, attributes).text = _legal(entry.reason)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _seconds(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "0.000"
