"""One GPU as NVML sees it: what to read, how often, and what to do where a reading cannot be had.

Everything may be missing: an old driver knows fewer calls than the bindings, a laptop has no energy
counter, a container hides processes, a board falls off its bus. Each of these is a warning, once;
the readings that remain go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from harness.monitor.source import SELDOM, SLOW, Sensor
from harness.probes.nvml import Nvml, text

T = TypeVar("T")
Values = Mapping[str, float]

GONE = frozenset(
    {"NVMLError_GpuIsLost", "NVMLError_GpuNotFound", "NVMLError_ResetRequired", "NVMLError_Uninitialized"}
)
"""After these there is nothing more to be had of this GPU."""

NEVER = frozenset(
    {
        "AttributeError",  # the bindings do not know the call
        "NVMLError_ArgumentVersionMismatch",
        "NVMLError_Deprecated",
        "NVMLError_FunctionNotFound",
        "NVMLError_InvalidArgument",
        "NVMLError_NoData",
        "NVMLError_NoPermission",
        "NVMLError_NotSupported",
        "NVMLLibraryMismatchError",
    }
)
"""After these the same call will not succeed later."""

MAX_FAILURES = 10
"""Failures in a row, of any other kind, after which a call is made no more."""

POLICIES = {"power": "POWER", "thermal": "THERMAL", "board": "BOARD_LIMIT", "reliability": "RELIABILITY"}
"""What may hold the clocks back, as our quantities and as NVML's constants spell it."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """A process on a GPU; ``bytes`` is None where NVML does not report it (containers, MIG)."""

    pid: int
    bytes: int | None = None


class Gpu:
    """A GPU that is being read. ``name`` is its UUID or its PCI id; it is never found by an index.

    ``warn`` is called for each thing that cannot be read, once. Raises whatever NVML raises where
    there is no such GPU.
    """

    def __init__(self, session: Nvml, name: str, warn: Callable[[str], None]) -> None:
        self._nvml = session
        by_uuid = name.startswith(("GPU-", "MIG-"))
        find = session.nvmlDeviceGetHandleByUUID if by_uuid else session.nvmlDeviceGetHandleByPciBusId
        self._handle = find(name)
        self.name = name if by_uuid else text(session.nvmlDeviceGetUUID(self._handle))
        self._board = self._handle
        if self.name.startswith("MIG-"):
            # A slice has memory and processes of its own; clocks, power and temperature are the board's.
            self._board = session.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self._handle)
        self._warn = warn
        self._failures: dict[str, int] = {}
        self._dropped: set[str] = set()
        self._memory_version: int | None = getattr(session, "nvmlMemory_v2", None)
        self.gone = False

    def sources(self) -> list[Sensor]:
        """What there is to read. At the full rate only what changes within a block or shows why a
        block was slow.
        """
        quick = (self.clocks, self.power, self.energy, self.memory)
        slow = (self.utilisation, self.temperature, self.memory_clock, self.link)
        seldom = (self.violations, self.errors, self.best_link)
        return [
            Sensor(self.name, read, period)
            for period, reads in ((0.0, quick), (SLOW, slow), (SELDOM, seldom))
            for read in reads
        ]

    def clocks(self) -> Values:
        """The clock of the multiprocessors, and why it is not higher."""
        found = self._ask(
            "sm_clock_hertz", lambda n: 1e6 * n.nvmlDeviceGetClockInfo(self._board, n.NVML_CLOCK_SM)
        )
        return {**found, **self._ask("throttle", self._events)}

    def power(self) -> Values:
        """Watts of the whole board."""
        return self._ask("power_watts", lambda n: n.nvmlDeviceGetPowerUsage(self._board) / 1e3)

    def energy(self) -> Values:
        """The energy counter, in joules."""
        return self._ask("energy_joules", lambda n: n.nvmlDeviceGetTotalEnergyConsumption(self._board) / 1e3)

    def memory(self) -> Values:
        """Bytes in use, and those that the driver keeps for itself."""
        return self._ask_many("used_bytes", self._memory)

    def utilisation(self) -> Values:
        """Shares of the driver's last sampling period in which kernels ran and memory was used."""

        def rates(n: Nvml) -> Values:
            found = n.nvmlDeviceGetUtilizationRates(self._board)
            return {"utilisation": found.gpu / 100, "memory_utilisation": found.memory / 100}

        return self._ask_many("utilisation", rates)

    def temperature(self) -> Values:
        """Degrees of the GPU."""

        def degrees(n: Nvml) -> float:
            if hasattr(n, "nvmlDeviceGetTemperatureV"):
                try:
                    return float(n.nvmlDeviceGetTemperatureV(self._board, n.NVML_TEMPERATURE_GPU))
                except Exception as error:
                    if type(error).__name__ not in NEVER:
                        raise
            return float(n.nvmlDeviceGetTemperature(self._board, n.NVML_TEMPERATURE_GPU))

        return self._ask("temperature_celsius", degrees)

    def memory_clock(self) -> Values:
        """The clock of the device memory."""
        return self._ask(
            "memory_clock_hertz", lambda n: 1e6 * n.nvmlDeviceGetClockInfo(self._board, n.NVML_CLOCK_MEM)
        )

    def link(self) -> Values:
        """The PCIe link as it is now: idle GPUs save power with a slower one, so only readings
        under load count.
        """
        return {
            **self._ask("pcie_generation", lambda n: n.nvmlDeviceGetCurrPcieLinkGeneration(self._board)),
            **self._ask("pcie_width", lambda n: n.nvmlDeviceGetCurrPcieLinkWidth(self._board)),
        }

    def best_link(self) -> Values:
        """The PCIe link as it could be."""
        return {
            **self._ask("most_pcie_generation", lambda n: n.nvmlDeviceGetMaxPcieLinkGeneration(self._board)),
            **self._ask("most_pcie_width", lambda n: n.nvmlDeviceGetMaxPcieLinkWidth(self._board)),
        }

    def violations(self) -> Values:
        """Seconds so far for which each limit held the clocks back."""
        found: dict[str, float] = {}
        for name, policy in POLICIES.items():
            found.update(self._ask(f"{name}_violation_seconds", partial(self._violation, policy)))
        return found

    def errors(self) -> Values:
        """Memory errors since the driver was loaded; nothing on boards without error correction."""

        def count(kind: str) -> Callable[[Nvml], float]:
            return lambda n: n.nvmlDeviceGetTotalEccErrors(
                self._board, getattr(n, f"NVML_MEMORY_ERROR_TYPE_{kind}"), n.NVML_VOLATILE_ECC
            )

        return {
            **self._ask("corrected_errors", count("CORRECTED")),
            **self._ask("uncorrected_errors", count("UNCORRECTED")),
        }

    def occupants(self) -> list[Occupant] | None:
        """The processes on this GPU, computing and drawing; None where NVML reports none of them."""
        found: dict[int, int | None] = {}
        listed_any = False
        for what in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
            listed = self._try(what, partial(self._listed, what))
            if listed is None:
                continue
            listed_any = True
            for pid, held in listed:
                known = found.get(pid)
                found[pid] = held if known is None else max(known, held or 0)
        return [Occupant(pid, held) for pid, held in found.items()] if listed_any else None

    def _listed(self, what: str, n: Nvml) -> list[tuple[int, int | None]]:
        listed = getattr(n, what)(self._handle)
        return [(int(process.pid), getattr(process, "usedGpuMemory", None)) for process in listed]

    def _memory(self, n: Nvml) -> Values:
        if self._memory_version is not None:
            try:
                found = n.nvmlDeviceGetMemoryInfo(self._handle, version=self._memory_version)
            except Exception as error:
                if type(error).__name__ not in NEVER and not isinstance(error, TypeError):
                    raise
                self._memory_version = None  # older drivers and bindings count what they keep as used
            else:
                return {"used_bytes": float(found.used), "driver_bytes": float(found.reserved)}
        return {"used_bytes": float(n.nvmlDeviceGetMemoryInfo(self._handle).used)}

    def _events(self, n: Nvml) -> float:
        """By the present name of the call, or by the one it had before driver 535."""
        read = getattr(n, "nvmlDeviceGetCurrentClocksEventReasons", None)
        if read is not None:
            try:
                return float(read(self._board))
            except Exception as error:
                if type(error).__name__ not in NEVER:
                    raise
        return float(n.nvmlDeviceGetCurrentClocksThrottleReasons(self._board))

    def _violation(self, policy: str, n: Nvml) -> float:
        """By the call, or by the field of the same counter where the call has been removed; both in
        nanoseconds.

        The newer counters of single reasons (hardware thermal, power brake) have changed their
        numbers between drivers, and no driver states its numbering: they are not used.
        """
        try:
            return float(
                n.nvmlDeviceGetViolationStatus(
                    self._board, getattr(n, f"NVML_PERF_POLICY_{policy}")
                ).violationTime
                / 1e9
            )
        except Exception as error:
            if type(error).__name__ not in NEVER:
                raise
            (field,) = n.nvmlDeviceGetFieldValues(
                self._board, [getattr(n, f"NVML_FI_DEV_PERF_POLICY_{policy}")]
            )
            if field.nvmlReturn:
                raise error
            return float(field.value.ullVal) / 1e9

    def _ask(self, name: str, read: Callable[[Nvml], float]) -> Values:
        value = self._try(name, lambda n: float(read(n)))
        return {} if value is None else {name: value}

    def _ask_many(self, name: str, read: Callable[[Nvml], Values]) -> Values:
        return self._try(name, read) or {}

    def _try(self, name: str, read: Callable[[Nvml], T]) -> T | None:
        """What the call gives, or None where it fails: whether it is made again depends on how."""
        if self.gone or name in self._dropped:
            return None
        try:
            value = read(self._nvml)
        except Exception as error:
            self._failed(name, error)
            return None
        self._failures.pop(name, None)
        return value

    def _failed(self, name: str, error: Exception) -> None:
        kind = type(error).__name__
        if kind in GONE:
            self.gone = True
            self._warn(f"{self.name} is lost to NVML ({kind}): nothing more was read of it")
            return
        count = self._failures[name] = self._failures.get(name, 0) + 1
        if kind in NEVER or count >= MAX_FAILURES:
            self._dropped.add(name)
        if count == 1:
            self._warn(f"no {name} of {self.name}: {kind}{'' if kind in NEVER else ', at times'}")
