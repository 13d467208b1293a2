"""What a GPU spends: joules of an iteration, and the share of the time it was busy, both as NVML
counts them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.model.counter import STEPS, tick
from harness.probes.nvml import NvmlError, cuda_uuid, nvml
from harness.probes.probe import Probe, ProbeReading, ProbeReadings

LEAST_SECONDS = 3.0
"""Power is averaged over a second by many boards: shorter stretches would count what came before them."""

WATCHED_SECONDS = 3.0
"""How long the counter is watched for its steps; one that has not moved often enough by then
resolves nothing."""

SETTLE_SECONDS = 0.01
"""Seconds of calls, about, after which the device is waited for."""

ENERGY_SOURCE = "NVML's energy counter, the whole board"
SHARE_SOURCE = "NVML utilisation: any kernel ran in its last sampling period"


def joules(
    call: Callable[[], object],
    uuid: str,
    settle: Callable[[], object],
    *,
    module: object = None,
    now: Callable[[], float] = time.perf_counter,
) -> tuple[float, str]:
    """Joules of one ``call`` on the GPU of that UUID, over at least three seconds of calls, and the source.

    ``settle`` waits for the device. Everything the board draws counts, idle power included. The
    counter moves in steps, of 20 to 100 ms on most boards: they are timed first, and the calls go
    on for fifty of them at least. Raises NvmlError where the counter stands still, and whatever
    NVML raises on boards without it.
    """
    with nvml(module) as session:
        handle = session.nvmlDeviceGetHandleByUUID(uuid)

        def read() -> float:
            return float(session.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3

        settle()
        step, before, start = counter_steps(read, now)
        least, calls = max(LEAST_SECONDS, STEPS * step), 0
        ahead = 1
        while (begin := now()) - start < least:
            for _ in range(ahead):
                call()
            # A loop does not wait for the device after every call: a short one would be charged for
            # the waiting.
            settle()
            calls += ahead
            if now() - begin < SETTLE_SECONDS / 2:
                ahead *= 2
        source = f"{ENERGY_SOURCE}, over {now() - start:.1f} s, its steps {1e3 * step:.3g} ms"
        return (read() - before) / calls, source


def counter_steps(read: Callable[[], float], now: Callable[[], float]) -> tuple[float, float, float]:
    """The length of the counter's steps, and its value and the moment when it had just moved.
    Raises NvmlError.
    """
    moments, values = [now()], [read()]
    while (step := tick(moments, values)) is None:
        moment, value = now(), read()
        if moment - moments[0] > WATCHED_SECONDS:
            raise NvmlError(
                f"energy is not resolvable: the counter moved {len(values) - 1} times in {WATCHED_SECONDS:g} s"
            )
        if value != values[-1]:
            moments.append(moment)
            values.append(value)
    return step, values[-1], moments[-1]


def gpu_share(uuid: str, *, module: object = None) -> tuple[float, str]:
    """The share of the time, from 0 to 1, in which the GPU of that UUID ran anything lately. Raises
    NvmlError.
    """
    with nvml(module) as session:
        rates = session.nvmlDeviceGetUtilizationRates(session.nvmlDeviceGetHandleByUUID(uuid))
        return rates.gpu / 100, SHARE_SOURCE


class GpuShareProbe(Probe):
    """How busy the GPU was lately; nothing without one."""

    name = "GPU utilisation"
    metrics = ("gpu_share",)

    def read(self) -> ProbeReadings:
        """NVML's last sampling period."""
        if self.subject.device.type != "cuda":
            return {}
        share, source = gpu_share(cuda_uuid(self.subject.device))
        return {"gpu_share": ProbeReading(share, source)}
