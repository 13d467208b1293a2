"""Probes: what a variant costs besides time. Each reading says where it comes from; none belongs in a timed round."""

from harness.probes.energy import gpu_share, joules
from harness.probes.launches import launches
from harness.probes.nvml import NvmlError, cuda_uuid, device_bytes, nvml
from harness.probes.peak import ALLOCATOR, allocations, peak_bytes
from harness.probes.shortage import Shortage, shortage
from harness.probes.snapshot import NoSnapshot, snapshot
from harness.probes.tree import ProcessTree, TreeWatch, watch_tree

__all__ = [
    "ALLOCATOR",
    "NoSnapshot",
    "NvmlError",
    "ProcessTree",
    "Shortage",
    "TreeWatch",
    "allocations",
    "cuda_uuid",
    "device_bytes",
    "gpu_share",
    "joules",
    "launches",
    "nvml",
    "peak_bytes",
    "shortage",
    "snapshot",
    "watch_tree",
]
