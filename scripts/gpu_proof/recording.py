"""What NVML's calls really answered, in the form that the tests replay (``tests/data/nvml.json``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

POLICIES = {"0": "POWER", "1": "THERMAL", "3": "BOARD_LIMIT", "5": "RELIABILITY"}

Answer = Callable[[], Any]


def record(session: Any, handle: Any, samples: int, wait: Callable[[], object], about: str) -> dict[str, Any]:
    """So many answers of every call, with ``wait`` after each round of them; what a GPU refuses is nought
    throughout.

    The board's own UUID and place are left out: they identify the machine, and the tests have their own.
    """
    calls = _calls(session, handle)
    series: dict[str, list[Any]] = {name: [] for name in calls}
    for _ in range(samples):
        for name, (ask, otherwise) in calls.items():
            series[name].append(_answered(ask, otherwise))
        wait()
    memory = _answered(lambda: session.nvmlDeviceGetMemoryInfo(handle), None)
    with_version = _answered(
        lambda: session.nvmlDeviceGetMemoryInfo(handle, version=session.nvmlMemory_v2), None
    )
    most = [
        _answered(lambda: session.nvmlDeviceGetMaxPcieLinkGeneration(handle), 0),
        _answered(lambda: session.nvmlDeviceGetMaxPcieLinkWidth(handle), 0),
    ]
    readings: dict[str, Any] = {
        "memory": {
            "total": int(getattr(memory, "total", 0)),
            "reserved": int(getattr(with_version, "reserved", 0)),
            "used": series.pop("used"),
        },
        "violations": {number: series.pop(f"violation {number}") for number in POLICIES},
        "errors": {kind: series.pop(kind)[:1] for kind in ("corrected", "uncorrected")},
        "pcie_most": most,
        **series,
    }
    return {"about": about, "readings": readings}


def _calls(n: Any, handle: Any) -> dict[str, tuple[Answer, Any]]:
    """By the name in the recording: how to ask, and what stands for no answer."""

    def used() -> int:
        found = n.nvmlDeviceGetMemoryInfo(handle, version=n.nvmlMemory_v2)
        return int(found.used)

    def rates() -> list[int]:
        found = n.nvmlDeviceGetUtilizationRates(handle)
        return [int(found.gpu), int(found.memory)]

    def link() -> list[int]:
        return [
            int(n.nvmlDeviceGetCurrPcieLinkGeneration(handle)),
            int(n.nvmlDeviceGetCurrPcieLinkWidth(handle)),
        ]

    def processes() -> list[list[int | None]]:
        # Numbers of processes are a machine's own: they are counted instead.
        listed = n.nvmlDeviceGetComputeRunningProcesses(handle)
        return [[index + 1, each.usedGpuMemory] for index, each in enumerate(listed)]

    def events() -> int:
        read = getattr(n, "nvmlDeviceGetCurrentClocksEventReasons", None)
        return int((read or n.nvmlDeviceGetCurrentClocksThrottleReasons)(handle))

    def violation(policy: str) -> Answer:
        return lambda: int(
            n.nvmlDeviceGetViolationStatus(handle, getattr(n, f"NVML_PERF_POLICY_{policy}")).violationTime
        )

    def errors(kind: str) -> Answer:
        which = f"NVML_MEMORY_ERROR_TYPE_{kind.upper()}"
        return lambda: int(n.nvmlDeviceGetTotalEccErrors(handle, getattr(n, which), n.NVML_VOLATILE_ECC))

    return {
        "power_milliwatts": (lambda: int(n.nvmlDeviceGetPowerUsage(handle)), 0),
        "energy_millijoules": (lambda: int(n.nvmlDeviceGetTotalEnergyConsumption(handle)), 0),
        "sm_megahertz": (lambda: int(n.nvmlDeviceGetClockInfo(handle, n.NVML_CLOCK_SM)), 0),
        "memory_megahertz": (lambda: int(n.nvmlDeviceGetClockInfo(handle, n.NVML_CLOCK_MEM)), 0),
        "events": (events, 0),
        "temperature": (lambda: int(n.nvmlDeviceGetTemperature(handle, n.NVML_TEMPERATURE_GPU)), 0),
        "used": (used, 0),
        "utilisation": (rates, [0, 0]),
        "pcie_now": (link, [0, 0]),
        "processes": (processes, []),
        **{f"violation {number}": (violation(policy), 0) for number, policy in POLICIES.items()},
        **{kind: (errors(kind), 0) for kind in ("corrected", "uncorrected")},
    }


def _answered(ask: Answer, otherwise: Any) -> Any:
    try:
        return ask()
    except Exception:
        return otherwise
