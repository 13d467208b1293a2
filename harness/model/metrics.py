"""Metrics: named quantities with a unit, a direction and a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a metric gets better."""

    LOWER = "lower"
    HIGHER = "higher"
    NONE = "none"


class MetricKind(StrEnum):
    """Whether repeating a measurement changes the number."""

    EXACT = "exact"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity with a unit, a direction and a kind."""

    name: str
    unit: str
    direction: Direction
    kind: MetricKind
    meaning: str


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("seconds", "s", Direction.LOWER, MetricKind.NOISY, "time of one iteration"),
        Metric(
            "host_seconds", "s", Direction.LOWER, MetricKind.NOISY, "host time until the work was launched"
        ),
        Metric(
            "peak_bytes", "B", Direction.LOWER, MetricKind.EXACT, "most bytes alive at once in one iteration"
        ),
        Metric(
            "reserved_bytes",
            "B",
            Direction.LOWER,
            MetricKind.EXACT,
            "most bytes the allocator held for one iteration",
        ),
        Metric(
            "allocation_retries",
            "1",
            Direction.LOWER,
            MetricKind.EXACT,
            "allocations that had to wait for the pool to empty",
        ),
        Metric("ooms", "1", Direction.LOWER, MetricKind.EXACT, "allocations that found no memory"),
        Metric(
            "asked_bytes",
            "B",
            Direction.NONE,
            MetricKind.EXACT,
            "size of the allocation that found no memory",
        ),
        Metric(
            "free_bytes",
            "B",
            Direction.NONE,
            MetricKind.NOISY,
            "memory that was free when an allocation found none",
        ),
        Metric(
            "joules", "J", Direction.LOWER, MetricKind.NOISY, "energy of one iteration, the whole GPU board"
        ),
        Metric(
            "launches", "1", Direction.LOWER, MetricKind.EXACT, "kernels that one iteration launches on a GPU"
        ),
        Metric(
            "compile_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time until compiled code gave a result",
        ),
        Metric(
            "recompilations",
            "1",
            Direction.LOWER,
            MetricKind.EXACT,
            "graphs compiled again after the first call",
        ),
        Metric("wait_seconds", "s", Direction.LOWER, MetricKind.NOISY, "time the loop waited for batches"),
        Metric(
            "copy_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time the loop's copies to the device took",
        ),
        Metric(
            "cpu_batches",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "batches that a GPU's decoder refused, and the CPU took",
        ),
        Metric(
            "damaged_refused",
            "1",
            Direction.NONE,
            MetricKind.EXACT,
            "damaged images, of four, that a decoder refused",
        ),
        Metric("wait_p50_seconds", "s", Direction.LOWER, MetricKind.NOISY, "median wait for one batch"),
        Metric(
            "wait_p99_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "99th percentile of the wait for one batch",
        ),
        Metric(
            "first_batch_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time until the first batch of an epoch",
        ),
        Metric(
            "start_up_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time from nothing until the first batch",
        ),
        Metric(
            "epoch_seconds", "s", Direction.LOWER, MetricKind.NOISY, "time of one epoch, of several in a row"
        ),
        Metric(
            "epoch_gap_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time the loop waited between two epochs",
        ),
        Metric(
            "ending_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time from the last step until the loader said that its epoch was over",
        ),
        Metric(
            "device_wait_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "time the device stood still while the loop waited for batches",
        ),
        Metric(
            "worker_idle", "1", Direction.NONE, MetricKind.NOISY, "share of their time that workers were idle"
        ),
        Metric(
            "worker_queued",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "share of their time that workers waited for a core",
        ),
        Metric("tracked", "", Direction.LOWER, MetricKind.EXACT, "number that a benchmark of asv's tracks"),
        Metric("left_early", "1", Direction.NONE, MetricKind.EXACT, "whether the loop was left early"),
        Metric(
            "persistent_gap_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "the same gap with workers that live on",
        ),
        Metric(
            "loader_seconds",
            "s",
            Direction.LOWER,
            MetricKind.NOISY,
            "one epoch of the loader alone, without a step",
        ),
        Metric("cpu_seconds", "s", Direction.LOWER, MetricKind.NOISY, "CPU time of the process tree"),
        Metric(
            "pss_bytes",
            "B",
            Direction.LOWER,
            MetricKind.NOISY,
            "most proportional set size of the process tree",
        ),
        Metric(
            "uss_bytes",
            "B",
            Direction.LOWER,
            MetricKind.NOISY,
            "memory that would be free without the process tree",
        ),
        Metric(
            "voluntary_switches",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "times that threads gave up a core to wait",
        ),
        Metric(
            "involuntary_switches",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "times that threads were made to give one up",
        ),
        Metric("minor_faults", "1", Direction.LOWER, MetricKind.NOISY, "page faults that needed no reading"),
        Metric("major_faults", "1", Direction.LOWER, MetricKind.NOISY, "page faults that needed reading"),
        Metric(
            "tree_bytes",
            "B",
            Direction.LOWER,
            MetricKind.NOISY,
            "memory of a process and its workers, shared pages once",
        ),
        Metric(
            "shm_bytes",
            "B",
            Direction.LOWER,
            MetricKind.NOISY,
            "shared memory that workers hand their batches over in",
        ),
        Metric("disk_bytes", "B", Direction.LOWER, MetricKind.NOISY, "bytes that were fetched from disks"),
        Metric("pinned_bytes", "B", Direction.LOWER, MetricKind.NOISY, "page-locked host memory"),
        Metric(
            "device_bytes", "B", Direction.LOWER, MetricKind.NOISY, "device memory in use as NVML sees it"
        ),
        Metric(
            "gpu_share",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "share of the time any kernel ran, as NVML samples it",
        ),
        Metric(
            "threads_left",
            "1",
            Direction.LOWER,
            MetricKind.EXACT,
            "threads still alive after the variant was left",
        ),
        Metric(
            "processes_left",
            "1",
            Direction.LOWER,
            MetricKind.EXACT,
            "processes still alive after the variant was left",
        ),
        Metric(
            "max_relative_error",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "largest error, relative to the largest value",
        ),
        Metric(
            "mean_relative_error",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "mean error, relative to the mean size",
        ),
        Metric(
            "max_ulp",
            "1",
            Direction.LOWER,
            MetricKind.NOISY,
            "largest error in units in the last place of the largest value",
        ),
    )
}
"""Every metric a record may carry; a benchmark's own readings may have other names and are kept without a
direction."""


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


def metric(name: str) -> Metric:
    """The metric or quantity of that name; an unknown name is a reading of the benchmark's own, without
    direction."""
    return (
        METRICS.get(name) or QUANTITIES.get(name) or Metric(name, "", Direction.NONE, MetricKind.NOISY, name)
    )
