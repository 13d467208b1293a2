"""Probes: what a variant costs besides time. Each reading says where it comes from; none belongs in
a timed round.

`PROBES` is the list of those that read in the isolated pass: add a class to it, and its metric to
`harness.model`. What has to run a call itself (profiler, allocator, energy) is a function of that
call, for a pass of its own.
"""

from harness.probes.energy import GpuShareProbe, gpu_share, joules
from harness.probes.launches import launches
from harness.probes.nvml import DeviceMemoryProbe, NvmlError, cuda_uuid, device_bytes, nvml
from harness.probes.out_of_memory import OutOfMemory, out_of_memory
from harness.probes.peak import ALLOCATOR, allocations, peak_bytes
from harness.probes.pinned import PinnedMemoryProbe
from harness.probes.probe import Probe, ProbeReading, ProbeReadings, ProbeSubject
from harness.probes.process_usage import UsageProbe
from harness.probes.shared_memory import SharedMemoryProbe
from harness.probes.snapshot import NoSnapshot, snapshot
from harness.probes.tree import LeftoversProbe, MemoryProbe, ProcessTree, TreeWatch, watch_tree

__all__ = [
    "ALLOCATOR",
    "PROBES",
    "NoSnapshot",
    "NvmlError",
    "OutOfMemory",
    "Probe",
    "ProbeReading",
    "ProbeReadings",
    "ProbeSubject",
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

PROBES: tuple[type[Probe], ...] = (
    LeftoversProbe,
    MemoryProbe,
    SharedMemoryProbe,
    UsageProbe,
    GpuShareProbe,
    DeviceMemoryProbe,
    PinnedMemoryProbe,
)
"""Those of the isolated pass; they start in this order and stop in the opposite one."""
