"""Sampling: in step with the clock, no oftener than its cost allows, and what is read of host and process
tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harness.measure.clock import FakeClock
from harness.model import HOST, QUANTITIES, SensorReading, metric
from harness.monitor.host import HostSensors, busy_seconds, recent_share, stalled_seconds
from harness.monitor.sampler import MOST, RECKON, Sampler
from harness.monitor.source import OFTEN, SHARE, SLOW, Sensor, fair_share
from harness.probes.process_usage import ProcessUsage, descendants, process_usage
from tests.support.living import PATIENCE, alive, since


class Stage:
    """A sampler on a clock by script; reading a source costs its stated seconds, of CPU time and of the
    clock's."""

    def __init__(
        self, hertz: float = 20.0, looks: int = 40, waking: float = 0.0, **sources: tuple[float, float]
    ) -> None:
        self.clock = FakeClock()
        self.spent = 0.0
        self.looks = looks
        self.waking = waking
        self.slept: list[float] = []
        self.taken: list[list[SensorReading]] = []
        made = [Sensor(name, self.reading(cost), period) for name, (period, cost) in sources.items()]
        self.sampler = Sampler(
            made, hertz, self.taken.append, now=self.clock.now, spent=lambda: self.spent, wait=self.wait
        )

    def reading(self, cost: float) -> Callable[[], dict[str, float]]:
        """A source's reading."""

        def read() -> dict[str, float]:
            self.spent += cost
            self.clock.advance(cost)
            return {"load": 1.0}

        return read

    def wait(self, seconds: float) -> bool:
        """Sleep by moving the clock; the end comes after so many looks."""
        self.slept.append(seconds)
        self.clock.advance(seconds)
        self.spent += self.waking
        self.looks -= 1
        return self.looks < 0

    def moments(self, device: str) -> list[float]:
        """When a source was read."""
        return [reading.moment for sample in self.taken for reading in sample if reading.device == device]


def test_samples_keep_step_with_the_clock() -> None:
    """What a sample costs comes out of the wait for the next one: 40 samples at 20 a second end after 2
    seconds."""
    stage = Stage(quick=(0.0, 1e-5))
    stage.sampler.run()
    moments = stage.moments("quick")
    assert len(moments) == 40
    assert moments[-1] == pytest.approx(2.0, abs=1e-3)


def test_slow_sources_are_read_when_they_are_due() -> None:
    """In two seconds at 20 a second a source of one second is read twice, or thrice with the first."""
    stage = Stage(quick=(0.0, 1e-5), slow=(SLOW, 1e-5))
    stage.sampler.run()
    assert len(stage.moments("quick")) == 40
    assert stage.moments("slow") == pytest.approx([0.05, 1.05], abs=0.051)


def test_expensive_sources_are_read_less_often() -> None:
    """A driver that takes 2 ms an answer is asked so seldom that the watch stays within its share of a
    core."""
    stage = Stage(looks=2000, cheap=(0.0, 1e-5), expensive=(0.0, 2e-3))
    stage.sampler.run()
    assert len(stage.moments("cheap")) == 2000
    assert 10 < len(stage.moments("expensive")) < 200
    assert stage.sampler.cost_seconds / stage.clock.now() < 1.2 * SHARE


def test_no_core_is_woken_for_nothing() -> None:
    """Where nothing is due at the full rate, it sleeps until something is, on the same grid of moments."""
    stage = Stage(looks=50, often=(OFTEN, 1e-5), slow=(SLOW, 1e-5))
    stage.sampler.run()
    assert stage.moments("often") == pytest.approx([0.05 + 0.2 * look for look in range(50)], abs=1e-3)
    assert stage.moments("slow") == pytest.approx([0.05 + second for second in range(10)], abs=1e-3)
    assert all(taken for taken in stage.taken)


@pytest.mark.parametrize(
    ("hertz", "waking", "rate"), [(20, 1e-4, 20), (20, 1e-3, 4.4), (100, 1e-3, 22), (2, 1e-3, 2)]
)
def test_where_waking_up_is_expensive_there_are_fewer_samples(
    hertz: float, waking: float, rate: float
) -> None:
    """What a look costs besides its readings counts: the share of a core is kept; higher rates get a larger
    one."""
    stage = Stage(hertz, looks=2000, waking=waking, quick=(0.0, 1e-5))
    stage.sampler.run()
    moments = stage.moments("quick")
    assert 1000 / (moments[-1] - moments[-1001]) == pytest.approx(rate, rel=0.05)
    assert stage.sampler.cost_seconds / stage.clock.now() < 1.05 * MOST * max(1, hertz / 20)


def test_a_late_sample_is_not_made_up_for() -> None:
    """After a pause of the whole machine the next sample comes a period later, not many at once."""
    stage = Stage(quick=(0.0, 0.0), looks=3)
    read = stage.sampler._sources[0].read

    def slow() -> Mapping[str, float]:
        if not stage.taken:
            stage.clock.advance(10.0)
        return read()

    stage.sampler._sources[0].read = slow
    stage.sampler.run()
    first, *later = stage.moments("quick")
    assert later == pytest.approx([first + 10.0, first + 10.05], abs=0.06)


def test_everything_can_be_read_at_once() -> None:
    """At the end of a case all sources are read, due or not."""
    stage = Stage(quick=(0.0, 0.0), slow=(60.0, 0.0))
    stage.sampler.look()
    stage.sampler.look()
    assert len(stage.moments("slow")) == 1
    stage.sampler.look(everything=True)
    assert len(stage.moments("slow")) == 2


def test_a_source_that_raises_is_read_no_more() -> None:
    """What ought not to happen costs that source alone, with a warning; the thread goes on."""
    warnings: list[str] = []
    clock = FakeClock()
    taken: list[list[SensorReading]] = []

    def broken() -> dict[str, float]:
        raise RuntimeError("boom")

    sources = [Sensor("bad", broken), Sensor("good", lambda: {"load": 1.0})]
    sampler = Sampler(sources, 20.0, taken.append, warn=warnings.append, now=clock.now, spent=lambda: 0.0)
    for _ in range(3):
        sampler.look()
    assert [len(sample) for sample in taken] == [1, 1, 1]
    assert len(warnings) == 1
    assert "boom" in warnings[0]


def test_the_thread_ends_when_it_is_stopped() -> None:
    """A real thread takes samples until the stop, and no thread is left; a second stop does nothing, a start
    does."""
    sampled = threading.Event()
    before = alive()
    sampler = Sampler([Sensor(HOST, lambda: {"load": 1.0})], 1000.0, lambda _: sampled.set())
    sampler.start()
    assert sampled.wait(PATIENCE)
    sampler.stop()
    sampler.stop()
    assert since(before) == []
    sampled.clear()
    sampler.start()
    assert sampled.wait(PATIENCE)
    sampler.stop()
    assert since(before) == []
    assert sampler.samples >= 1


@pytest.mark.timeout(60)
def test_a_thread_that_looks_seldom_ends_at_once() -> None:
    """A sampler with a period of a hundred seconds does not delay its end by as much."""
    before = alive()
    sampler = Sampler([], 0.01, lambda _: None)
    sampler.start()
    sampler.stop()
    assert since(before) == []


@pytest.mark.parametrize(
    ("shares", "most"),
    [
        ([0.001, 0.001], float("inf")),
        ([0.001, 0.009], 0.002),
        ([0.009, 0.009, 0.009], 0.001),
        ([0.0005, 0.0005, 0.5], 0.002),
        ([], float("inf")),
    ],
)
def test_a_fair_share_takes_from_the_expensive(shares: list[float], most: float) -> None:
    """A source that needs less than an equal part keeps it; the others share the rest, so that the total is
    kept."""
    assert fair_share(shares, 0.003) == pytest.approx(most)
    assert sum(min(share, most) for share in shares) <= 0.003 + 1e-12


def test_shares_are_reckoned_before_long() -> None:
    """The first reckoning comes with the first sample, the next within a second at the usual rate."""
    assert RECKON / 20 <= 1


# --- the host -----------------------------------------------------------------------------------------------

PRESSURE = (
    "some avg10=12.50 avg60=1.11 avg300=2.04 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)


@pytest.fixture
def proc(tmp_path: Path) -> Iterator[Path]:
    """A folder like /proc as far as pressure goes."""
    (tmp_path / "pressure").mkdir()
    for kind in ("cpu", "memory", "io"):
        (tmp_path / "pressure" / kind).write_text(PRESSURE.format(1_000_000))
    yield tmp_path


def readings(machine: HostSensors) -> dict[str, float]:
    """One reading of everything."""
    return {name: value for source in machine.sources() for name, value in source.read().items()}


def test_pressure_is_the_share_of_the_time_since_the_last_reading(proc: Path) -> None:
    """Half a second of waiting in one second is a pressure of one half; the first reading has nothing before
    it."""
    clock = FakeClock()
    warnings: list[str] = []
    machine = HostSensors(warnings.append, proc=proc, now=clock.now)
    assert machine.before()["pressure_cpu"] == 0.125
    assert "pressure_cpu" not in readings(machine)
    clock.advance(1.0)
    (proc / "pressure" / "cpu").write_text(PRESSURE.format(1_500_000))
    assert readings(machine)["pressure_cpu"] == pytest.approx(0.5)
    machine.close()
    assert warnings == []


def test_a_kernel_without_pressure_is_a_warning(tmp_path: Path, proc: Path) -> None:
    """Missing or empty files cost the pressure alone; each is warned of once."""
    warnings: list[str] = []
    machine = HostSensors(warnings.append, proc=tmp_path / "none")
    assert {"load", "available_bytes"} <= set(readings(machine))
    machine.close()
    assert len(warnings) == 3
    (proc / "pressure" / "io").write_text("")
    machine = HostSensors(warnings.append, proc=proc)
    readings(machine)
    readings(machine)
    machine.close()
    assert len(warnings) == 4
    assert "io" in warnings[-1]


def test_this_machine_tells_what_it_is_doing() -> None:
    """On a real machine every reading has a known name and a plausible size."""
    machine = HostSensors(lambda _: None)
    readings(machine)
    found = readings(machine)
    machine.close()
    assert all(metric(name).unit for name in found)
    assert found["load"] >= 0
    assert found["available_bytes"] > 0
    assert 0 <= found.get("pressure_cpu", 0.0) <= 1
    assert busy_seconds() > 0
    assert "load" in QUANTITIES


@pytest.mark.parametrize(
    "text", [b"", b"full avg10=0", b"some avg10=x total=", b"some avg10=0.00 total=many"]
)
def test_what_is_no_pressure_file_is_refused(text: bytes) -> None:
    """Anything but a pressure file raises ValueError."""
    with pytest.raises(ValueError, match=r"."):
        stalled_seconds(text)
    if b"avg10=0.00" not in text:
        with pytest.raises(ValueError, match=r"."):
            recent_share(text)


# --- accounts of process trees ------------------------------------------------------------------------------


def test_a_tree_s_account_holds_its_children() -> None:
    """A grandchild's CPU time, faults and switches are in the account of the tree that it belongs to."""
    grandchild = (
        "import sys; sum(i * i for i in range(2_000_000)); held = [bytearray(4096) for _ in range(2000)];"
        " print('ready', flush=True); sys.stdin.read()"
    )
    child = (
        "import subprocess, sys\n"
        f"held = subprocess.Popen([sys.executable, '-S', '-c', {grandchild!r}], stdin=subprocess.PIPE)\n"
        "sys.stdin.read()\n"
    )
    before = process_usage(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-S", "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        members = descendants(os.getpid())
        assert members[0] == os.getpid()
        assert process.pid in members
        assert len(set(members)) == len(members) >= 3
        own, whole = process_usage(process.pid), process_usage(os.getpid()).since(before)
        process.communicate()
    assert own.cpu_seconds >= 0.02
    assert own.minor_faults > 1000
    assert own.voluntary_switches > 0
    assert whole["cpu_seconds"] >= 0.02
    assert set(whole) == set(ProcessUsage.__slots__)
    assert all(metric(name).unit for name in whole)


def test_who_is_gone_has_used_nothing(tmp_path: Path) -> None:
    """A process that is not there has an empty account, and an account never shrinks."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        pass
    assert process_usage(process.pid) == ProcessUsage()
    assert ProcessUsage(1.0, 5).since(ProcessUsage(2.0, 1)) == {
        "cpu_seconds": 0.0,
        "voluntary_switches": 4,
        "involuntary_switches": 0.0,
        "minor_faults": 0.0,
        "major_faults": 0.0,
    }


def test_a_name_with_blanks_and_brackets_is_no_number(tmp_path: Path) -> None:
    """The fields after a process's name are found whatever the name."""
    folder = tmp_path / "77"
    (folder / "task" / "77").mkdir(parents=True)
    (folder / "task" / "77" / "children").write_text("")
    (folder / "task" / "77" / "status").write_text(
        "voluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t4\n"
    )
    fields = "S 1 77 77 0 -1 4194560 11 12 13 14 200 100 50 50 20 0 1 0"
    (folder / "stat").write_text(f"77 (a b) c) 9) {fields}\n")
    tick = os.sysconf("SC_CLK_TCK")
    assert process_usage(77, proc=tmp_path) == ProcessUsage(400 / tick, 3, 4, 23, 27)
