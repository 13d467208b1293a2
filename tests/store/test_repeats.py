"""A measurement that a run has twice counts once, and one that contradicts another is an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from zlib import crc32

import pytest

from harness.model import BASELINE, Measurement, Trial
from harness.store import StoreError, load
from tests.support.pages import saved
from tests.support.saved import claim

CASE = "bench_a1.py::bench_a1"


def run(folder: Path) -> Path:
    """A run of two units; gives the file that has them."""
    trials = (
        Trial(BASELINE, samples={"seconds": (1e-3, 2e-3)}),
        Trial("tip", samples={"seconds": (2e-3, 3e-3)}),
    )
    saved(folder, [claim("A1")], [Measurement(CASE, "A1", unit, trials=trials) for unit in (1, 2)])
    (file,) = [path for path in folder.glob("*.jsonl") if b'"record":"measurement"' in path.read_bytes()]
    return file


def test_a_copied_file_counts_once(tmp_path: Path) -> None:
    """The units are as many as before, and a warning names both files."""
    file = run(tmp_path)
    shutil.copyfile(file, tmp_path / "invocation-001 (copy).jsonl")
    found = load(tmp_path)
    assert [measurement.invocation for measurement in found.measurements] == [1, 2]
    (warning,) = [each for each in found.warnings if "once more" in each]
    assert "2 measurements" in warning and file.name in warning


def test_a_line_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    """In one file, too."""
    file = run(tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines, lines[-1]]))
    found = load(tmp_path)
    assert len(found.measurements) == 2
    assert any("1 measurement of" in warning for warning in found.warnings)


def test_another_measurement_of_the_same_unit_is_an_error(tmp_path: Path) -> None:
    """Which of the two is of this run cannot be known: the message names both places."""
    file = run(tmp_path)
    other = tmp_path / "invocation-007.jsonl"
    body = file.read_bytes().replace(b"0.001", b"0.004")
    lines = []
    for line in body.splitlines():
        record = json.loads(line)
        del record["crc32"]
        plain = json.dumps(record, separators=(",", ":")).encode()[:-1]
        lines.append(b'%s,"crc32":"%08x"}\n' % (plain, crc32(plain)))
    other.write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match=rf"{other.name}:\d+.*another measurement of .* in unit 1") as raised:
        load(tmp_path)
    assert file.name in str(raised.value)
