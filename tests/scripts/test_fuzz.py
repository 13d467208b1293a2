"""The campaign of hostile input: every reader takes or refuses some of it, and what is not a clear error is
found."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fuzz import campaign
from fuzz.campaign import fuzz
from fuzz.mutate import changed_bytes, changed_json, changed_lines
from fuzz.readers import READERS, STATUSES, Reader

from harness.errors import UsageError
from harness.store.lines import line_of, read_lines

FEW = {"report": 3, "compare": 10, "trend": 20, "gate's result": 20, "tuning": 20}
"""Inputs of readers that do more than reading."""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_hostile_input_is_read_or_refused(reader: Reader) -> None:
    """A few inputs of each reader, the same ones every time."""
    inputs = FEW.get(reader.name, 60)
    tally = fuzz(reader, inputs, seed=3)
    assert tally.inputs == tally.taken + tally.refused == inputs
    assert not tally.failures


def _fails(error: BaseException) -> Any:
    def read(folder: Path) -> None:
        if (folder / "x").read_bytes() != b"{}":
            raise error

    return read


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (KeyError("x"), "KeyError in test_fuzz.py"),
        (RecursionError(), "RecursionError in test_fuzz.py"),
        (SystemExit(1), "SystemExit in test_fuzz.py"),
        (campaign.Hung(), "it took more than 30 s"),
        (UsageError("one\nline too many"), "a message of several lines"),
        (UsageError(""), "a message without words"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_is_no_clear_error_is_found(tmp_path: Path, error: BaseException, found: str) -> None:
    """It is counted, and one input of it is kept to try again."""
    reader = Reader(
        "x", "x", lambda folder: (folder / "x").write_bytes(b"{}"), _fails(error), (changed_bytes,)
    )
    tally = fuzz(reader, 5, seed=1, keep=tmp_path)
    assert [what.startswith(found) for what in tally.failures] == [True]
    assert len(list(tmp_path.iterdir())) == len(tally.kept) == 1


def test_slow_and_large_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By CPU time and by the growth of the process."""
    reader = Reader(
        "x", "x", lambda folder: (folder / "x").write_bytes(b"{}"), lambda _: None, (changed_bytes,)
    )
    monkeypatch.setattr(campaign, "SLOW", -1.0)
    monkeypatch.setattr(campaign, "MEMORY", -1)
    assert [what.split()[0] for what in fuzz(reader, 3, seed=1).failures] == ["it", "the"]


def test_checksums_are_made_right_again(tmp_path: Path) -> None:
    """Most changed records get past the checksum, or nothing behind it would ever be tried."""
    valid = b"".join(line_of({"record": "measurement", "case": f"c{n}", "trials": [1, 2]}) for n in range(3))
    path = tmp_path / "x.jsonl"
    readable = 0
    for seed in range(100):
        path.write_bytes(changed_lines(valid, Random(seed)))
        try:
            list(read_lines(path, []))
        except Exception:
            continue
        readable += 1
    assert readable > 70


def test_changes_are_many_and_the_same_for_a_seed() -> None:
    """A failure can be had again by its number; valid input is not changed in place."""
    valid = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    for change in (changed_bytes, changed_json):
        made = [change(valid, Random(seed)) for seed in range(200)]
        assert made == [change(valid, Random(seed)) for seed in range(200)]
        assert len(set(made)) > 100
    assert STATUSES == (0, 1, 2, 3)
