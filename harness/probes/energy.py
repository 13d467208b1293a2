"""What a GPU spends: joules of an iteration, and the share of the time it was busy, both as NVML counts them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from harness.probes.nvml import nvml

LEAST_SECONDS = 3.0
"""The energy counter moves in steps of tens of milliseconds: shorter stretches would be mostly rounding."""

ENERGY_SOURCE = "NVML's energy counter, the whole board"
SHARE_SOURCE = "NVML utilisation: any kernel ran in its last sampling period"


def joules(
    call: Callable[[], object],
    uuid: str,
    settle: Callable[[], object],
    *,
    module: Any = None,
    now: Callable[[], float] = time.perf_counter,
) -> tuple[float, str]:
    """Joules of one ``call`` on the GPU of that UUID, over at least three seconds of calls, and the source.

    ``settle`` waits for the device. Everything the board draws counts, idle power included. Raises NvmlError, and
    whatever NVML raises on boards without the counter.
    """
    with nvml(module) as session:
        handle = session.nvmlDeviceGetHandleByUUID(uuid)
        settle()
        before, start, calls = session.nvmlDeviceGetTotalEnergyConsumption(handle), now(), 0
        while now() - start < LEAST_SECONDS:
            call()
            settle()
            calls += 1
        return (session.nvmlDeviceGetTotalEnergyConsumption(handle) - before) / 1e3 / calls, ENERGY_SOURCE


def gpu_share(uuid: str, *, module: Any = None) -> tuple[float, str]:
    """The share of the time, from 0 to 1, in which the GPU of that UUID ran anything lately. Raises NvmlError."""
    with nvml(module) as session:
        rates = session.nvmlDeviceGetUtilizationRates(session.nvmlDeviceGetHandleByUUID(uuid))
        return rates.gpu / 100, SHARE_SOURCE
