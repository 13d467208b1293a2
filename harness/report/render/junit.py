"""JUnit XML, the form that CI servers show beside tests: what a verdict of any kind needs of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from xml.etree import ElementTree as ET

from harness.model import benchmark_of, parameters

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class TestCase:
    """A test case: the benchmark's case and what distinguishes its entries, the word of its verdict, the
    message.

    ``tag`` is failure, error, skipped, or nothing for a success; ``reason`` is the whole text of which a
    message has the first line.
    """

    case: str
    words: Sequence[str]
    outcome: str
    message: str = ""
    tag: str = ""
    reason: str = ""
    seconds: float = 0.0


def junit(
    name: str,
    entries: Sequence[TestCase],
    properties: Iterable[tuple[str, str]],
    *,
    seconds: float,
    started: str,
) -> str:
    """The document, to be written as UTF-8. Times are in seconds; a name keeps all its characters that XML
    can hold."""
    found = [entry.tag for entry in entries]
    tallies = {
        "tests": str(len(found)),
        "failures": str(found.count("failure")),
        "errors": str(found.count("error")),
        "skipped": str(found.count("skipped")),
        "time": _seconds(seconds),
    }
    root = ET.Element("testsuites", {"name": name, **tallies})
    suite = ET.SubElement(root, "testsuite", {"name": name, **tallies})
    if started:
        suite.set("timestamp", _legal(started))
    listed = ET.SubElement(suite, "properties")
    for key, value in properties:
        ET.SubElement(listed, "property", {"name": _legal(key), "value": _legal(value)})
    for entry in entries:
        _case(suite, entry)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, entry: TestCase) -> None:
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
    if not entry.tag:
        ET.SubElement(case, "system-out").text = _legal(entry.message)
    else:
        message = f"{entry.outcome}: {entry.message}" if entry.message else entry.outcome
        ET.SubElement(case, entry.tag, {"type": entry.outcome, "message": _legal(message)}).text = _legal(
            entry.reason
        )


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _seconds(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "0.000"
