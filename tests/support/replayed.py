"""NVML without a GPU: a module with pynvml's functions that replays recorded readings, and any error in their
place."""

# ruff: noqa: D102, N802, N815  (the functions are NVML's: their names, and what they do, are given)
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pynvml

from tests.support.living import ROOT

RECORDED = json.loads((ROOT / "tests" / "data" / "nvml.json").read_text())
UUID: str = RECORDED["uuid"]
PCI: str = RECORDED["pci"]

CODES = sorted(
    {
        value
        for name, value in vars(pynvml).items()
        if name.startswith("NVML_ERROR_") and isinstance(value, int)
    }
)
"""Every error that the bindings know, by number."""


class Replayed:
    """In the place of ``pynvml``: same functions, same constants, same errors, recorded answers.

    ``errors`` maps a function's name to the code that it fails with at every call; ``missing`` names
    functions that these bindings do not have. ``at`` is the recorded moment: it moves on with `tick`, not
    with the calls.
    """

    def __init__(
        self, errors: Mapping[str, int] | None = None, missing: tuple[str, ...] = (), **changed: Any
    ) -> None:
        self.errors = dict(errors or {})
        self.missing = missing
        self.readings = {**RECORDED["readings"], **changed}
        self.calls: Counter[str] = Counter()
        self.at = 0
        self.open = 0

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__
        if name.startswith("nvml") and name[4:5].isupper():
            if name in own(self, "missing"):
                raise AttributeError(name)
            if callable(own(self, name)):
                own(self, "calls")[name] += 1
                if name in own(self, "errors"):
                    return own(self, "_failing")(own(self, "errors")[name])
        return own(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("NVML_"):
            return getattr(pynvml, name)
        raise AttributeError(name)

    @staticmethod
    def _failing(code: int) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise pynvml.NVMLError(code)

        return fail

    def tick(self, steps: int = 1) -> None:
        """Let time pass, in twentieths of a second."""
        self.at += steps

    def _now(self, *path: str) -> Any:
        found: Any = self.readings
        for name in path:
            found = found[name]
        return found[min(self.at, len(found) - 1)]

    nvmlMemory_v2 = pynvml.nvmlMemory_v2

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return 7 + index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        if uuid != UUID:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return 7

    def nvmlDeviceGetHandleByPciBusId(self, bus: str) -> int:
        if bus != PCI:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return 7

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return UUID

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: int) -> int:
        return handle

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.65.06"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 13000

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "NVIDIA H100 80GB HBM3"

    def nvmlDeviceGetCudaComputeCapability(self, handle: int) -> tuple[int, int]:
        return 9, 0

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return int(self._now("power_milliwatts"))

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        return int(self._now("energy_millijoules"))

    def nvmlDeviceGetClockInfo(self, handle: int, kind: int) -> int:
        return int(self._now("sm_megahertz" if kind == pynvml.NVML_CLOCK_SM else "memory_megahertz"))

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: int) -> int:
        return int(self._now("events"))

    nvmlDeviceGetCurrentClocksThrottleReasons = nvmlDeviceGetCurrentClocksEventReasons

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> Any:
        memory = self.readings["memory"]
        used = self._now("memory", "used")
        if version is None:
            return SimpleNamespace(total=memory["total"], used=used + memory["reserved"])
        return SimpleNamespace(total=memory["total"], used=used, reserved=memory["reserved"])

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        gpu, memory = self._now("utilisation")
        return SimpleNamespace(gpu=gpu, memory=memory)

    def nvmlDeviceGetTemperatureV(self, handle: int, sensor: int) -> int:
        return int(self._now("temperature"))

    nvmlDeviceGetTemperature = nvmlDeviceGetTemperatureV

    def nvmlDeviceGetCurrPcieLinkGeneration(self, handle: int) -> int:
        return int(self._now("pcie_now")[0])

    def nvmlDeviceGetCurrPcieLinkWidth(self, handle: int) -> int:
        return int(self._now("pcie_now")[1])

    def nvmlDeviceGetMaxPcieLinkGeneration(self, handle: int) -> int:
        return int(self.readings["pcie_most"][0])

    def nvmlDeviceGetMaxPcieLinkWidth(self, handle: int) -> int:
        return int(self.readings["pcie_most"][1])

    def nvmlDeviceGetViolationStatus(self, handle: int, policy: int) -> Any:
        return SimpleNamespace(referenceTime=0, violationTime=self._now("violations", str(policy)))

    def nvmlDeviceGetFieldValues(self, handle: int, fields: list[int]) -> list[Any]:
        first = pynvml.NVML_FI_DEV_PERF_POLICY_POWER
        return [
            SimpleNamespace(
                nvmlReturn=0, value=SimpleNamespace(ullVal=self._now("violations", str(field - first)))
            )
            for field in fields
        ]

    def nvmlDeviceGetTotalEccErrors(self, handle: int, kind: int, counter: int) -> int:
        return int(self._now("errors", "uncorrected" if kind else "corrected"))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in self._now("processes")]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> list[Any]:
        return []
