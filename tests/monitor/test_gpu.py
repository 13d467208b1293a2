"""A GPU as NVML sees it: every reading, every error in its place; on a GPU the same against the real
library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pynvml
import pytest

from harness.model import QUANTITIES
from harness.monitor.gpu import GONE, MAX_FAILURES, NEVER, Gpu, Occupant
from harness.probes.nvml import NvmlError, gpu_names, nvml
from tests.support.replayed import CODES, PCI, UUID, Replayed

CALLS = {
    "nvmlDeviceGetClockInfo": {"sm_clock_hertz", "memory_clock_hertz"},
    "nvmlDeviceGetPowerUsage": {"power_watts"},
    "nvmlDeviceGetTotalEnergyConsumption": {"energy_joules"},
    "nvmlDeviceGetUtilizationRates": {"utilisation", "memory_utilisation"},
    "nvmlDeviceGetCurrPcieLinkGeneration": {"pcie_generation"},
    "nvmlDeviceGetCurrPcieLinkWidth": {"pcie_width"},
    "nvmlDeviceGetMaxPcieLinkGeneration": {"most_pcie_generation"},
    "nvmlDeviceGetMaxPcieLinkWidth": {"most_pcie_width"},
    "nvmlDeviceGetTotalEccErrors": {"corrected_errors", "uncorrected_errors"},
}
"""What is not read where one call fails; other readings have a second way."""


@pytest.fixture(params=["replayed", pytest.param("real", marks=pytest.mark.gpu)])
def session(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An open NVML: recorded readings, and the real library where there is a GPU."""
    if request.param == "replayed":
        yield Replayed()
        return
    try:
        with nvml() as real:
            if not gpu_names(real):
                pytest.skip("NVML sees no GPU")
            yield real
    except NvmlError as error:
        pytest.skip(f"no GPU: {error}")


def everything(gpu: Gpu) -> dict[str, float]:
    """One reading of all sources."""
    return {name: value for source in gpu.sources() for name, value in source.read().items()}


def test_readings_are_in_si_units_and_plausible(session: Any) -> None:
    """Whatever a GPU tells has a known name and lies where such a quantity can lie; the essentials are
    there."""
    warnings: list[str] = []
    found = everything(Gpu(session, gpu_names(session)[0], warnings.append))
    assert set(found) <= set(QUANTITIES)
    assert {"sm_clock_hertz", "throttle", "used_bytes", "utilisation", "temperature_celsius"} <= set(found), (
        warnings
    )
    assert 1e8 <= found["sm_clock_hertz"] < 1e10
    assert 0 <= found["utilisation"] <= 1
    assert 0 < found["temperature_celsius"] < 120
    assert 0 <= found["used_bytes"] < 1e13
    assert found["throttle"] == int(found["throttle"]) >= 0
    assert 1 < found.get("power_watts", 100.0) < 3000
    assert found.get("pcie_generation", 1) <= found.get("most_pcie_generation", 9)


def test_the_energy_counter_never_goes_back(session: Any) -> None:
    """Joules of two readings are in order: the counter counts."""
    gpu = Gpu(session, gpu_names(session)[0], lambda _: None)
    first, second = (gpu.energy().get("energy_joules", 0.0) for _ in range(2))
    assert second >= first


def test_a_gpu_is_found_by_uuid_and_by_pci_id(session: Any) -> None:
    """Both names lead to the same GPU, and neither is an index."""
    uuid = gpu_names(session)[0]
    assert uuid.startswith("GPU-")
    bus = PCI
    if not isinstance(session, Replayed):
        found = session.nvmlDeviceGetPciInfo(session.nvmlDeviceGetHandleByUUID(uuid)).busId
        bus = found.decode() if isinstance(found, bytes) else found
    assert Gpu(session, bus, lambda _: None).name == Gpu(session, uuid, lambda _: None).name == uuid


def test_an_unknown_gpu_is_not_another_one(session: Any) -> None:
    """A UUID that is not there raises NVML's error."""
    with pytest.raises(pynvml.NVMLError):
        Gpu(session, "GPU-00000000-dead-4000-8000-000000000000", lambda _: None)


def test_recorded_readings_come_out_as_they_went_in() -> None:
    """Megahertz, milliwatts, millijoules, per cent and nanoseconds become hertz, watts, joules, shares and
    seconds."""
    module = Replayed()
    module.tick(170)
    warnings: list[str] = []
    found = everything(Gpu(module, UUID, warnings.append))
    recorded = module.readings
    assert found["sm_clock_hertz"] == 1170e6
    assert found["memory_clock_hertz"] == 2619e6
    assert found["throttle"] == 0x48
    assert found["power_watts"] == recorded["power_milliwatts"][170] / 1e3
    assert found["energy_joules"] == recorded["energy_millijoules"][170] / 1e3
    assert (found["used_bytes"], found["driver_bytes"]) == (9130999808, 559939584)
    assert (found["utilisation"], found["memory_utilisation"]) == (0.99, 0.41)
    assert (found["power_violation_seconds"], found["thermal_violation_seconds"]) == (1.5, 1.0)
    assert (found["pcie_generation"], found["pcie_width"]) == (5, 16)
    assert warnings == []


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("call", sorted(CALLS))
def test_any_error_of_any_call_costs_its_readings_alone(call: str, code: int) -> None:
    """A call that fails, whatever the error, leaves the other readings and one warning; a lost GPU leaves
    nothing."""
    warnings: list[str] = []
    gpu = Gpu(Replayed({call: code}), UUID, warnings.append)
    kind = type(pynvml.NVMLError(code)).__name__
    everything(gpu)
    found = everything(gpu)
    if kind in GONE:
        assert gpu.gone
        assert found == {}
        assert len(warnings) == 1
    else:
        assert set(everything(Gpu(Replayed(), UUID, warnings.append))) - set(found) == CALLS[call]
        assert (
            len(warnings)
            == len(set(warnings))
            == len(CALLS[call]) - (call == "nvmlDeviceGetUtilizationRates")
        )
    assert all(kind in warning for warning in warnings)


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_NO_PERMISSION])
def test_what_will_never_succeed_is_asked_once(code: int) -> None:
    """A refused call is not made again: it would cost as much as one that answers."""
    module = Replayed({"nvmlDeviceGetPowerUsage": code})
    gpu = Gpu(module, UUID, lambda _: None)
    for _ in range(5):
        gpu.power()
    assert module.calls["nvmlDeviceGetPowerUsage"] == 1


def test_what_fails_at_times_is_asked_again() -> None:
    """A time-out passes: the reading is back with the next call, after one warning; one that stays is given
    up."""
    warnings: list[str] = []
    module = Replayed({"nvmlDeviceGetPowerUsage": pynvml.NVML_ERROR_TIMEOUT})
    gpu = Gpu(module, UUID, warnings.append)
    assert gpu.power() == {}
    assert gpu.power() == {}
    del module.errors["nvmlDeviceGetPowerUsage"]
    assert gpu.power()["power_watts"] > 0
    assert len(warnings) == 1
    module.errors["nvmlDeviceGetPowerUsage"] = pynvml.NVML_ERROR_UNKNOWN
    before = module.calls["nvmlDeviceGetPowerUsage"]
    for _ in range(3 * MAX_FAILURES):
        gpu.power()
    assert module.calls["nvmlDeviceGetPowerUsage"] - before == MAX_FAILURES


@pytest.mark.parametrize(
    ("missing", "failing"),
    [
        (("nvmlDeviceGetCurrentClocksEventReasons",), {}),
        ((), {"nvmlDeviceGetCurrentClocksEventReasons": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND}),
        (("nvmlDeviceGetCurrentClocksThrottleReasons",), {}),
    ],
)
def test_throttle_reasons_go_by_both_names(missing: tuple[str, ...], failing: dict[str, int]) -> None:
    """Old bindings, old drivers and new ones: one of the call's two names answers."""
    module = Replayed(failing, missing)
    module.tick(170)
    warnings: list[str] = []
    assert Gpu(module, UUID, warnings.append).clocks()["throttle"] == 0x48
    assert warnings == []


def test_older_ways_stand_in_for_newer_ones() -> None:
    """Without the newer memory, temperature and violation calls the older ones answer."""
    failing = {
        "nvmlDeviceGetTemperatureV": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        "nvmlDeviceGetViolationStatus": pynvml.NVML_ERROR_DEPRECATED,
    }
    module = Replayed(failing)
    module.tick(239)
    warnings: list[str] = []
    gpu = Gpu(module, UUID, warnings.append)
    found = everything(gpu)
    assert found["temperature_celsius"] > 0
    assert found["power_violation_seconds"] == 1.5
    older: Any = module
    older.nvmlDeviceGetMemoryInfo = lambda handle: Replayed.nvmlDeviceGetMemoryInfo(module, handle)
    assert Gpu(module, UUID, warnings.append).memory() == {"used_bytes": 9130999808 + 559939584}
    assert warnings == []


def test_a_gpu_that_is_lost_is_left_alone() -> None:
    """After the loss no call is made any more, and one warning says so."""
    warnings: list[str] = []
    module = Replayed({"nvmlDeviceGetTotalEnergyConsumption": pynvml.NVML_ERROR_GPU_IS_LOST})
    gpu = Gpu(module, UUID, warnings.append)
    everything(gpu)
    before = sum(module.calls.values())
    assert everything(gpu) == {}
    assert gpu.occupants() is None
    assert sum(module.calls.values()) == before
    assert len(warnings) == 1
    assert "lost" in warnings[0]


def test_occupants_may_hide_their_memory() -> None:
    """A process whose memory NVML does not report is still there; a list that is refused is not an empty
    one."""
    module = Replayed(processes=[[[11, None], [12, 4096]]])
    assert Gpu(module, UUID, lambda _: None).occupants() == [Occupant(11, None), Occupant(12, 4096)]
    refused = dict.fromkeys(
        ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"),
        pynvml.NVML_ERROR_NO_PERMISSION,
    )
    assert Gpu(Replayed(refused), UUID, lambda _: None).occupants() is None


def test_a_slice_asks_its_board_for_clocks() -> None:
    """A MIG slice has memory of its own; clocks and power are asked of the board that it is on."""
    asked: list[tuple[str, object]] = []

    class Slice(Replayed):
        def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:  # noqa: N802
            return "slice"

        def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: Any) -> Any:  # noqa: N802
            return "board"

        def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:  # noqa: N802
            asked.append(("power", handle))
            return 1000

        def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any:  # noqa: N802
            asked.append(("memory", handle))
            return super().nvmlDeviceGetMemoryInfo(handle, version)

    gpu = Gpu(Slice(), "MIG-5ad1c0de", lambda _: None)
    gpu.power()
    gpu.memory()
    assert asked == [("power", "board"), ("memory", "slice")]


def test_the_lists_name_errors_that_exist() -> None:
    """Every error that decides something is one that the bindings raise."""
    known = {type(pynvml.NVMLError(code)).__name__ for code in CODES}
    assert known >= GONE
    assert known >= {name for name in NEVER if name.startswith("NVMLError_")}
    assert hasattr(pynvml, "NVMLLibraryMismatchError")


def test_one_board_off_its_bus_does_not_hide_the_others() -> None:
    """Names are those of the GPUs that answer."""

    class Two(Replayed):
        def nvmlDeviceGetCount(self) -> int:  # noqa: N802
            return 2

        def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
            if index == 0:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
            return 7

    assert gpu_names(Two()) == [UUID]
