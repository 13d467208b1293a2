"""Watching a run: a thread of the supervising process reads GPUs and host while the measuring processes work.

That process idles meanwhile, so a reading costs the measured work nothing but the moments for which
it needs a core. Nothing here may end a run: what cannot be read or written is a warning, once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.model import HOST, Measurement, OtherProcess, SeenWhen, SensorReading, SensorSeries, Telemetry
from harness.monitor.gpu import Gpu
from harness.monitor.host import HostSensors, busy_seconds
from harness.monitor.other_processes import OtherProcesses
from harness.monitor.sampler import Sampler
from harness.monitor.source import SLOW, Sensor
from harness.monitor.usage import CpuUse
from harness.probes.nvml import NvmlError, gpu_names, nvml
from harness.probes.process_usage import ProcessUsage, process_usage
from harness.store import TELEMETRY_FILE, Run, StoreError, TelemetryWriter
from harness.store.clock_events import ThrottleEvents, annotate
from harness.store.telemetry import read_telemetry

WRITE = 2.0
"""Seconds between two writes: a power cut costs the readings since the last one, a killed run no
more than that."""


class Monitor:
    """What watches one run. Use as a context manager around everything that the run starts.

    ``hertz`` 0 watches nothing. ``note`` gets what the user should know at once, ``name`` is that of
    its file; the stand-ins are for tests: ``module`` for pynvml, ``machine`` for the host, ``now`` for
    the clock, ``busy`` and ``used`` for the CPU time of the machine and of this process tree.
    """

    def __init__(
        self,
        folder: Path,
        hertz: float,
        *,
        note: Callable[[str], object] = lambda _: None,
        name: str = TELEMETRY_FILE,
        module: object = None,
        now: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = busy_seconds,
        used: Callable[[], ProcessUsage] = lambda: process_usage(os.getpid()),
        make: Callable[..., Sampler] = Sampler,
    ) -> None:
        self._folder = folder
        self._hertz = hertz
        self._note = note
        self._name = name
        self._module = module
        self._now = now
        self._busy = busy
        self._used = used
        self._make = make
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._writer: TelemetryWriter | None = None
        self._sampler: Sampler | None = None
        self._machine: HostSensors | None = None
        self._gpus: dict[str, Gpu] = {}
        self._measured_on: tuple[str, ...] = ()
        self._warned: set[str] = set()
        self._case, self._invocation = "", 0
        self._batches: list[tuple[str, int, list[SensorReading]]] = []
        self._written = 0.0
        self._start = 0.0
        self._usage: CpuUse | None = None
        self._events: list[tuple[float, str, float]] = []
        self._seen: list[OtherProcess] = []
        self._others = OtherProcesses(self._other, self._warn)

    def __enter__(self) -> Monitor:
        if self._hertz <= 0:
            return self
        self._start = self._written = self._now()
        try:
            self._writer = TelemetryWriter(
                self._folder, hertz=self._hertz, start=round(self._start, 4), name=self._name
            )
        except StoreError as error:
            self._note(f"this run is not watched: {error}")
            return self
        self._machine = HostSensors(self._warn, now=self._now)
        self._stack.callback(self._machine.close)
        self._take(
            [
                SensorReading(round(self._start, 4), HOST, name, v)
                for name, v in self._machine.before().items()
            ]
        )
        self._open_gpus()
        for gpu in self._gpus.values():
            self._others.before(gpu)
        self._sampler = self._make(self._sources(), self._hertz, self._take, warn=self._warn, now=self._now)
        self._sampler.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._sampler is not None:
            self._sampler.stop()
            self._others.after(self._gpus.values())
        with self._lock:
            self._write()
            writer, self._writer = self._writer, None
        self._stack.close()
        if writer is not None:
            spent = self._sampler.cost_seconds if self._sampler else 0.0
            try:
                writer.end(spent / max(self._now() - self._start, 1e-9))
            except StoreError as error:
                self._note(str(error))

    @property
    def other_processes(self) -> tuple[OtherProcess, ...]:
        """Who else was seen so far on the GPUs that the run measures on."""
        return tuple(seen for seen in self._seen if seen.device in self._measured_on)

    def measures_on(self, *environments: Mapping[str, object]) -> None:
        """Leave the GPUs alone that nothing is measured on; ``environments`` are what the measuring
        processes reported.
        """
        devices = [environment.get("device") for environment in environments]
        found = [device.get("uuid") for device in devices if isinstance(device, dict)]
        self._measured_on = tuple(dict.fromkeys(str(uuid) for uuid in found if uuid))
        if self._sampler is None:
            return
        for uuid in self._measured_on:
            if uuid not in self._gpus:
                self._warn(f"NVML does not know {uuid}, which the run measures on")
        for seen in self.other_processes:
            if seen.when is SeenWhen.BEFORE:
                self._note(
                    f"{seen.device} is not this run's alone: {_described(seen)}; times beside it are off"
                )
        self._gpus = {name: gpu for name, gpu in self._gpus.items() if name in self._measured_on}
        self._keep(lambda writer: writer.devices(self._measured_on))
        self._sampler.replace(self._sources())

    def begins(self, case: str, invocation: int) -> None:
        """A case begins to be measured."""
        if self._sampler is None:
            return
        with self._lock:
            self._case, self._invocation = case, invocation
            self._batches.append((case, invocation, []))
        self._usage = CpuUse(now=self._now, busy=self._busy, used=self._used)

    def ends(self, case: str, invocation: int) -> None:
        """The case in hand is over, one way or another."""
        if (
            self._sampler is None
            or self._usage is None
            or (case, invocation) != (self._case, self._invocation)
        ):
            return
        # The last block lies between two readings as well.
        self._sampler.look(everything=True)
        spent, self._usage = self._usage.since(), None
        moment = round(self._now(), 4)
        self._take([SensorReading(moment, HOST, name, value) for name, value in spent.items()])
        with self._lock:
            self._case, self._invocation = "", 0
            self._batches.append(("", 0, []))

    @contextmanager
    def measuring(self, case: str, invocation: int) -> Iterator[None]:
        """A case is measured, from its beginning to its end."""
        self.begins(case, invocation)
        try:
            yield
        finally:
            self.ends(case, invocation)

    def marked(self, measurement: Measurement) -> Measurement:
        """The measurement with what held the GPU's clocks back in each of its blocks, as the report
        will see it.
        """
        if not (self._measured_on and measurement.blocks):
            return measurement
        start, end = measurement.blocks[0][0] - 2 * SLOW, measurement.blocks[-1][1] + 2 * SLOW
        with self._lock:
            near = [event for event in self._events if start <= event[0] <= end]
        series = [SensorSeries(device, "throttle", (moment,), (value,)) for moment, device, value in near]
        return ThrottleEvents(series, self._measured_on).annotate(measurement)

    def watched(self, environment: Mapping[str, object], measurements: Iterable[Measurement]) -> Run:
        """The run with what was seen of the machine, once the watch is over; why, where that cannot be
        read."""
        try:
            seen = read_telemetry(self._folder / self._name, [])
        except (OSError, StoreError) as error:
            seen = Telemetry(warnings=(f"the telemetry cannot be read: {error}",))
        return Run(self._folder, {}, (), environment, annotate(measurements, seen), telemetry=seen)

    def _open_gpus(self) -> None:
        try:
            session = self._stack.enter_context(nvml(self._module))
            names = gpu_names(session, self._warn)
        except NvmlError as error:
            reason = str(error)
            self._keep(lambda writer: writer.no_nvml(reason))
            return
        except Exception as error:
            self._warn(f"NVML does not list the GPUs: {type(error).__name__}")
            return
        for name in names:
            try:
                self._gpus[name] = Gpu(session, name, self._warn)
            except Exception as error:
                self._warn(f"{name} cannot be watched: {type(error).__name__}")

    def _sources(self) -> list[Sensor]:
        assert self._machine is not None
        of_gpus = [source for gpu in self._gpus.values() for source in self._of(gpu)]
        return [*of_gpus, *self._machine.sources()]

    def _of(self, gpu: Gpu) -> list[Sensor]:
        return [*gpu.sources(), Sensor(gpu.name, lambda: self._others.during(gpu), SLOW)]

    def _take(self, found: list[SensorReading]) -> None:
        with self._lock:
            self._events += [(r.moment, r.device, r.value) for r in found if r.quantity == "throttle"]
            if not self._batches:
                self._batches.append((self._case, self._invocation, []))
            self._batches[-1][2].extend(found)
            if self._now() - self._written >= WRITE:
                self._write()

    def _write(self) -> None:
        """Write what was read since the last time; the lock is held."""
        batches, self._batches = [batch for batch in self._batches if batch[2]], []
        self._written = self._now()
        if self._writer is not None and batches:
            self._kept(lambda writer: writer.readings(batches))

    def _other(self, seen: OtherProcess) -> None:
        self._keep(lambda writer: writer.other_process(seen))
        self._seen.append(seen)

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._keep(lambda writer: writer.warning(text))

    def _keep(self, write: Callable[[TelemetryWriter], None]) -> None:
        with self._lock:
            self._kept(write)

    def _kept(self, write: Callable[[TelemetryWriter], None]) -> None:
        """Write, unless that failed before; the lock is held."""
        if self._writer is None:
            return
        try:
            write(self._writer)
        except StoreError as error:
            self._writer = None
            self._note(f"telemetry ends here: {error}")


def _described(seen: OtherProcess) -> str:
    size = "" if seen.bytes is None else f", {seen.bytes / 2**20:.0f} MiB"
    return (
        f"process {seen.pid} ({seen.name or 'its name is hidden'}{size})"
        if seen.pid
        else f"memory in use{size}"
    )
