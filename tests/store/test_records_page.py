"""The page on records: its line is read, and its tables name the fields that the code has."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from harness.model import SCHEMA, CaseWarning, EndReason, Measurement, RunEnd, Span, Status, Trial, Work
from harness.store import StoreError, load, open_run
from harness.store.lines import CHECKSUM, line_of
from harness.store.records import end_text, measurement_in
from tests.support.living import ROOT

PAGE = (ROOT / "docs" / "RECORDS.md").read_text(encoding="utf-8")
LINE = PAGE.partition("```json\n")[2].partition("\n```")[0]
TABLES = [re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) for part in PAGE.split("| field | meaning |")[1:]]


def names(kind: type) -> list[str]:
    """The fields of a dataclass in their order."""
    return [each.name for each in fields(kind)]


def test_the_line_is_one_that_a_run_writes(tmp_path: Path) -> None:
    """It loads with its checksum, holds every part that the page explains, and is written as it stands."""
    open_run(tmp_path, []).close()
    (tmp_path / "invocation-001.jsonl").write_text(LINE + "\n", encoding="utf-8")
    (found,) = load(tmp_path).measurements
    assert found.trials[1].status is Status.FAILED
    assert found.warnings[0].subject == "bmm"
    record = json.loads(LINE)
    assert list(record) == ["record", *names(Measurement), CHECKSUM]
    del record[CHECKSUM]
    assert line_of(record).decode() == LINE + "\n"


def test_a_changed_line_is_refused(tmp_path: Path) -> None:
    """The checksum of the page's line is of that line: with another digit it does not load."""
    open_run(tmp_path, []).close()
    (tmp_path / "invocation-001.jsonl").write_text(LINE.replace("0.0011", "0.0019") + "\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"invocation-001\.jsonl:1 was changed"):
        load(tmp_path)


def test_the_tables_name_the_fields() -> None:
    """Each table has the fields of its dataclass, in their order."""
    assert [
        ["record", *names(Measurement), CHECKSUM],
        names(Trial),
        names(Work),
        names(CaseWarning),
        names(Span),
    ] == TABLES


def test_the_parts_of_the_line_have_all_their_fields() -> None:
    """The objects in the line have the fields that their tables name."""
    record = json.loads(LINE)
    assert [list(part) for part in (record["trials"][0], record["work"], record["warnings"][0])] == TABLES[
        1:4
    ]
    assert measurement_in(json.dumps({k: v for k, v in record.items() if k != CHECKSUM}).encode()).case


def test_the_page_has_the_version_and_the_texts() -> None:
    """The version is that of the code, and every reason for an end stands in the page as it is written."""
    assert PAGE.startswith(f"# Records, version {SCHEMA}\n")
    page = " ".join(PAGE.split())
    for reason in EndReason:
        if reason not in (EndReason.OTHER, EndReason.STOPPED, EndReason.NOT_RECORDED):
            assert f"`{end_text(RunEnd(reason))}`" in page
