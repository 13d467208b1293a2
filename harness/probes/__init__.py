"""Probes: what a variant costs besides time. Each reading says where it comes from; none belongs in a timed round."""

from harness.probes.energy import gpu_share, joules
from harness.probes.launches import launches
from harness.probes.nvml import NvmlError, cuda_uuid, device_bytes, nvml
from harness.probes.out_of_memory import OutOfMemory, out_of_memory
from harness.probes.peak import ALLOCATOR, allocations, peak_bytes
from harness.probes.snapshot import NoSnapshot, snapshot
from harness.probes.tree import ProcessTree, TreeWatch, watch_tree

__all__ = [
    "ALLOCATOR",
    "NoSnapshot",
    "NvmlError",
    "OutOfMemory",
    "ProcessTree",
    "TreeWatch",
    "allocations",
    "cuda_uuid",
    "device_bytes",
    "gpu_share",
    "joules",
    "launches",
    "nvml",
    "out_of_memory",
    "peak_bytes",
    "snapshot",
    "watch_tree",
]
