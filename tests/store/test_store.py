"""Records: every field comes back, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import store
from harness.model import (
    SCHEMA,
    CaseWarning,
    Claim,
    EndReason,
    Expect,
    Measurement,
    RunEnd,
    Status,
    Trial,
    WarningCode,
    Work,
)
from harness.store import RUN_FILE, StoreError, Writer
from harness.store.records import measurement_in

HOSTILE = ("../../etc/x.py::f[/a b]", "v", "\x00", "a" * 400, "..", "ä/ö")


@pytest.mark.parametrize("name", HOSTILE)
def test_snapshots_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    """Whatever a case is called, its snapshot is a plain file in the run's folder, and another case's is
    another."""
    path = store.snapshot_file(tmp_path, name, "tip")
    assert path.parent == tmp_path / store.SNAPSHOTS
    assert len(path.name) < 200
    store.write_snapshot(path, {"segments": [], "device_traces": [[(1, 2)]]})
    assert json.loads(gzip.decompress(path.read_bytes())) == {"segments": [], "device_traces": [[[1, 2]]]}
    assert store.snapshot_file(tmp_path, name + "/", "tip") != path


CLAIM = Claim(
    "C4",
    "bmm beats a loop",
    "arithmetic/bench_bmm.py",
    "bench_bmm",
    "peak_bytes",
    Expect.HIGHER,
    0.03,
    ("cuda", "nvidia.dali"),
    apart=True,
    loader=True,
    time_limit=12.5,
    why="calls cost time",
    source="a cookbook",
    fixture="benchmark",
    target=0.2,
)
TRIAL = Trial(
    "bmm",
    Status.TIMED_OUT,
    "no answer in 5 s",
    Expect.SAME,
    17,
    0.5,
    1.25,
    {"seconds": (1e-9, 0.1 + 0.2, 3.0), "wait_seconds": (0.0,)},
    {"peak_bytes": 4096.0},
    {"pss_bytes": 1.5e9},
    {"peak_bytes": "torch CPU profile"},
)
MEASUREMENT = Measurement(
    "arithmetic/bench_bmm.py::bench_bmm[small-1]",
    "C4",
    3,
    Status.WRONG,
    "the baseline is wrong",
    (Trial("baseline"), TRIAL),
    Work(1.0, 2.0, 3.5, 4.0, {"bmm": "bf16"}),
    4.75,
    survey=True,
    warnings=(
        CaseWarning(WarningCode.NO_READING, "bmm", "OSError: läuft", "joules"),
        CaseWarning(WarningCode.NOT_STEADY, "bmm", seconds=1.5),
    ),
    blocks=((1.5, 2.25), (2.25, 3.0)),
    clock_events=(0, 64),
    digests={"shape": "0123456789abcdef"},
)


def all_differ_from_default(value: Any) -> bool:
    """Whether each field of the example is unlike its default: a field that is dropped cannot hide."""
    return all(
        getattr(value, f.name) != f.default and getattr(value, f.name) not in ((), {}) for f in fields(value)
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with its first record."""
    store.open_run(tmp_path, [CLAIM], command=["bench"], budget=90.0).close()
    return tmp_path


def another(folder: Path) -> Writer:
    """The writer of a file of this run's that nothing was written to yet."""
    return Writer(folder / "invocation-002.jsonl")


def written(folder: Path, *measurements: Measurement, name: str = "invocation-001") -> Path:
    """A process's file with these measurements."""
    writer = store.open_invocation(
        folder, name, environment={"gpu": None}, planned=[m.case for m in measurements]
    )
    for measurement in measurements:
        store.write_measurement(writer, measurement)
    writer.close()
    return writer.path


# --- there and back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [CLAIM, TRIAL, MEASUREMENT, MEASUREMENT.work], ids=lambda v: type(v).__name__
)
def test_the_example_leaves_no_field_out(value: Any) -> None:
    """Each field of the records below says something, so that the round trip covers all of them."""
    assert all_differ_from_default(value)


def test_every_field_comes_back(run: Path) -> None:
    """A run, its claims, environment, plan, measurements and end are loaded as they were written."""
    written(run, MEASUREMENT)
    writer = another(run)
    writer.write("end", why="everything was decided")
    writer.close()
    loaded = store.load(run)
    assert loaded.claims == (CLAIM,)
    assert isinstance(loaded.claims[0].expect, Expect)
    assert loaded.measurements == (MEASUREMENT,)
    assert isinstance(loaded.measurements[0].trials[1].status, Status)
    assert loaded.facts == {"schema": SCHEMA, "command": ["bench"], "budget": 90.0}
    assert loaded.environment == {"gpu": None}
    assert loaded.planned == (MEASUREMENT.case,)
    assert (loaded.ended.reason, loaded.warnings, loaded.folder) == (EndReason.ALL_DECIDED, (), run)


def test_records_from_before_blocks_had_moments_still_load() -> None:
    """A measurement without the later fields is read, and has none of them."""
    later = ("blocks", "clock_events", "digests")
    record = {name: value for name, value in asdict(MEASUREMENT).items() if name not in later}
    older = replace(MEASUREMENT, blocks=(), clock_events=(), digests={})
    assert measurement_in(json.dumps(record).encode()) == older


@pytest.mark.parametrize("blocks", [[[1.0]], [[1.0, "x"]], [3.0], [[1.0, 1e999]]])
def test_a_block_is_two_moments(blocks: Any) -> None:
    """Anything else is no record of ours."""
    with pytest.raises(ValueError, match=r"blocks|not a number"):
        measurement_in(json.dumps({**asdict(MEASUREMENT), "blocks": blocks}).encode())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.text())
def test_numbers_and_words_come_back_bit_by_bit(values: list[float], words: str) -> None:
    """Any finite sample and any text survive the encoding exactly."""
    given = replace(MEASUREMENT, reason=words, trials=(replace(TRIAL, samples={words: tuple(values)}),))
    line = json.dumps(asdict(given), allow_nan=False)
    assert measurement_in(line.encode()) == given


def test_measurements_are_in_the_order_of_invocations(run: Path) -> None:
    """Whatever the files' names and lines, measurements are sorted by invocation."""
    for invocation, name in ((10, "invocation-010"), (2, "invocation-2"), (1, "zz")):
        written(run, replace(MEASUREMENT, invocation=invocation), name=name)
    assert [m.invocation for m in store.load(run).measurements] == [1, 2, 10]


def test_one_file_alone(run: Path) -> None:
    """A process's own file gives its measurements and header; a file that is not there gives neither."""
    path = written(run, MEASUREMENT)
    assert store.read_measurements(path) == [MEASUREMENT]
    assert store.read_header(path)["planned"] == [MEASUREMENT.case]
    assert store.read_measurements(run / "none.jsonl") == []
    assert store.read_header(run / "none.jsonl") == {}


def test_each_record_is_on_the_disk_when_it_is_written(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is one write, followed by fsync, and readable before the file is closed."""
    calls: list[str] = []
    write, fsync = os.write, os.fsync

    def noted_write(descriptor: int, data: bytes) -> int:
        calls.append("write")
        return write(descriptor, data)

    def noted_fsync(descriptor: int) -> None:
        calls.append("fsync")
        fsync(descriptor)

    monkeypatch.setattr(os, "write", noted_write)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    writer = Writer(run / "a.jsonl")
    writer.write("end", why="x")
    assert calls == ["write", "fsync"]
    assert (run / "a.jsonl").read_text().endswith("\n")
    assert store.load(run).ended == RunEnd(EndReason.OTHER, "x")
    writer.close()


# --- what may have happened ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_dropped(run: Path, cut: int) -> None:
    """What a killed process had begun to write is dropped with a warning; all before it is kept."""
    path = written(run, MEASUREMENT, replace(MEASUREMENT, invocation=4))
    data = path.read_bytes()
    path.write_bytes(data[: -1 - cut])
    loaded = store.load(run)
    assert loaded.measurements == (MEASUREMENT,)
    (warning,) = loaded.warnings
    assert f"{path}:3" in warning
    assert "torn" in warning


def test_a_last_line_that_lacks_only_its_end_is_whole(run: Path) -> None:
    """A record of which everything but the line's end was written counts."""
    path = written(run, MEASUREMENT)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.load(run).measurements == (MEASUREMENT,)


def spoil(line: str) -> Callable[[Path], None]:
    """Replace a file's second line."""

    def spoiled(path: Path) -> None:
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], line, *lines[2:]]) + "\n")

    return spoiled


def changed(**content: Any) -> str:
    """The measurement's line with other content."""
    return json.dumps({"record": "measurement", **asdict(MEASUREMENT), **content})


def claimed(**content: Any) -> str:
    """A run's first line with other content in its claim."""
    return json.dumps({"record": "run", "schema": SCHEMA, "claims": [{**asdict(CLAIM), **content}]})


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[1, 2]",
        "",
        '{"record": "measurement"',
        '{"record": "song"}',
        '{"record": "measurement"}',
        "{}",
        '{"record": ["measurement"]}',
        '{"record": "end", "why": NaN}',
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("9" * 5000, id="huge number"),
        pytest.param(changed(status="splendid"), id="status"),
        pytest.param(changed(surprise=1), id="unknown field"),
        pytest.param(changed(trials=3), id="trials"),
        pytest.param(changed(work={"colour": 1}), id="work"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "samples": {"seconds": ["1"]}}]), id="samples"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "samples": [1]}]), id="no samples"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "exact": {"peak_bytes": "1"}}]), id="exact"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "solo": [1]}]), id="solo"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "variant": None}]), id="variant"),
        pytest.param(changed(case=["x"]), id="case"),
        pytest.param(changed(claim=1), id="claim"),
        pytest.param(changed(invocation="1"), id="invocation"),
        pytest.param(changed(seconds="1"), id="seconds"),
        pytest.param(changed(seconds=0).replace('"seconds": 0', '"seconds": NaN'), id="NaN"),
        pytest.param(changed(seconds=0).replace('"seconds": 0', '"seconds": -Infinity'), id="infinite"),
        pytest.param(changed(seconds=0).replace('"seconds": 0', '"seconds": 1e999'), id="overflow"),
        pytest.param(changed(seconds=10**400), id="integer beyond any float"),
        pytest.param(changed(invocation=2**40), id="invocation"),
        pytest.param(changed(work={"items": "1", "bytes": 0, "flops": 0}), id="items"),
        pytest.param(changed(trials=[{**asdict(TRIAL), "first_seconds": "1"}]), id="first_seconds"),
        pytest.param(
            changed(trials=[{**asdict(TRIAL), "samples": {"seconds": [10**400]}}]), id="huge sample"
        ),
        pytest.param('{"record": "header", "schema": 1, "environment": [], "planned": []}', id="environment"),
        pytest.param('{"record": "header", "schema": "1", "environment": {}, "planned": []}', id="schema"),
        pytest.param(
            json.dumps({"record": "run", "schema": 1, "claims": [{**asdict(CLAIM), "margin": "x"}]}),
            id="margin",
        ),
        pytest.param(
            json.dumps({"record": "run", "schema": 1, "claims": [{**asdict(CLAIM), "margin": -5}]}),
            id="below 0",
        ),
    ],
)
def test_any_other_bad_line_is_an_error(run: Path, line: str) -> None:
    """A line in the middle that is no record of ours is an error with file and line, never half
    understood."""
    path = written(run, MEASUREMENT, MEASUREMENT)
    spoil(line)(path)
    with pytest.raises(StoreError) as caught:
        store.load(run)
    assert f"{path}:2" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("kind", ["run", "header"])
def test_a_newer_schema_is_refused(run: Path, kind: str) -> None:
    """A file of a later version is refused with what to do."""
    path = run / RUN_FILE if kind == "run" else written(run, MEASUREMENT)
    text = re.sub(r',"crc32":"[0-9a-f]{8}"', "", path.read_text())
    path.write_text(text.replace(f'"schema":{SCHEMA}', f'"schema":{SCHEMA + 1}'))
    with pytest.raises(StoreError, match=rf"{path.name}:1 has schema {SCHEMA + 1}.*update"):
        store.load(run)


@pytest.mark.parametrize("place", ["3.0", "seconds", "crc32"])
def test_a_changed_digit_is_an_error(run: Path, place: str) -> None:
    """A line of which one byte was changed since it was written is refused by file and line, wherever that
    is."""
    path = written(run, MEASUREMENT)
    head, line = path.read_bytes().splitlines(keepends=True)
    at = line.rindex(place.encode())
    path.write_bytes(head + line[:at] + (b"4" if place == "3.0" else b"x") + line[at + 1 :])
    with pytest.raises(StoreError, match=rf"{path.name}:2"):
        store.load(run)


def test_a_checksum_elsewhere_is_an_error(run: Path) -> None:
    """A line that another program wrote anew has a checksum that nobody can check: it is refused."""
    path = run / RUN_FILE
    path.write_text(json.dumps(json.loads(path.read_text())) + "\n")
    with pytest.raises(StoreError, match="checksum is not where it was written"):
        store.load(run)


def test_lines_of_earlier_versions_have_no_checksum(run: Path) -> None:
    """What was written without one is read."""
    path = written(run, MEASUREMENT)
    path.write_text(re.sub(r',"crc32":"[0-9a-f]{8}"', "", path.read_text()))
    assert "crc32" not in path.read_text()
    assert store.load(run).measurements == (MEASUREMENT,)


def test_half_a_surrogate_pair_comes_back(run: Path) -> None:
    """A reason with a character that UTF-8 does not have, as Python decodes odd file names, is kept."""
    odd = replace(MEASUREMENT, reason="no file a\udcff")
    written(run, odd)
    assert store.load(run).measurements == (odd,)


def test_bytes_that_are_no_text(run: Path) -> None:
    """Bytes that are not UTF-8 are a bad line, named."""
    path = written(run, MEASUREMENT)
    path.write_bytes(b"\xff\xfe\n" + path.read_bytes())
    with pytest.raises(StoreError, match=f"{path}:1"):
        store.load(run)


def test_a_line_without_end_is_not_read_into_memory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than any of ours is an error before it is parsed."""
    monkeypatch.setattr(store.lines, "LONGEST_LINE", 1 << 20)
    (run / "long.jsonl").write_bytes(b"1" * ((1 << 20) + 1))
    with pytest.raises(StoreError, match=r"long\.jsonl:1 is longer than 1 MiB"):
        store.load(run)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    """Loading any other folder says what is missing."""
    with pytest.raises(StoreError, match=r"is not a run: it has no run\.jsonl"):
        store.load(tmp_path)


# --- what cannot be written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_written(run: Path, value: float) -> None:
    """NaN is refused where it is written, and leaves no line."""
    writer = another(run)
    store.write_measurement(writer, MEASUREMENT)
    before = writer.path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        store.write_measurement(writer, replace(MEASUREMENT, seconds=value))
    writer.close()
    assert writer.path.read_bytes() == before


def test_what_another_process_wrote_is_left_alone(run: Path) -> None:
    """A file of records is made anew: nothing is added to one that is there, its last line may be torn."""
    path = written(run, MEASUREMENT)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"invocation-001\.jsonl is there already"):
        Writer(path)
    assert path.read_bytes() == before


def half(descriptor: int, data: bytes) -> int:
    """A write on a disk that is nearly full."""
    return REAL_WRITE(descriptor, data[: len(data) // 2])


def full(descriptor: int, data: bytes) -> int:
    """A write on a full disk."""
    raise OSError(28, "No space left on device")


REAL_WRITE = os.write


@pytest.mark.parametrize("write", [half, full])
def test_a_full_disk_keeps_whole_lines(
    run: Path, write: Callable[[int, bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that does not fit says so, leaves whole lines only, and the next one that fits is kept."""
    written(run, MEASUREMENT)
    writer = another(run)
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StoreError, match=r"invocation-002\.jsonl: No space left on device"):
        store.write_measurement(writer, replace(MEASUREMENT, invocation=4))
    monkeypatch.setattr(os, "write", REAL_WRITE)
    assert store.load(run).measurements == (MEASUREMENT,)
    assert store.load(run).warnings == ()
    store.write_measurement(writer, replace(MEASUREMENT, invocation=5))
    writer.close()
    assert [m.invocation for m in store.load(run).measurements] == [3, 5]


def test_nothing_follows_half_a_line(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where half a line cannot be taken back either, the file ends with it, and loads with a warning."""

    def refuses(descriptor: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    writer = another(run)
    store.write_measurement(writer, MEASUREMENT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        patched.setattr(os, "ftruncate", refuses)
        with pytest.raises(StoreError, match="No space left on device"):
            store.write_measurement(writer, replace(MEASUREMENT, invocation=4))
    with pytest.raises(StoreError, match="ends in half a line, and nothing can follow it"):
        writer.write("end", why="x")
    writer.close()
    found = store.load(run)
    assert found.measurements == (MEASUREMENT,)
    assert "the last line is torn" in found.warnings[0]


def test_a_failing_fsync_keeps_whole_lines(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that may not have reached the disk is taken back."""
    written(run, MEASUREMENT)
    writer = another(run)

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreError, match="Input/output error"):
        store.write_measurement(writer, MEASUREMENT)
    writer.close()
    assert len(store.load(run).measurements) == 1


@pytest.mark.parametrize("place", ["file/run", "/proc/none/run"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    """Where nothing can be written the error says what to type, for runs and for records."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--results FOLDER"):
        store.new_run_folder(tmp_path / place, datetime(2025, 1, 1))
    with pytest.raises(StoreError, match="--results FOLDER"):
        Writer(tmp_path / place / RUN_FILE)


# --- runs ---------------------------------------------------------------------------------------------------


def test_two_runs_in_one_second(tmp_path: Path) -> None:
    """Runs that start in the same second have folders of their own, in the order of their start."""
    now = datetime(2025, 3, 1, 12, 30, 5)
    made = [store.new_run_folder(tmp_path / "results", now) for _ in range(12)]
    assert len(set(made)) == 12
    assert made[0].name == "2025-03-01_12-30-05"
    for folder in made:
        store.open_run(folder, [CLAIM]).close()
    assert store.run_folders(tmp_path / "results") == made
    (made[0] / RUN_FILE).unlink()
    assert store.run_folders(tmp_path / "results") == made[1:]


def test_no_runs_yet(tmp_path: Path) -> None:
    """A results folder that is not there holds no runs."""
    assert store.run_folders(tmp_path / "results") == []
