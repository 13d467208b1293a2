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


class Kind(StrEnum):
    """Whether repeating a measurement changes the number."""

    EXACT = "exact"
    NOISY = "noisy"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity with a unit, a direction and a kind."""

    name: str
    unit: str
    direction: Direction
    kind: Kind
    meaning: str


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("seconds", "s", Direction.LOWER, Kind.NOISY, "time of one iteration"),
        Metric("host_seconds", "s", Direction.LOWER, Kind.NOISY, "host time until the work was launched"),
        Metric("peak_bytes", "B", Direction.LOWER, Kind.EXACT, "most bytes alive at once in one iteration"),
        Metric("joules", "J", Direction.LOWER, Kind.NOISY, "energy of one iteration, the whole GPU board"),
        Metric("launches", "1", Direction.LOWER, Kind.EXACT, "kernels that one iteration launches on a GPU"),
        Metric("wait_seconds", "s", Direction.LOWER, Kind.NOISY, "time the loop waited for batches"),
        Metric("wait_p50_seconds", "s", Direction.LOWER, Kind.NOISY, "median wait for one batch"),
        Metric("wait_p99_seconds", "s", Direction.LOWER, Kind.NOISY, "99th percentile of the wait for one batch"),
        Metric("first_batch_seconds", "s", Direction.LOWER, Kind.NOISY, "time until the first batch of an epoch"),
        Metric("start_up_seconds", "s", Direction.LOWER, Kind.NOISY, "time from nothing until the first batch"),
        Metric("epoch_seconds", "s", Direction.LOWER, Kind.NOISY, "time of one epoch, of several in a row"),
        Metric("epoch_gap_seconds", "s", Direction.LOWER, Kind.NOISY, "time the loop waited between two epochs"),
        Metric("loader_seconds", "s", Direction.LOWER, Kind.NOISY, "one epoch of the loader alone, without a step"),
        Metric("cpu_seconds", "s", Direction.LOWER, Kind.NOISY, "CPU time of the process tree"),
        Metric("pss_bytes", "B", Direction.LOWER, Kind.NOISY, "most proportional set size of the process tree"),
        Metric(
            "tree_bytes", "B", Direction.LOWER, Kind.NOISY, "memory of a process and its workers, shared pages once"
        ),
        Metric("shm_bytes", "B", Direction.LOWER, Kind.NOISY, "shared memory that workers hand their batches over in"),
        Metric("pinned_bytes", "B", Direction.LOWER, Kind.NOISY, "page-locked host memory"),
        Metric("device_bytes", "B", Direction.LOWER, Kind.NOISY, "device memory in use as NVML sees it"),
        Metric("gpu_share", "1", Direction.LOWER, Kind.NOISY, "share of the time any kernel ran, as NVML samples it"),
        Metric("threads_left", "1", Direction.LOWER, Kind.EXACT, "threads still alive after the variant was left"),
        Metric("processes_left", "1", Direction.LOWER, Kind.EXACT, "processes still alive after the variant was left"),
        Metric("max_relative_error", "1", Direction.LOWER, Kind.NOISY, "largest error, relative to the largest value"),
        Metric("mean_relative_error", "1", Direction.LOWER, Kind.NOISY, "mean error, relative to the mean size"),
    )
}
"""Every metric a record may carry; a benchmark's own readings may have other names and are kept without a direction."""


def metric(name: str) -> Metric:
    """The metric of that name; an unknown name is a reading of the benchmark's own, noisy and without direction."""
    return METRICS.get(name) or Metric(name, "", Direction.NONE, Kind.NOISY, name)
