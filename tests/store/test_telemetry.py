"""Telemetry: there and back through its file, as frames, and in words where a reader must know of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import store
from harness.judge.run import judge
from harness.model import (
    BASELINE,
    HOST,
    Claim,
    EndReason,
    Measurement,
    OtherProcess,
    RunEnd,
    SeenWhen,
    SensorReading,
    SensorSeries,
    Status,
    Telemetry,
    Trial,
    metric,
)
from harness.report.builders.run_content import content
from harness.report.frames import energy_frame, memory_frame, telemetry_frame, throttle_frame, verdicts_frame
from harness.report.machine_notes import watch_remarks, watched_line
from harness.store import TELEMETRY_FILE, Run, StoreError, TelemetryWriter
from harness.store.clock_events import annotate
from harness.store.telemetry import read_telemetry
from tests.support.replayed import RECORDED, UUID

CLAIM = Claim("A", "a tip", "bench_a.py", "bench_a")
CASE = "bench_a.py::bench_a[1]"
START = 1000.0


def written(folder: Path, *batches: tuple[str, int, list[SensorReading]], cost: float | None = 0.001) -> Path:
    """A watch's file."""
    writer = TelemetryWriter(folder, hertz=20.0, start=START)
    writer.readings(batches)
    if cost is not None:
        writer.end(cost)
    return folder / TELEMETRY_FILE


def readings(
    device: str, quantity: str, values: Sequence[float], start: float = START
) -> list[SensorReading]:
    """Readings at 20 a second."""
    return [SensorReading(start + index / 20, device, quantity, value) for index, value in enumerate(values)]


def series(
    device: str, quantity: str, values: Sequence[float], start: float = START, **of: Any
) -> SensorSeries:
    """The same as they are loaded."""
    moments = tuple(start + index / 20 for index in range(len(values)))
    return SensorSeries(device, quantity, moments, tuple(values), **of)


# --- there and back -----------------------------------------------------------------------------------------


def test_everything_that_was_seen_comes_back(tmp_path: Path) -> None:
    """Readings by device, quantity and case, other processes, warnings, devices and cost are loaded as
    written."""
    writer = TelemetryWriter(tmp_path, hertz=20.0, start=START)
    first = [*readings(UUID, "power_watts", [1.0, 2.0]), *readings(HOST, "load", [0.5])]
    writer.readings([("", 0, first), (CASE, 3, readings(UUID, "power_watts", [3.0], START + 1))])
    writer.readings([(CASE, 3, readings(UUID, "power_watts", [4.0], START + 2))])
    other = OtherProcess(SeenWhen.BEFORE, UUID, 99, "other", 4096)
    writer.other_process(other)
    writer.other_process(replace(other, bytes=None))
    writer.warning("no energy_joules")
    writer.no_nvml("NVML does not start: Odd")
    writer.devices([UUID])
    writer.end(0.002)
    found = read_telemetry(tmp_path / TELEMETRY_FILE, [])
    assert (found.hertz, found.start, found.cost, found.devices) == (20.0, START, 0.002, (UUID,))
    assert found.other_processes == (other, replace(other, bytes=None))
    assert (found.warnings, found.no_nvml) == (("no energy_joules",), "NVML does not start: Odd")
    assert {(s.device, s.quantity, s.case, s.invocation): list(s.values) for s in found.series} == {
        (UUID, "power_watts", "", 0): [1.0, 2.0],
        (HOST, "load", "", 0): [0.5],
        (UUID, "power_watts", CASE, 3): [3.0, 4.0],
    }
    assert list(found.series[2].moments) == [START + 1, START + 2]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.text(), st.text(), st.floats(-1e300, 1e300)), max_size=20))
def test_any_reading_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Whatever the names and numbers, each reading is loaded as it was."""
    folder = tmp_path_factory.mktemp("watch")
    given = [SensorReading(moment, device, quantity, value) for moment, device, quantity, value in rows]
    found = read_telemetry(written(folder, ("case", 1, given)), [])
    loaded = [
        SensorReading(moment, each.device, each.quantity, value)
        for each in found.series
        for moment, value in zip(each.moments, each.values, strict=True)
    ]
    key = lambda reading: (reading.device, reading.quantity, reading.moment, reading.value)  # noqa: E731
    assert sorted(loaded, key=key) == sorted(given, key=key)


def test_readings_taken_together_share_their_moments(tmp_path: Path) -> None:
    """A batch is a line a device, with each moment once: a run's file stays small."""
    both = [
        reading for name in ("power_watts", "sm_clock_hertz") for reading in readings(UUID, name, [1.0] * 40)
    ]
    lines = written(tmp_path, ("", 0, both)).read_text().splitlines()
    record = json.loads(lines[1])
    assert len(lines) == 3
    assert [set(group["values"]) for group in record["series"]] == [{"power_watts", "sm_clock_hertz"}]
    assert len(lines[1]) < 40 * 25


def test_no_watch_is_no_telemetry(tmp_path: Path) -> None:
    """A run without the file loads, with nothing seen."""
    store.open_run(tmp_path, [CLAIM]).close()
    assert store.load(tmp_path).telemetry == Telemetry()


def test_a_killed_watch_keeps_what_it_wrote(tmp_path: Path) -> None:
    """A torn last line is dropped with a warning; the lines before it are there, and no cost is made up."""
    store.open_run(tmp_path, [CLAIM]).close()
    path = written(tmp_path, ("", 0, readings(HOST, "load", [1.0])), cost=None)
    path.write_text(path.read_text() + '{"record":"telemetry","device":"ho')
    run = store.load(tmp_path)
    assert list(run.telemetry.series[0].values) == [1.0]
    assert run.telemetry.cost is None
    assert any("torn" in warning for warning in run.warnings)


def test_what_later_versions_add_is_passed_over(tmp_path: Path) -> None:
    """Unknown records and fields of the same schema do no harm."""
    path = written(tmp_path, ("", 0, readings(HOST, "load", [1.0])))
    record = {"record": "telemetry", "device": HOST, "case": "", "invocation": 0, "tomorrow": 1}
    record["series"] = [{"at": [5.0], "values": {"moon": [2.0]}, "phase": "new"}]
    path.write_text(path.read_text() + '{"record":"tide","high":true}\n' + json.dumps(record) + "\n")
    assert {each.quantity for each in read_telemetry(path, []).series} == {"load", "moon"}


@pytest.mark.parametrize(
    "line",
    [
        '{"record":"telemetry","device":"host","case":"","invocation":0,"series":[{"at":[1],"values":{"load":[]}}]}',
        '{"record":"telemetry","device":"host","case":"","invocation":0,"series":[{"at":[1],"values":{"load":["x"]}}]}',
        '{"record":"telemetry","device":"host","case":"","invocation":0,"series":[{"at":[1],"values":{"load":[1e999]}}]}',
        '{"record":"telemetry","device":3,"case":"","invocation":0,"series":[{"at":[1],"values":{"load":[1]}}]}',
        '{"record":"telemetry","device":"host"}',
        '{"record":"stranger","when":"before","device":"x","pid":"many","name":"","bytes":null}',  # codespell:ignore
        '{"record":"stranger","when":"later","device":"x","pid":1,"name":"","bytes":null}',  # codespell:ignore
        '{"record":"watch","schema":999,"hertz":20,"start":0}',
        '{"watch":1}',
        "not json",
    ],
)
def test_a_bad_line_names_file_and_line(tmp_path: Path, line: str) -> None:
    """Whatever is malformed is an error that states where."""
    path = written(tmp_path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(StoreError, match=rf"{TELEMETRY_FILE}:3 "):
        read_telemetry(path, [])


def test_a_file_without_end_takes_no_memory_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readings past the most that are kept are counted and left out."""
    monkeypatch.setattr("harness.store.telemetry.MOST_READINGS", 30)
    path = written(
        tmp_path, ("", 0, readings(HOST, "load", [1.0] * 25)), ("", 0, readings(HOST, "load", [2.0] * 25))
    )
    warnings: list[str] = []
    assert len(read_telemetry(path, warnings).series[0].values) == 30
    assert ["20 readings" in warning for warning in warnings] == [True]


# --- frames -------------------------------------------------------------------------------------------------


def run_of(
    folder: Path, telemetry: Telemetry, measurements: Sequence[Measurement] = (), **environment: Any
) -> Run:
    """A run with that telemetry."""
    return Run(folder, {}, (CLAIM,), environment, tuple(measurements), telemetry=telemetry)


def test_a_reading_is_a_row(tmp_path: Path) -> None:
    """Moments count from the run's start and rise; case and invocation are missing between cases."""
    telemetry = Telemetry(
        20.0,
        START,
        (
            series(UUID, "power_watts", [5.0, 6.0], START + 1, case=CASE, invocation=2),
            series(HOST, "load", [0.5], START + 0.5),
        ),
    )
    frame = telemetry_frame(run_of(tmp_path, telemetry))
    assert list(frame.columns) == ["moment", "device", "metric", "value", "case", "invocation"]
    assert frame["moment"].tolist() == pytest.approx([0.5, 1.0, 1.05])
    assert frame["value"].tolist() == [0.5, 5.0, 6.0]
    assert frame["invocation"].dtype == "Int32"
    assert frame["case"].isna().tolist() == frame["invocation"].isna().tolist() == [True, False, False]
    assert frame["case"].cat.categories.tolist() == [CASE]
    assert {str(frame[name].dtype) for name in ("device", "metric", "case")} == {"category"}
    assert frame.query("metric == 'power_watts'").groupby("device", observed=True)["value"].max()[UUID] == 6


def test_frames_of_a_run_that_was_not_watched_are_empty(tmp_path: Path) -> None:
    """Nothing seen, no rows, the same columns and types."""
    run = run_of(tmp_path, Telemetry())
    for frame in (telemetry_frame(run), memory_frame(run), throttle_frame(run), energy_frame(run)):
        assert len(frame) == 0
        assert len(frame.columns) > 5
    full = run_of(tmp_path, Telemetry(20.0, START, (series(HOST, "load", [0.5]),)))
    assert (
        telemetry_frame(run).dtypes.astype(str).tolist() == telemetry_frame(full).dtypes.astype(str).tolist()
    )


def test_memory_comes_with_its_sources(tmp_path: Path) -> None:
    """Bytes of every trial and pass, each with where it comes from; levels of the watch belong to no
    variant."""
    trial = Trial(
        "tip",
        exact={"peak_bytes": 4096.0, "launches": 3.0, "allocation_retries": 1.0},
        solo={"pss_bytes": 1e9, "cpu_seconds": 2.0},
        sources={"peak_bytes": "torch CUDA allocator", "pss_bytes": "PSS of the process tree"},
    )
    short = Trial(
        "greedy", Status.FAILED, "no memory", exact={"asked_bytes": 5.0}, sources={"asked_bytes": "the error"}
    )
    measurement = Measurement(CASE, "A", 1, trials=(trial, short))
    telemetry = Telemetry(
        20.0, START, (series(UUID, "used_bytes", [10.0, 30.0, 20.0], case=CASE, invocation=1),
                      series(UUID, "used_bytes", [99.0]))
    )  # fmt: skip
    frame = memory_frame(run_of(tmp_path, telemetry, [measurement]))
    assert list(frame.columns) == ["case", "claim", "variant", "invocation", "metric", "value", "source"]
    rows: dict[Any, Any] = {row.metric: row for row in frame.itertuples()}
    assert set(rows) == {"peak_bytes", "allocation_retries", "pss_bytes", "device_bytes", "asked_bytes"}
    assert (rows["asked_bytes"].variant, rows["asked_bytes"].source) == ("greedy", "the error")
    assert rows["peak_bytes"].source == "torch CUDA allocator"
    assert (rows["device_bytes"].value, rows["device_bytes"].claim) == (30.0, "A")
    assert pd.isna(rows["device_bytes"].variant)
    assert "NVML" in rows["device_bytes"].source


def recorded(**of: Any) -> Telemetry:
    """Twelve seconds of a GPU from the recorded readings; ``of`` is the case while which they were taken."""
    recording = RECORDED["readings"]
    return Telemetry(
        20.0,
        START,
        (
            series(UUID, "energy_joules", [value / 1e3 for value in recording["energy_millijoules"]], **of),
            series(UUID, "power_watts", [value / 1e3 for value in recording["power_milliwatts"]], **of),
            series(UUID, "throttle", recording["events"], **of),
            series(UUID, "sm_clock_hertz", [1e6 * value for value in recording["sm_megahertz"]], **of),
        ),
        devices=(UUID,),
    )


def test_energy_of_a_run_agrees_with_its_power(tmp_path: Path) -> None:
    """The counter's difference lies within 5 % of the integral of power over the same ten seconds and
    more."""
    frame = energy_frame(run_of(tmp_path, recorded(case=CASE, invocation=1)))
    assert len(frame) == 2
    assert frame["case"].isna().tolist() == [True, False]
    row: Any
    for row in frame.itertuples():
        assert row.seconds > 10
        assert row.tick_seconds == pytest.approx(0.1)
        assert row.joules == pytest.approx(row.power_joules, rel=0.05)


def test_energy_of_a_short_case_is_not_resolvable(tmp_path: Path) -> None:
    """Two seconds of a counter that moves ten times a second say so instead of giving a number."""
    whole = recorded()
    energy = whole.series[0]
    split = (
        replace(energy, moments=energy.moments[:40], values=energy.values[:40], case=CASE, invocation=1),
        replace(energy, moments=energy.moments[40:], values=energy.values[40:]),
    )
    frame = energy_frame(run_of(tmp_path, replace(whole, series=(*split, whole.series[1]))))
    case = frame[frame["case"].notna()].iloc[0]
    assert pd.isna(case["joules"])
    assert case["reason"].startswith("not resolvable")


# --- throttled blocks, from the file to the verdict ---------------------------------------------------------


def measured(invocation: int, hot: Sequence[int] = (), blocks: int = 8) -> Measurement:
    """A measurement whose blocks last a tenth of a second each; the tip is slower by half in the ``hot``
    ones."""
    begin = START + 10 * invocation
    return Measurement(
        CASE,
        "A",
        invocation,
        trials=(
            Trial(BASELINE, samples={"seconds": tuple(1e-3 * (1 + 1e-4 * block) for block in range(blocks))}),
            Trial(
                "tip", samples={"seconds": tuple(1.5e-3 if block in hot else 1e-3 for block in range(blocks))}
            ),
        ),
        blocks=tuple((begin + block / 10, begin + (block + 1) / 10) for block in range(blocks)),
    )


def heated(count: int, hot: Sequence[int], mask: int = 0x40) -> Run:
    """A run of that many invocations in which the GPU was throttled during the ``hot`` blocks of each."""
    found = []
    for invocation in range(1, count + 1):
        begin = START + 10 * invocation
        for block in range(8):
            moments = [begin + block / 10 + 0.03, begin + block / 10 + 0.07]
            value = float(mask if block in hot else 0)
            found.append(SensorSeries(UUID, "throttle", tuple(moments), (value, value), CASE, invocation))
    telemetry = Telemetry(20.0, START, tuple(found), devices=(UUID,))
    measurements = annotate((measured(invocation, hot) for invocation in range(1, count + 1)), telemetry)
    return Run(
        Path(),
        {},
        (CLAIM,),
        {"gpus": [{}]},
        measurements,
        ended=RunEnd(EndReason.ALL_DECIDED),
        telemetry=telemetry,
    )


def test_throttled_blocks_are_left_out() -> None:
    """One hot block in eight, half as fast: without it there is no effect, and the verdict says what was left
    out."""
    run = heated(7, hot=[7])
    (verdict,) = judge(run)
    assert verdict.comparison is not None
    assert verdict.comparison.ratio == pytest.approx(1, abs=1e-3)
    assert verdict.comparison.mean_ratio == pytest.approx(1, abs=1e-3)
    assert verdict.comparison.throttled > 0.1
    assert any(
        "left out" in warning and "hardware thermal" in warning for warning in verdict.comparison.warnings
    )


def test_past_a_share_throttled_blocks_count_and_the_verdict_says_so() -> None:
    """Six hot blocks in eight are how this machine runs: they count, with a warning in the row's
    footnotes."""
    run = heated(7, hot=[0, 1, 2, 3, 4, 5])
    (verdict,) = judge(run)
    assert verdict.comparison is not None
    assert verdict.comparison.ratio > 1.3
    assert verdict.comparison.throttled >= 0.75
    assert any("too many to leave out" in warning for warning in verdict.comparison.warnings)
    report = content(run)
    row = report.sections[0].rows[0]
    assert any("too many to leave out" in report.footnotes[number - 1] for number in row.notes)
    assert any("throttled in" in note and "of all blocks" in note for note in report.footnotes)


def test_a_power_cap_is_noted_apart() -> None:
    """A board at its own power limit runs as it is meant to: its blocks count, and a footnote says so."""
    (verdict,) = judge(heated(7, hot=[6, 7], mask=0x4))
    assert verdict.comparison is not None
    assert verdict.comparison.throttled == 0
    assert verdict.comparison.mean_ratio is not None
    assert verdict.comparison.mean_ratio > 1.05
    assert any("power limit" in warning for warning in verdict.comparison.warnings)


def test_frames_tell_the_throttled_share() -> None:
    """Per measurement, and per verdict."""
    run = heated(7, hot=[7])
    frame = throttle_frame(run)
    assert frame["blocks"].tolist() == [8] * 7
    # a block lies between two readings: the neighbour's reading a few milliseconds later is the hot block's
    # own
    assert (frame["throttled"] >= 1 / 8).all()
    assert (frame["reasons"] == "hardware thermal").all()
    assert verdicts_frame(run)["throttled"][0] == pytest.approx(frame["throttled"].mean())


@pytest.mark.parametrize("change", ["no devices", "another device", "no moments", "no readings near"])
def test_without_readings_of_its_gpu_nothing_is_marked(change: str) -> None:
    """Blocks that no reading speaks of are left as they are: no guess."""
    run = heated(7, hot=[7])
    telemetry, bare = run.telemetry, tuple(measured(invocation, [7]) for invocation in range(1, 8))
    if change == "no devices":
        telemetry = replace(telemetry, devices=())
    elif change == "another device":
        telemetry = replace(telemetry, devices=("GPU-other",))
    elif change == "no readings near":
        telemetry = replace(
            telemetry,
            series=tuple(replace(s, moments=tuple(m - 3 for m in s.moments)) for s in telemetry.series),
        )
    else:
        bare = tuple(replace(each, blocks=()) for each in bare)
    (verdict,) = judge(replace(run, measurements=annotate(bare, telemetry)))
    assert verdict.comparison is not None
    assert (verdict.comparison.throttled, verdict.comparison.warnings) == (0, ())


# --- in words -----------------------------------------------------------------------------------------------


def remarks(folder: Path, *found: SensorSeries, **more: Any) -> str:
    """All remarks on a run whose watch saw that."""
    telemetry = Telemetry(20.0, START, found, devices=(UUID,), **more)
    return "\n".join(watch_remarks(run_of(folder, telemetry, gpus=[{}], machine={"usable_cores": 4})))


def test_a_quiet_machine_needs_no_remark(tmp_path: Path) -> None:
    """Nothing unusual, no footnote; the line about the machine is there all the same."""
    quiet = (
        series(HOST, "load", [0.3]),
        series(HOST, "load", [1.0], case=CASE, invocation=1),
        series(HOST, "other_cores", [0.1], case=CASE, invocation=1),
        series(UUID, "sm_clock_hertz", [1.98e9, 1.97e9], case=CASE, invocation=1),
        series(UUID, "temperature_celsius", [61.0], case=CASE, invocation=1),
        series(UUID, "pcie_generation", [5], case=CASE, invocation=1),
        series(UUID, "pcie_width", [16], case=CASE, invocation=1),
        series(UUID, "most_pcie_generation", [5]),
        series(UUID, "most_pcie_width", [16]),
        series(UUID, "uncorrected_errors", [0, 0]),
    )
    assert remarks(tmp_path, *quiet) == ""
    installed = (series(HOST, "load", [3.1]), series(HOST, "pressure_cpu", [0.02]))
    assert remarks(tmp_path, *installed) == ""  # the load of a minute ago
    line = watched_line(run_of(tmp_path, Telemetry(20.0, START, quiet, devices=(UUID,))))
    assert "1975 MHz (1970 to 1980)" in line
    assert "61 degrees Celsius at most" in line
    assert "load 1.0" in line


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((series(HOST, "load", [3.1]), series(HOST, "pressure_cpu", [0.4])), ["load 3.1 on 4 cores", "40 %"]),
        ((series(HOST, "load", [3.1]),), ["load 3.1 on 4 cores"]),
        ((series(HOST, "other_cores", [0.9], case=CASE, invocation=1),), ["others used 0.9 of 4 cores"]),
        ((series(HOST, "stolen_cores", [1.0], case=CASE, invocation=1),), ["took 1.0 of 4 cores"]),
        ((series(HOST, "pressure_io", [0.5], case=CASE, invocation=1),), ["input and output", "50 %"]),
        ((series(UUID, "uncorrected_errors", [3, 5]),), ["2 memory errors"]),
        ((series(UUID, "thermal_violation_seconds", [1, 1.25]),), ["250 ms"]),
        (
            (
                series(UUID, "pcie_generation", [1, 3], case=CASE, invocation=1),
                series(UUID, "pcie_width", [8, 8], case=CASE, invocation=1),
                series(UUID, "most_pcie_generation", [5]),
                series(UUID, "most_pcie_width", [16]),
            ),
            ["generation 3 with 8 lanes", "generation 5 with 16"],  # codespell:ignore lanes
        ),
    ],
)  # fmt: skip
def test_what_a_reader_must_know_is_a_footnote(
    tmp_path: Path, given: tuple[SensorSeries, ...], words: list[str]
) -> None:
    """A busy host, others' work, a slow link, broken memory and heat have a footnote each."""
    notes = remarks(tmp_path, *given)
    assert all(word in notes for word in words), notes


def test_load_without_known_cores_is_no_remark(tmp_path: Path) -> None:
    """A run in which no process answered does not know its cores: its load is not set against one core."""
    run = run_of(tmp_path, Telemetry(20.0, START, (series(HOST, "load", [30.0], START),)))
    assert watch_remarks(run) == ()
    assert (
        "load 30.0 on 2 cores" in watch_remarks(replace(run, environment={"machine": {"usable_cores": 2}}))[0]
    )


def test_other_processes_on_the_gpu_are_named(tmp_path: Path) -> None:
    """A run beside another process says so, with its name and memory; one on another GPU is left out."""
    others = (
        OtherProcess(SeenWhen.BEFORE, UUID, 99, "other\x1b[2J", 512 * 2**20),
        OtherProcess(SeenWhen.DURING, UUID, 99, "other\x1b[2J", 600 * 2**20),
        OtherProcess(SeenWhen.BEFORE, UUID, 0, "", 2**30),
        OtherProcess(SeenWhen.DURING, "GPU-elsewhere", 5, "elsewhere"),
    )
    notes = remarks(tmp_path, other_processes=others)
    assert "process 99 (other[2J) with 600 MiB before and during the run" in notes
    assert "memory of an unknown process with 1.00 GiB before" in notes
    assert "elsewhere" not in notes


def test_what_was_not_watched_is_noted_where_a_gpu_is(tmp_path: Path) -> None:
    """Missing NVML is news on a machine with a GPU, and none on one without."""
    absent = Telemetry(20.0, START, no_nvml="NVML does not start: NVMLError_LibraryNotFound")
    assert watch_remarks(run_of(tmp_path, absent)) == ()
    assert "NVML does not start" in watch_remarks(run_of(tmp_path, absent, gpus=[{"name": "x"}]))[0]
    refused = replace(absent, no_nvml="", warnings=("no power_watts of GPU-1: NVMLError_NotSupported",))
    assert "power_watts" in watch_remarks(run_of(tmp_path, refused))[0]


def test_every_watched_quantity_has_a_unit(tmp_path: Path) -> None:
    """Frames name quantities whose unit and meaning can be looked up."""
    frame = telemetry_frame(run_of(tmp_path, recorded()))
    assert all(metric(name).unit for name in frame["metric"].cat.categories)
