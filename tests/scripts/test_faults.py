"""The fault campaign: a part of it, and that it sees what it is there to see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import independent
from faults.disk import checked, clean, tried
from faults.injected import ERRORS, FAULTS, Faults
from faults.neighbours import KINDS, Kind, named, source
from faults.scripted import CASES, Outcome, prepared, scenario

from harness.claims.file import read_file
from harness.model import Measurement, Status
from harness.store import Run, load, run_folders
from harness.store.lines import Writer, line_of

FEW = (3, 11)
"""Calls that fail here; the campaign has them all."""


def test_a_clean_run_acknowledges_everything() -> None:
    """Six units and the memory of two cases, the interrupt of the first part, and nothing else."""
    outcome = clean()
    assert len(outcome.acknowledged) == 8
    assert [type(error) for error in outcome.raised] == [KeyboardInterrupt]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *((kind, fault) for kind in ("open", "fsync", "rename", "mkdir") for fault in ERRORS),
        *(("write", fault) for fault in FAULTS),
    ],
)
def test_a_failing_disk_costs_nothing_that_was_acknowledged(kind: str, fault: str) -> None:
    """Once, and from then on; both readers read what was acknowledged, and nothing else is broken."""
    for at in FEW:
        for persistent in (False, True):
            _, findings = tried(Faults(kind, at, fault, Path(), persistent), f"{kind} {at}: {fault}")
            assert findings == []


def _forgets(self: Writer, kind: str, **content: object) -> None:
    """A writer that acknowledges and does not write."""
    if kind != "measurement":
        os.write(self._descriptor, line_of({"record": kind, **content}))


def _tears(self: Writer, kind: str, **content: object) -> None:
    """A writer that goes on behind half a line."""
    line = line_of({"record": kind, **content})
    torn = (content.get("case"), content.get("invocation")) == (CASES[0], 1)
    os.write(self._descriptor, line[: len(line) // 2] if torn else line)


@pytest.mark.parametrize(
    ("write", "words"), [(_forgets, "are not read by our reader"), (_tears, "unreadable: ")]
)
def test_what_is_lost_or_broken_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None], words: str
) -> None:
    """The campaign can fail."""
    monkeypatch.setattr(Writer, "write", write)
    outcome = scenario(prepared(tmp_path))
    assert any(words in what for what in checked(tmp_path / "results", outcome))


def test_what_is_left_is_found(tmp_path: Path) -> None:
    """A draft that nobody renamed or removed."""
    scenario(prepared(tmp_path))
    (folder,) = run_folders(tmp_path / "results")
    (folder / ".tipbench-0.part").write_text("")
    assert "left .tipbench-0.part" in list(checked(tmp_path / "results", Outcome()))


def test_both_readers_read_the_same(tmp_path: Path) -> None:
    """The independent reader shares no code with ours, and leaves out a line with a changed digit."""
    scenario(prepared(tmp_path))
    (folder,) = run_folders(tmp_path / "results")
    ours = {(m.case, m.invocation, m.survey, "") for m in load(folder).measurements}
    assert independent.measurements(folder) == ours
    file = folder / "invocation-001.jsonl"
    file.write_text(file.read_text().replace("0.0005", "0.0006", 1))
    assert len(independent.measurements(folder)) == len(ours) - 1
    source = Path(independent.__file__).read_text()
    assert "harness." not in source
    assert len(source.splitlines()) <= 40


def test_bad_neighbours_are_benchmarks(tmp_path: Path) -> None:
    """Each kind's file is read as a benchmark of its own claim."""
    names, file = set(), tmp_path / "bench_bad.py"
    for kind in KINDS:
        file.write_text(source(kind))
        (claim,) = read_file(file, tmp_path)
        names.add(claim.name)
        compile(source(kind), kind.name, "exec")
    assert names == {kind.name for kind in KINDS}
    assert len(names) >= 25


def test_a_bad_neighbour_is_named_by_what_it_did() -> None:
    """By a reason or a warning with its words; one that harms nobody is not to have any."""
    crashing, harmless = KINDS[0], next(kind for kind in KINDS if not kind.words)

    def run(kind: Kind, reason: str) -> Run:
        measurement = Measurement("bench_bad.py::bench", kind.name, 1, Status.FAILED, reason)
        return Run(Path(), {}, (), {}, (measurement,))

    assert named(crashing, run(crashing, "its process was ended by SIGSEGV"))
    assert not named(crashing, run(crashing, "its process was ended by SIGABRT"))
    assert not named(crashing, run(harmless, "its process was ended by SIGSEGV"))
    assert named(harmless, run(harmless, ""))
    assert not named(harmless, run(harmless, "boom"))
