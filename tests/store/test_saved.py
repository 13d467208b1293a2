"""Saved runs as a whole: found by what people type, named, removed only where they are ours, kept as
baselines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.store import GATE, RUN_FILE, StoreError, open_gate, open_run, runs
from harness.store.run_labels import label, remove, set_baseline
from harness.store.runs import Wanted, find, open_entry, run_entries
from tests.support.saved import ENVIRONMENT, claim, measurements_of, save

ONE = claim("A1")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three runs, a tuning, and a folder that is not one of ours."""
    place = tmp_path / "results"
    for day in (1, 2, 3):
        save(
            place / f"2026-01-0{day}_10-00-00",
            [ONE],
            measurements_of(ONE, "", 7),
            started=f"2026-01-0{day}T10:00:00+00:00",
        )
    save(place / "2026-02-01_10-00-00", [ONE], [], started="2026-02-01T10:00:00+00:00", profile="tune")
    (place / "notes").mkdir()
    return place


def names(*found: runs.RunEntry) -> list[str]:
    """Names of folders."""
    return [entry.folder.name for entry in found]


def test_runs_are_found(results: Path) -> None:
    """By folder, by name, by a beginning, by age."""
    label(find("2026-01-02_10-00-00", results), name="before")
    assert names(find(results / "2026-01-01_10-00-00", results)) == ["2026-01-01_10-00-00"]
    assert (
        names(find("before", results), find("bef", results), find("2026-01-02", results))
        == ["2026-01-02_10-00-00"] * 3
    )
    assert names(find("latest", results)) == ["2026-01-03_10-00-00"]
    assert names(*(find(f"latest~{n}", results) for n in (0, 1, 2))) == [
        f"2026-01-0{day}_10-00-00" for day in (3, 2, 1)
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "2026-01",
            "2026-01 may be 2026-01-01_10-00-00, 2026-01-02_10-00-00, 2026-01-03_10-00-00: type more of it",
        ),
        ("nowhere", "no run is called 'nowhere'"),
        ("", "no run is called ''"),
        ("latest~9", " has 3 runs, the oldest is latest~2"),
        ("baseline", "no baseline"),
        ("../x", "no run is called"),
        ("x" * 5000, "no run is called"),
        ("a\0b", "no run is called"),
    ],
)
def test_what_is_not_found_is_an_error(
    results: Path, word: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that means no run, or several, is an error that lists what there is."""
    # Paths are relative to the working folder, beside which there may be anything.
    elsewhere = results.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(StoreError) as caught:
        find(word, results)
    assert message in str(caught.value)


def test_files_and_other_folders_are_no_runs(results: Path) -> None:
    """A folder without records and a file are told apart."""
    with pytest.raises(StoreError, match=r"notes is not a run: it has no run\.jsonl"):
        find(results / "notes", results)
    with pytest.raises(StoreError, match="is a file"):
        find(results / "2026-01-01_10-00-00" / RUN_FILE, results)
    with pytest.raises(StoreError, match="no runs in"):
        find("latest", results / "none")


def test_what_never_began_and_gates_are_never_the_latest(results: Path) -> None:
    """A run that has nothing but what it was asked for, and a gate of either kind, do not shift `latest`."""
    failed = open_run(
        results / "2026-03-01_10-00-00", [ONE], profile="tune", started="2026-03-01T10:00:00+00:00"
    )
    failed.write("end", why="stopped: --kinds foo")
    failed.close()
    stored = save(
        results / "2026-03-02_10-00-00",
        [ONE],
        measurements_of(ONE, "", 7),
        started="2026-03-02",
        profile=GATE,
    )
    open_gate(results / "2026-03-03_10-00-00", [ONE], base="old", head="new").close()
    assert names(find("latest", results)) == ["2026-01-03_10-00-00"]
    assert runs.kinds(run_entries(results)) == "3 runs, 2 tunings, 2 gates"
    assert find(stored, results).gate


def test_no_runs_says_what_there_is(tmp_path: Path) -> None:
    """After two gates there is no run to show, and both are named."""
    for day in (1, 2):
        open_gate(tmp_path / f"2026-03-0{day}_10-00-00", [ONE], base="old", head="new").close()
    with pytest.raises(
        StoreError, match=r"no runs in .*; there is nothing but 2 gates \(.* runs lists them\); make one with"
    ):
        find("latest", tmp_path)


def test_a_copy_just_works(results: Path, tmp_path: Path) -> None:
    """A folder copied elsewhere brings its name along and loads the same, whatever it is called there."""
    label(find("2026-01-02", results), name="before", add=["nightly"])
    copied = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(results / "2026-01-02_10-00-00", copied)
    entry = find(copied, results)
    assert (entry.label, entry.tags) == ("before", ("nightly",))
    assert open_entry(entry).measurements == open_entry(find("before", results)).measurements
    assert names(find("latest", copied.parent)) == ["renamed"]


def test_names_and_tags(results: Path) -> None:
    """A name can be given, changed and taken away; tags added and removed; both are listed."""
    entry = label(find("latest", results), name="one", add=["slow", "nightly"])
    assert find("one", results) == entry
    entry = label(entry, name="two", drop=["slow"])
    assert (entry.name, entry.tags) == ("two", ("nightly",))
    assert [e.name for e in run_entries(results) if e.name] == ["two"]
    assert label(entry, name="").label == "2026-01-03_10-00-00"


@pytest.mark.parametrize(
    "name", ["a/b", "..", "-x", "latest", "latest~1", "baseline", "x" * 81, "a b", "\x1b[2J", "ü"]
)
def test_names_that_cannot_be(results: Path, name: str) -> None:
    """Names that are paths, options, other words of ours, or not plain are refused."""
    with pytest.raises(StoreError, match="cannot be a name"):
        label(find("latest", results), name=name)


def test_a_name_is_given_once(results: Path) -> None:
    """A second run cannot take a name, nor the name of another's folder."""
    label(find("latest", results), name="one")
    with pytest.raises(StoreError, match="already what"):
        label(find("latest~1", results), name="one")
    with pytest.raises(StoreError, match="already what"):
        label(find("latest~1", results), name="2026-01-01_10-00-00")
    with pytest.raises(StoreError, match="no tag"):
        label(find("latest", results), drop=["never"])


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"name": 3, "tags": [4, "a b", "fine"]}', "[" * 100_000, "x" * 100_000]
)
def test_labels_of_any_shape(results: Path, content: str) -> None:
    """A file of labels that is not ours costs the labels, not the run."""
    (results / "2026-01-01_10-00-00" / "labels.json").write_text(content)
    assert find("2026-01-01", results).name == ""


def test_a_broken_record_is_listed(results: Path) -> None:
    """A run whose first line cannot be read is in the list with the reason, and can be removed."""
    (results / "2026-01-01_10-00-00" / RUN_FILE).write_text("not json\n")
    first = next(entry for entry in run_entries(results) if entry.folder.name == "2026-01-01_10-00-00")
    assert f"{RUN_FILE}:1 is not a record of ours" in first.broken
    remove(first, results)
    assert not first.folder.exists()


def test_removing_follows_no_link(results: Path, tmp_path: Path) -> None:
    """A link in a run's folder goes, what it points to stays; a link in a run's place is refused."""
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "file").write_text("kept")
    run = results / "2026-01-01_10-00-00"
    (run / "link").symlink_to(outside)
    remove(find("2026-01-01", results), results)
    assert not run.exists()
    assert (outside / "file").read_text() == "kept"
    real = save(tmp_path / "real", [ONE], measurements_of(ONE, "", 7))
    (results / "alias").symlink_to(real)
    with pytest.raises(StoreError, match="is a link"):
        remove(find("alias", results), results)
    assert real.is_dir()


def test_only_runs_in_the_results_are_removed(results: Path, tmp_path: Path) -> None:
    """A run elsewhere, a baseline, and a folder whose record is a link are left alone."""
    elsewhere = save(tmp_path / "elsewhere", [ONE], measurements_of(ONE, "", 7))
    with pytest.raises(StoreError, match="does not lie in"):
        remove(find(elsewhere, results), results)
    set_baseline(find("2026-01-02", results), results)
    with pytest.raises(StoreError, match="does not lie in"):
        remove(find("baseline", results), results)
    (results / "fake").mkdir()
    (results / "fake" / RUN_FILE).symlink_to(elsewhere / RUN_FILE)
    with pytest.raises(StoreError, match="records are links"):
        remove(find("fake", results), results)
    assert elsewhere.is_dir()


def test_a_baseline_is_small_and_whole(results: Path) -> None:
    """The records are copied, traces, logs and telemetry are not; a second one takes the first one's
    place."""
    run = results / "2026-01-02_10-00-00"
    (run / "traces").mkdir()
    (run / "traces" / "a.json.gz").write_bytes(b"x" * 1000)
    (run / "process-001.log").write_text("x")
    (run / "telemetry.jsonl").write_text("")
    place = set_baseline(find("2026-01-02", results), results)
    assert place == results / "baselines" / ENVIRONMENT["machine_id"]
    assert sorted(path.name for path in place.iterdir()) == ["invocation-001.jsonl", "labels.json", RUN_FILE]
    assert (
        open_entry(find("baseline", results)).measurements
        == open_entry(find("2026-01-02", results)).measurements
    )
    again = set_baseline(find("2026-01-03", results), results)
    assert again == place
    assert open_entry(find("baseline/0123", results)).facts["started"].startswith("2026-01-03")


@pytest.mark.parametrize("machine", ["../../etc", "", None, 5, "0123456789AB/.."])
def test_a_baseline_of_no_machine(results: Path, machine: object) -> None:
    """A machine that is no machine's mark is no folder's name."""
    save(
        results / "odd",
        [ONE],
        measurements_of(ONE, "", 7),
        environment={**ENVIRONMENT, "machine_id": machine},
    )
    with pytest.raises(StoreError, match="does not name the machine"):
        set_baseline(find("odd", results), results)
    assert not (results / "baselines").exists()


def test_nothing_is_no_baseline(results: Path) -> None:
    """A run without a finished measurement cannot be a baseline."""
    save(results / "nothing", [ONE], [])
    with pytest.raises(StoreError, match="no finished measurement"):
        set_baseline(find("nothing", results), results)


def test_what_is_wanted_decides_between_several(results: Path) -> None:
    """A beginning that only one of the wanted ones has names that; only those that fit are listed."""
    second = Wanted("second run", lambda entry: "-02_" in entry.folder.name)
    assert find("2026-01", results, second).folder.name == "2026-01-02_10-00-00"
    assert find("2026-01-01", results, second).folder.name == "2026-01-01_10-00-00"
    with pytest.raises(
        StoreError, match=r"no second run is called 'x' in .*; there is 2026-01-02_10-00-00 \("
    ):
        find("x", results, second)
    with pytest.raises(StoreError, match=r"no set is called 'x' in .*; there are none \("):
        find("x", results, Wanted("set", lambda entry: entry.kind == "set"))
