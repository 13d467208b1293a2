"""The metrics of variants: what a record may carry of each."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.metric import Direction, Metric, MetricKind
from harness.model.quantities import QUANTITIES

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


def metric(name: str) -> Metric:
    """The metric or quantity of that name; an unknown name is a reading of the benchmark's own, without
    direction."""
    return (
        METRICS.get(name) or QUANTITIES.get(name) or Metric(name, "", Direction.NONE, MetricKind.NOISY, name)
    )
