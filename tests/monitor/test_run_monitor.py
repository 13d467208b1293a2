"""The watch of a run: what it reads and writes, other processes on the GPU, and that nothing it meets ends a
run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pynvml
import pytest

from harness.model import HOST, Measurement, OtherProcess, Trial
from harness.monitor.gpu import Gpu
from harness.monitor.other_processes import DRIVERS, UNLISTED, OtherProcesses
from harness.monitor.run import WRITE
from harness.monitor.usage import LONG_ENOUGH
from harness.report.machine_notes import watch_remarks
from harness.store import TELEMETRY_FILE
from tests.support.replayed import CODES, UUID, Replayed
from tests.support.staged import CASE, ON_GPU, Stage


def measurement(start: float, end: float, blocks: int = 4) -> Measurement:
    """A measurement whose blocks fill that time."""
    step = (end - start) / blocks
    stretches = tuple((start + index * step, start + (index + 1) * step) for index in range(blocks))
    return Measurement(CASE, "A", 1, trials=(Trial("baseline"),), blocks=stretches)


# --- reading and writing ------------------------------------------------------------------------------------


def test_a_watch_sees_gpu_and_host_by_case(tmp_path: Path) -> None:
    """Readings carry the case and invocation they were taken in; between cases they carry none."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(2)
        watch.begins(CASE, 3)
        stage.cpu += 1.5
        stage.passes(4)
        watch.ends(CASE, 3)
        stage.passes(1)
    seen = stage.seen()
    assert seen.devices == (UUID,)
    assert (seen.hertz, seen.start) == (20.0, 500.0)
    assert {(each.case, each.invocation) for each in seen.series} == {("", 0), (CASE, 3)}
    assert len(stage.values("power_watts", CASE)) >= 80
    assert min(stage.values("power_watts", CASE)) > 500 > max(stage.values("power_watts", "")[:20])
    assert 3 <= len(stage.values("temperature_celsius", CASE)) <= 7
    assert stage.values("cpu_seconds", CASE) == [1.5]
    assert stage.values("voluntary_switches", CASE) == [0]
    # three cores were busy, and 1.5 seconds of four seconds' work were ours
    assert stage.values("other_cores", CASE) == [pytest.approx(3 - 1.5 / 4, abs=0.05)]
    assert stage.module.open == 0
    assert stage.notes == []


def test_writes_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of twenty samples a second are about five writes, and none waits for the disk."""
    calls: list[str] = []
    write = os.write
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))

    def counted(descriptor: int, data: bytes) -> int:
        calls.append("write")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", counted)
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        calls.clear()
        stage.passes(10)
        assert 10 / WRITE - 1 <= len(calls) <= 10 / WRITE + 1
        assert "fsync" not in calls


def test_what_was_read_is_on_the_disk_before_the_end(tmp_path: Path) -> None:
    """A run that is killed loses the last seconds of its telemetry, not all of it."""
    stage = Stage(tmp_path)
    stage.watch.__enter__()
    stage.passes(3 * WRITE)
    assert len(stage.values("power_watts")) > 10 * WRITE
    assert stage.seen().cost is None
    stage.watch.__exit__(None, None, None)
    assert stage.seen().cost is not None


def test_zero_hertz_watches_nothing(tmp_path: Path) -> None:
    """Switched off: no file, no NVML, no thread; the calls of the run do nothing."""
    stage = Stage(tmp_path, hertz=0.0)
    given = measurement(1.0, 2.0)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        watch.begins(CASE, 1)
        watch.ends(CASE, 1)
        assert watch.marked(given) == given
    assert list(tmp_path.iterdir()) == []
    assert stage.samplers == []
    assert sum(stage.module.calls.values()) == 0


def test_gpus_that_nothing_is_measured_on_are_left_alone(tmp_path: Path) -> None:
    """A run on the CPU asks the GPUs nothing any more once that is known."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        stage.passes(1)
        watch.measures_on({"gpus": [{"uuid": UUID}], "device": {"type": "cpu"}})
        before = sum(stage.module.calls.values())
        stage.passes(3)
        assert sum(stage.module.calls.values()) == before
    assert stage.seen().devices == ()
    assert stage.values("load") != []


def test_what_is_measured_begins_and_ends(tmp_path: Path) -> None:
    """As a context: whatever is raised inside, the case is over and the last block lies between two
    readings."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        with pytest.raises(RuntimeError, match="boom"), watch.measuring(CASE, 2):
            stage.clock.advance(0.01)
            raise RuntimeError("boom")
        stage.passes(1)
    assert len(stage.values("power_watts", CASE)) == 1
    assert len(stage.values("power_watts", "")) == 20


def test_remarks_of_what_was_seen(tmp_path: Path) -> None:
    """At its end the watch states what a reader must know; one that saw nothing states nothing."""
    stage = Stage(tmp_path, Replayed(events=[0x40], pcie_now=[[5, 16]]))
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        begin = stage.clock.now()
        stage.passes(2)
    given = measurement(begin, stage.clock.now())
    assert (
        watch_remarks(watch.watched(ON_GPU, [given]))[0]
        == "the GPU was throttled in 100 % of all blocks (hardware thermal)"
    )
    (tmp_path / TELEMETRY_FILE).write_text("{}\n")
    assert "cannot be read" in watch_remarks(watch.watched(ON_GPU, [given]))[0]
    (tmp_path / TELEMETRY_FILE).unlink()
    assert watch_remarks(watch.watched(ON_GPU, [given])) == ()


def test_several_gpus_may_be_measured_on(tmp_path: Path) -> None:
    """What all processes report: each GPU once, what has none adds none, an unknown one is named."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU, {"device": {"type": "cpu"}}, {}, ON_GPU, {"device": {"uuid": "GPU-other"}})
        stage.passes(1)
    assert stage.seen().devices == (UUID, "GPU-other")
    assert len(stage.values("power_watts")) == 20
    assert [warning for warning in stage.seen().warnings if "GPU-other" in warning] != []


def test_short_cases_do_not_say_what_others_used(tmp_path: Path) -> None:
    """Clock ticks of 10 ms are too coarse for a case of a tenth of a second."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.begins(CASE, 1)
        stage.passes(LONG_ENOUGH / 2)
        watch.ends(CASE, 1)
        watch.ends(CASE, 1)
    assert stage.values("other_cores") == []
    assert len(stage.values("cpu_seconds")) == 1


def test_blocks_are_marked_as_the_report_will_mark_them(tmp_path: Path) -> None:
    """What the schedule judges while the run goes on is what is judged later from the files."""
    from harness.store.clock_events import annotate

    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(7)
        watch.begins(CASE, 1)
        begin = stage.clock.now()
        stage.passes(3)
        given = measurement(begin, stage.clock.now(), blocks=6)
        watch.ends(CASE, 1)
        live = watch.marked(given)
        stage.passes(1)
    assert [mask & 0x48 for mask in live.clock_events] == [0, 0x48, 0x48, 0x48, 0, 0]
    assert annotate([given], stage.seen()) == (live,)


def test_the_last_block_lies_between_two_readings(tmp_path: Path) -> None:
    """Heat that came after the last look of the thread is seen at the end of the case, before its blocks are
    judged."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(7.95)
        watch.begins(CASE, 1)
        begin = stage.clock.now()
        stage.clock.advance(0.03)
        stage.module.tick(5)
        watch.ends(CASE, 1)
        (mask,) = watch.marked(measurement(begin, stage.clock.now(), blocks=1)).clock_events
    assert mask & 0x48 == 0x48


# --- nothing ends a run -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetHandleByUUID"]
)
def test_nvml_may_fail_at_any_step(tmp_path: Path, call: str, code: int) -> None:
    """Whatever NVML raises when it is opened, the host is watched and one warning says why the GPU is not."""
    stage = Stage(tmp_path, Replayed({call: code}))
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(1)
    seen = stage.seen()
    assert stage.values("load") != []
    assert {each.device for each in seen.series} == {HOST}
    assert len(set(seen.warnings)) == len(seen.warnings) > 0


def test_without_bindings_the_host_is_watched(tmp_path: Path) -> None:
    """A module that has nothing of NVML is like no driver at all."""
    stage = Stage(tmp_path)
    stage.watch._module = object()
    with stage.watch:
        stage.passes(1)
    assert stage.values("load") != []
    assert "NVML does not start" in stage.seen().no_nvml


def test_a_gpu_lost_in_the_middle_ends_its_readings_alone(tmp_path: Path) -> None:
    """The board falls off its bus: what was read stays, the host goes on, one warning reports it."""
    stage = Stage(tmp_path)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(2)
        stage.module.errors["nvmlDeviceGetClockInfo"] = pynvml.NVML_ERROR_GPU_IS_LOST
        stage.passes(3)
    assert 38 <= len(stage.values("sm_clock_hertz")) <= 42
    assert max(m for each in stage.seen().series if each.device == HOST for m in each.moments) > 504
    assert [warning for warning in stage.seen().warnings if "lost" in warning] != []
    assert len(stage.seen().warnings) == 1


def test_a_full_disk_ends_the_telemetry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, the screen shows it once, and what was written is whole."""
    stage = Stage(tmp_path)
    write = os.write
    with stage.watch:
        stage.passes(3)
        monkeypatch.setattr(os, "write", lambda d, data: write(d, data[: len(data) // 2]))
        stage.passes(6)
        monkeypatch.setattr(os, "write", write)
    assert len(stage.notes) == 1
    assert "telemetry ends here" in stage.notes[0]
    assert stage.values("load") != []


def test_a_folder_that_may_not_be_written_is_a_note(tmp_path: Path) -> None:
    """Where the file cannot be made the run goes on unwatched."""
    (tmp_path / "file").write_text("")
    stage = Stage(tmp_path / "file" / "below")
    with stage.watch as watch:
        watch.begins(CASE, 1)
        watch.ends(CASE, 1)
    assert len(stage.notes) == 1
    assert "not watched" in stage.notes[0]


# --- other processes ----------------------------------------------------------------------------------------


class Street:
    """The processes on the GPU, those that are ours, and those that were reported as others."""

    def __init__(self, *, match: bool = True, **readings: Any) -> None:
        self.module = Replayed(**readings)
        self.ours: set[int] = {1}
        self.dead: set[int] = set()
        self.reported: list[OtherProcess] = []
        self.warnings: list[str] = []
        self.gpu = Gpu(self.module, UUID, self.warnings.append)
        self.others = OtherProcesses(
            self.reported.append,
            self.warnings.append,
            ours=lambda: self.ours,
            numbers_match=lambda: match,
            alive=lambda pid: pid not in self.dead,
            name=lambda pid: f"name {pid}",
        )

    def on_gpu(self, *processes: tuple[int, int | None]) -> None:
        """The processes on it from now on."""
        self.module.readings["processes"] = [[list(process) for process in processes]]


def test_others_are_reported_before_during_and_after() -> None:
    """Those that are there before, those that come and are not ours, those that are left: each once for each
    time."""
    street = Street()
    street.on_gpu((50, 1024))
    street.others.before(street.gpu)
    street.ours |= {2, 3}
    street.on_gpu((50, 1024), (2, 100), (3, None), (60, None))
    assert street.others.during(street.gpu) == {"process_bytes": 100.0}
    street.others.during(street.gpu)
    street.ours -= {2, 3}
    street.on_gpu((60, None), (2, 100))
    street.others.after([street.gpu])
    assert [(seen.when, seen.pid, seen.bytes) for seen in street.reported] == [
        ("before", 50, 1024),
        ("during", 50, 1024),
        ("during", 60, None),
        ("after", 60, None),
    ]
    assert street.reported[0].name == "name 50"


def test_a_process_of_ours_that_has_just_ended_is_not_another() -> None:
    """The driver lists a dead process for a moment."""
    street = Street()
    street.dead = {2}
    street.on_gpu((2, 100))
    street.others.during(street.gpu)
    street.others.after([street.gpu])
    assert street.reported == []


def test_in_a_container_numbers_are_not_compared() -> None:
    """Where NVML's process numbers are another namespace's, only one that was there before counts as
    another."""
    street = Street(match=False)
    street.on_gpu((50, None))
    street.others.before(street.gpu)
    street.on_gpu((50, None), (777, None))
    street.others.during(street.gpu)
    assert [(seen.when, seen.pid, seen.name) for seen in street.reported] == [
        ("before", 50, ""),
        ("during", 50, ""),
    ]
    assert len(street.warnings) == 1
    assert "container" in street.warnings[0]


@pytest.mark.parametrize(
    ("used", "older", "found"),
    [
        (UNLISTED, False, False),
        (UNLISTED + 1, False, True),
        (DRIVERS // 4, True, False),
        (2 * DRIVERS, True, True),
    ],
)
def test_memory_without_a_process_is_another_process(used: int, older: bool, found: bool) -> None:
    """More in use than an idle driver needs, and no process listed: there is one all the same."""
    street = Street(memory={"total": 10**11, "reserved": 500 * 2**20, "used": [used]})
    if older:
        street.gpu._memory_version = None
    street.others.before(street.gpu)
    assert [(seen.pid, seen.when) for seen in street.reported] == ([(0, "before")] if found else [])


def test_another_process_on_the_measured_gpu_is_reported_at_once(tmp_path: Path) -> None:
    """The screen shows it before anything is measured, and the record keeps it."""
    stage = Stage(tmp_path, Replayed(processes=[[[os.getppid(), 4096]]]))
    with stage.watch as watch:
        assert stage.notes == []
        watch.measures_on(ON_GPU)
        assert len(stage.notes) == 1
    assert "is not this run's alone" in stage.notes[0]
    assert {seen.when for seen in stage.seen().other_processes} >= {"before"}


def test_this_process_and_its_children_are_ours(tmp_path: Path) -> None:
    """Real process numbers: what belongs to this tree is never reported."""
    reported: list[OtherProcess] = []
    others = OtherProcesses(reported.append, lambda _: None, numbers_match=lambda: True)
    gpu = Gpu(Replayed(processes=[[[os.getpid(), 4096]]]), UUID, lambda _: None)
    assert others.during(gpu) == {"process_bytes": 4096.0}
    others.after([gpu])
    assert reported == []
