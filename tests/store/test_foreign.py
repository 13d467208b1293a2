"""Results of other tools as runs: what they recorded, and what they did not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness.judge.group import Axis, columns
from harness.judge.runs import compare_runs
from harness.model import BASELINE, Differs, Measurement, Trial, other_parameters
from harness.store import Run, StoreError
from harness.store import foreign as module
from harness.store.foreign import aligned, read_foreign


def written(folder: Path, found: object, name: str = "found.json") -> Path:
    """A file with this JSON."""
    (folder / name).write_text(json.dumps(found))
    return folder / name


def pytest_benchmark(*rounds: float, name: str = "tests/test_a.py::test_a[1]") -> dict[str, Any]:
    """pytest-benchmark's JSON with one benchmark: with these rounds, or without any, as by default."""
    stats: dict[str, Any] = {"ld15iqr": 0.8, "q1": 0.9, "median": 1.0, "q3": 1.1, "hd15iqr": 1.4}
    stats |= {"iterations": 3, "rounds": 5, "max": 90.0}
    if rounds:
        stats["data"] = list(rounds)
    return {
        "machine_info": {"python_version": "3.11.7"},
        "datetime": "2026-11-30T17:05:33",
        "benchmarks": [{"fullname": name, "stats": stats}],
    }


def pyperf(*processes: list[float], **metadata: object) -> dict[str, Any]:
    """pyperf's JSON with one benchmark, whose processes measured these values."""
    runs = [{"warmups": [[1, 9.0]]}, *({"values": values} for values in processes)]
    return {
        "version": "1.0",
        "metadata": {"loops": 100},
        "benchmarks": [{"metadata": {"name": "sum", **metadata}, "runs": runs}],
    }


def asv(results: dict[str, list[object]]) -> dict[str, Any]:
    """asv's JSON of one commit."""
    names = ["result", "params", "stats_q_25", "stats_q_75", "stats_number", "samples"]
    return {"version": 2, "commit_hash": "abc", "python": "3.11", "result_columns": names, "results": results}


def samples(run: Run) -> dict[tuple[str, int], tuple[float, ...]]:
    """The seconds of each case and process."""
    return {
        (each.case, each.invocation): trial.samples["seconds"]
        for each in run.measurements
        if (trial := each.trial(BASELINE)) is not None
    }


def test_pytest_benchmark_with_its_rounds(tmp_path: Path) -> None:
    """One process a benchmark; its claim has the test's name."""
    run = read_foreign(written(tmp_path, pytest_benchmark(1.0, 2.0, 3.0)))
    assert samples(run) == {("tests/test_a.py::test_a[1]", 1): (1.0, 2.0, 3.0)}
    (claim,) = run.claims
    assert (claim.name, claim.path, claim.function) == ("a", "tests/test_a.py", "test_a")
    assert run.facts["started"] == "2026-11-30T17:05:33"
    assert run.warnings[0].startswith("found.json (pytest-benchmark): one process measured each benchmark")


def test_pytest_benchmark_without_its_rounds(tmp_path: Path) -> None:
    """The numbers that stand for them, without outliers."""
    run = read_foreign(written(tmp_path, pytest_benchmark()))
    assert list(samples(run).values()) == [(0.8, 0.9, 1.0, 1.1, 1.4)]


def test_pyperf_has_processes(tmp_path: Path) -> None:
    """Each is an invocation; calibrations are none, and what is no time is left out."""
    found = pyperf([1.0, 1.1], [2.0])
    found["benchmarks"] += pyperf([5.0], name="peak", unit="byte")["benchmarks"]
    run = read_foreign(written(tmp_path, found))
    assert samples(run) == {("sum", 1): (1.0, 1.1), ("sum", 2): (2.0,)}
    assert run.warnings == (
        "found.json (pyperf): 2 processes measured each benchmark, one after the other: no two of them took turns",
        "found.json (pyperf): 1 benchmark of other units than seconds left out",
    )


def test_pyperf_packed(tmp_path: Path) -> None:
    """As pyperf writes it under a name that ends in .gz."""
    file = tmp_path / "found.json.gz"
    file.write_bytes(gzip.compress(json.dumps(pyperf([1.0])).encode()))
    assert samples(read_foreign(file)) == {("sum", 1): (1.0,)}


def test_asv_has_parameters(tmp_path: Path) -> None:
    """One case for each combination that was measured; samples where they were recorded."""
    results: dict[str, list[object]] = {
        "m.time_a": [[1.0, None, 3.0, 4.0], [["1", "2"], ["x", "y"]], [0.9, 0, 2.9, 3.9], [1.1, 0, 3.1, 4.1]],
        "m.C.time_b": [[2.0], [], [1.9], [2.1], [7], [[2.0, 2.5]]],
        "m.peakmem_c": [[100], []],
        "m.time_failed": [None, []],
    }
    run = read_foreign(written(tmp_path, asv(results)))
    assert samples(run) == {
        ("m.time_a[1-x]", 1): (0.9, 1.0, 1.1),
        ("m.time_a[2-x]", 1): (2.9, 3.0, 3.1),
        ("m.time_a[2-y]", 1): (3.9, 4.0, 4.1),
        ("m.C.time_b", 1): (2.0, 2.5),
    }
    assert run.warnings[-1] == "found.json (asv): 1 benchmark of other units than seconds left out"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty, or longer than 256 MiB"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\x1f\x8b torn", "cannot be read|is not JSON"),
        (b"[1]", "has no results of pytest-benchmark, pyperf or asv"),
        (b'{"benchmarks": []}', "has no results of pytest-benchmark, pyperf or asv"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, words: str) -> None:
    """The message names the file."""
    file = tmp_path / "found.json"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=words) as caught:
        read_foreign(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("found", "tool", "words"),
    [
        ({"machine_info": {}, "benchmarks": [{"name": "a"}]}, "pytest-benchmark", "KeyError: 'stats'"),
        ({"machine_info": {}, "benchmarks": 3}, "pytest-benchmark", "TypeError"),
        (pytest_benchmark(-1.0), "pytest-benchmark", "are no seconds"),
        (pytest_benchmark(float("nan")), "pytest-benchmark", "are no seconds"),
        ({"version": "0.3", "benchmarks": [{"runs": [[1.0]]}]}, "pyperf", "AttributeError"),
        ({"version": 1, "result_columns": ["result"], "results": {"m.time_a": 3}}, "asv", "TypeError"),
    ],
)
def test_older_forms(tmp_path: Path, found: object, tool: str, words: str) -> None:
    """They are not guessed at."""
    with pytest.raises(StoreError, match=f"is not what {tool} writes today: .*{words}"):
        read_foreign(written(tmp_path, found))


def test_a_packed_file_that_is_far_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is read into memory beyond the limit."""
    monkeypatch.setattr(module, "LARGEST", 1000)
    file = tmp_path / "found.json.gz"
    file.write_bytes(gzip.compress(b" " * 100_000))
    with pytest.raises(StoreError, match="is empty, or longer than"):
        read_foreign(file)


def test_names_beside_ours(tmp_path: Path) -> None:
    """Ours begin at the folder of tests, theirs at the repository; where two would be one, none is
    renamed."""
    theirs = read_foreign(written(tmp_path, pytest_benchmark(1.0)))
    trial = Trial(BASELINE, samples={"seconds": (1.0,)})
    ours = Run(tmp_path, {}, (), {}, (Measurement("test_a.py::test_a[1]", "a", 1, trials=(trial,)),))
    found, same = aligned([theirs, ours])
    assert [each.case for each in found.measurements] == ["test_a.py::test_a[1]"]
    assert (found.claims[0].path, found.warnings) == ("test_a.py", theirs.warnings)
    assert same is ours
    twice = pytest_benchmark(1.0)
    twice["benchmarks"] += pytest_benchmark(1.0, name="more/test_a.py::test_a[1]")["benchmarks"]
    kept, _ = aligned([read_foreign(written(tmp_path, twice)), ours])
    assert len({each.case for each in kept.measurements}) == 2


def _with_params(folder: Path, name: str, value: object) -> Run:
    found = pytest_benchmark(1.0, 2.0, name="test_a.py::test_a[shape0]")
    found["benchmarks"][0]["params"] = {"shape": value}
    return read_foreign(written(folder, found, name))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([64, 64], [64, 64], ""),
        ([64, 64], [512, 512], "other parameters: shape has another value in b.json"),
        ("UNSERIALIZABLE[torch.float32]", "UNSERIALIZABLE[torch.float16]", "other parameters: shape"),
        (
            "UNSERIALIZABLE[<Conf at 0x7f32d0>]",
            "UNSERIALIZABLE[<Conf at 0x7f32d0>]",
            "by their position alone",
        ),
        (
            "UNSERIALIZABLE[tensor([0, ..., 0])]",
            "UNSERIALIZABLE[tensor([0, ..., 0])]",
            "by their position alone",
        ),
    ],
)
def test_a_counted_name_with_another_value_is_not_paired(
    tmp_path: Path, before: object, after: object, words: str
) -> None:
    """pytest numbers values without a name of their own; JSON has what they were."""
    runs = [
        (name, _with_params(tmp_path, name, value)) for name, value in (("a.json", before), ("b.json", after))
    ]
    compared = compare_runs(columns(runs, Axis.RUN), Axis.RUN)
    reasons = [str(one) for one in compared.incomparable]
    assert len(compared.lines) == (not words)
    assert len(reasons) == bool(words) and all(words in reason for reason in reasons)


def test_values_here_and_in_json_are_not_compared(tmp_path: Path) -> None:
    """A run of ours knows Python's values, of which JSON has an image."""
    trial = Trial(BASELINE, samples={"seconds": (1.0,)})
    ours = Measurement(
        "test_a.py::test_a[shape0]", "a", 1, trials=(trial,), digests={"shape": "0123456789abcdef"}
    )
    (theirs,) = _with_params(tmp_path, "a.json", [64, 64]).measurements
    assert theirs.digests["shape"] and other_parameters(ours.digests, theirs.digests) == ""


def test_one_process_shows_no_difference(tmp_path: Path) -> None:
    """Only how far apart nearly any two rounds lie."""
    base = [1.0 + 0.01 * number for number in range(-50, 51)]
    runs = [
        (name, read_foreign(written(tmp_path, pytest_benchmark(*(by * value for value in base)), name)))
        for name, by in (("a.json", 1.0), ("b.json", 2.0))
    ]
    (line,) = compare_runs(columns(runs, Axis.RUN), Axis.RUN).lines
    found = line.difference.comparison
    assert line.difference.differs is Differs.TOO_FEW
    assert found.ratio == pytest.approx(2.0, rel=0.01)
    assert found.low == pytest.approx(2 * 0.52 / 1.48)
    assert found.high == pytest.approx(2 * 1.48 / 0.52)


def test_processes_show_one(tmp_path: Path) -> None:
    """Where there are enough of them, as of two runs of ours."""
    runs = [
        (name, read_foreign(written(tmp_path, pyperf(*[[by]] * 8), name)))
        for name, by in (("a.json", 1.0), ("b.json", 2.0))
    ]
    (line,) = compare_runs(columns(runs, Axis.RUN), Axis.RUN).lines
    assert (line.difference.differs, line.difference.counts) == (Differs.HIGHER, (8, 8))
