"""What telemetry holds beside metrics: the state of GPUs and host while something is measured."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.metric import Direction, Metric, MetricKind


def _quantities(*rows: tuple[str, str, str]) -> Mapping[str, Metric]:
    return {
        name: Metric(name, unit, Direction.NONE, MetricKind.NOISY, meaning) for name, unit, meaning in rows
    }


QUANTITIES: Mapping[str, Metric] = _quantities(
    ("sm_clock_hertz", "Hz", "clock of the streaming multiprocessors"),
    ("memory_clock_hertz", "Hz", "clock of the device memory"),
    ("power_watts", "W", "power the whole board draws; averaged over a second by most drivers"),
    (
        "energy_joules",
        "J",
        "energy since the driver was loaded, the whole board: only differences mean something",
    ),
    ("temperature_celsius", "Cel", "temperature of the GPU"),
    ("utilisation", "1", "share of the driver's last sampling period in which any kernel ran"),
    ("memory_utilisation", "1", "share of that period in which device memory was read or written"),
    ("used_bytes", "B", "device memory in use, by all processes"),
    ("driver_bytes", "B", "device memory that the driver keeps for itself"),
    ("process_bytes", "B", "device memory of this run's processes, where NVML knows"),
    ("throttle", "1", "bit mask: why the clocks were held back (ClockEvent)"),
    ("pcie_generation", "1", "generation of the PCIe link now: under load, where it was read under load"),
    ("pcie_width", "1", "lanes of the PCIe link now"),  # codespell:ignore lanes
    ("most_pcie_generation", "1", "generation that the GPU and its slot could have"),
    ("most_pcie_width", "1", "lanes that the GPU and its slot could have"),  # codespell:ignore lanes
    ("power_violation_seconds", "s", "time so far for which the power limit held the clocks back"),
    ("thermal_violation_seconds", "s", "time so far for which the temperature held the clocks back"),
    ("board_violation_seconds", "s", "time so far for which the board's limit held the clocks back"),
    (
        "reliability_violation_seconds",
        "s",
        "time so far for which the limit for reliability held the clocks back",
    ),
    ("corrected_errors", "1", "memory errors corrected since the driver was loaded"),
    ("uncorrected_errors", "1", "memory errors not corrected since the driver was loaded"),
    ("load", "1", "processes that run or want to, averaged over a minute"),
    ("pressure_cpu", "1", "share of the time since the last reading in which some task waited for a core"),
    ("pressure_memory", "1", "share of that time in which some task waited for memory"),
    ("pressure_io", "1", "share of that time in which some task waited for input or output"),
    ("busy_cores", "1", "cores at work since the last reading, by any process"),
    (
        "stolen_cores",
        "1",
        "cores that the host of this virtual machine gave to others since the last reading",
    ),
    ("other_cores", "1", "cores that processes outside this run used while the case was measured"),
    ("available_bytes", "B", "memory that can be had without swapping"),
)
"""What telemetry may hold beside metrics. A file from a later version may hold others; they are kept as they
are."""
