"""Sets on disk: what is written is read again, and what is not ours is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.model import EndReason, RunEnd
from harness.model.run_set import JobEnd, JobOutcome, NodeNote, SetJob, SetPlan
from harness.store import RUN_FILE, StoreError
from harness.store.lines import line_of
from harness.store.run_labels import label, remove
from harness.store.runs import find, open_entry, run_entries, runs_of
from harness.store.sets import JobJournal, new_set, read_note, read_set, run_end, write_note
from tests.support.saved import claim, measurements_of, save

PLAN = SetPlan(
    "slurm", ("n1", "n2"), False, "2026-01-02T03:04:05+00:00", ("bench", "--on", "slurm"), 60.0, "standard"
)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = (
    JobEnd("n1", JobOutcome.LOST, "NODE_FAIL", 0, 9, "host", tail=("Killed",), retried=True, clock_off=-70.5),
    JobEnd("n1-2", JobOutcome.FINISHED),
    JobEnd("n2", JobOutcome.REFUSED, reason="QOSMaxSubmitJobPerUserLimit"),
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A set of two nodes, with a run for one of them."""
    folder = new_set(tmp_path, NOW, PLAN)
    journal = JobJournal(folder)
    for name, node, attempt in (("n1", "n1", 1), ("n1-2", "n1", 2), ("n2", "n2", 1)):
        journal.submitted(SetJob(name, node, f"id {name}", attempt))
    for end in ENDS:
        journal.ended(end)
    journal.close("every job ended")
    one = claim("A1")
    save(folder / "n1-2", [one], measurements_of(one, "m", 4, quick=0.5e-3))
    return folder


def test_what_is_written_is_read(made: Path) -> None:
    """The plan, the jobs in their order, how each ended, and the last job of each node."""
    found = read_set(made)
    assert (found.plan, found.ended, found.warnings, found.strays) == (PLAN, "every job ended", (), ())
    assert tuple(found.ends.values()) == ENDS
    assert {node: job.name for node, job in found.latest.items()} == {"n1": "n1-2", "n2": "n2"}


def test_a_set_whose_process_was_killed(made: Path) -> None:
    """Jobs without an end are open; a torn last line is a warning."""
    path = made / "jobs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    found = read_set(made)
    assert (list(found.ends), found.ended, len(found.warnings)) == (["n1"], "", 1)
    path.unlink()
    assert read_set(made).jobs == ()


def test_a_folder_of_nobody(made: Path) -> None:
    """A run that none of the set's jobs wrote is named."""
    save(made / "other", [], [])
    assert read_set(made).strays == ("other",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"schema": 2}', "schema 2 is not 1"),
        ("[]", "is not an object"),
        ('{"schema": 1, "on": 3}', "on"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_set_of_another_schema(made: Path, content: str, why: str) -> None:
    """The file is named, and so is what reads it; a list of runs goes on."""
    (made / "set.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(
        StoreError, match=rf"set\.json is not a set that this version reads \(.*{why}.*\); read it with"
    ):
        read_set(made)
    (entry,) = run_entries(made.parent)
    assert entry.is_set
    assert "set.json is not a set" in entry.broken


@pytest.mark.parametrize(
    "record", [{"record": "job", "name": 3}, {"record": "x"}, {"record": "jobs", "schema": 9}]
)
def test_jobs_that_are_not_ours(made: Path, record: dict[str, object]) -> None:
    """File and line are named."""
    with (made / "jobs.jsonl").open("ab") as file:
        file.write(line_of(record))
    with pytest.raises(StoreError, match=r"jobs\.jsonl:9"):
        read_set(made)


def test_a_set_is_found_like_a_run(made: Path) -> None:
    """By its folder, its beginning, its name, as the latest; its runs by its name and theirs."""
    results = made.parent
    save(results / "2026-01-01_00-00-00", [], [], started="2026-01-01T00:00:00+00:00")
    for word in ("latest", made.name, made.name[:14], str(made)):
        assert find(word, results).folder == made
    assert [each.label for each in runs_of(find("latest", results))] == [f"{made.name}/n1-2"]
    assert find(f"{made.name}/n1-2", results).folder == made / "n1-2"
    named = label(find("latest", results), name="nightly")
    assert find("nightly/n1-2", results).label == "nightly/n1-2"
    assert [entry.kind for entry in run_entries(results)] == ["run", "set"]
    with pytest.raises(StoreError, match=r"is a set of runs; name one of them \(nightly/n1-2\)"):
        open_entry(named)
    with pytest.raises(StoreError, match="no run is called 'nightly/n7'"):
        find("nightly/n7", results)
    remove(named, results)
    assert not made.exists()


# --- the last line of a run ---------------------------------------------------------------------------------


def test_the_end_of_a_run(tmp_path: Path) -> None:
    """The reason of its last line, however long the file before it."""
    save(tmp_path / "n1", [], [], ended="interrupted")
    assert run_end(tmp_path / "n1") == RunEnd(EndReason.INTERRUPTED)
    path = tmp_path / "n1" / RUN_FILE
    path.write_bytes(
        b'{"record":"x","y":"' + b"z" * 2**21 + b'"}\n' + path.read_bytes().splitlines(keepends=True)[-1]
    )
    assert run_end(tmp_path / "n1") == RunEnd(EndReason.INTERRUPTED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"record":"run"}\n',
        b'{"record":"end","why":"interrupted"}',
        b'{"record":"x","why":"interrupted"}\n',
        b"[]\n",
        b"\xff\n",
    ],
)
def test_no_end_of_a_run(tmp_path: Path, content: bytes) -> None:
    """A line without its end is none: it is still being written."""
    assert run_end(tmp_path / "n1") is None
    (tmp_path / "n1").mkdir()
    assert run_end(tmp_path / "n1") is None
    (tmp_path / "n1" / RUN_FILE).write_bytes(content)
    assert run_end(tmp_path / "n1") is None


def test_a_changed_end_is_none(tmp_path: Path) -> None:
    """Its checksum does not fit."""
    save(tmp_path / "n1", [], [], ended="interrupted")
    path = tmp_path / "n1" / RUN_FILE
    path.write_bytes(path.read_bytes().replace(b"interrupted", b"interruptee"))
    assert run_end(tmp_path / "n1") is None


# --- notes --------------------------------------------------------------------------------------------------


def test_notes_of_nodes(made: Path) -> None:
    """Each job has its own, and one that is not ours says nothing."""
    assert read_note(made, "n1") is None
    write_note(made, "n1", NodeNote("host", 3.5))
    write_note(made, "n1", NodeNote("host", 3.5, 0, 9))
    assert read_note(made, "n1") == NodeNote("host", 3.5, 0, 9)
    (made / "logs" / "n1.json").write_text(json.dumps({"schema": 1, "host": []}))
    assert read_note(made, "n1") is None
