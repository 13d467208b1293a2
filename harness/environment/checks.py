"""What this machine can measure: GPU, packages, cores, memory, disks, each with its remedy where it is
missing."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from harness.environment import unusable_gpu
from harness.environment.gpus import list_gpus
from harness.environment.host import host, read
from harness.loading.loaders import KINDS
from harness.loading.machine.limits import WORKER_BYTES, free_shared, size
from harness.model import MachineCheck, Readiness
from harness.monitor.usage import CpuUse, disturbing

TOOLS = ("tensorboard", "tensorboardX", "torchcodec", "torchinfo", "torchviz", "visdom")
"""Packages of which claims are skipped where they are missing."""

LEAST_DISK = 2 * 2**30
"""Bytes that runs and generated images may need."""

SHARED_EACH = 64 * 2**20
"""Bytes of shared memory that a worker with photographs keeps."""


def check_machine(
    results: Path,
    *,
    root: Path = Path("/"),
    environ: Mapping[str, str] = os.environ,
    busy: Callable[[], float] | None = None,
) -> Iterator[MachineCheck]:
    """Each check as soon as it is done, cheap ones first. Imports torch.

    ``results`` is where runs would be saved; ``root`` has proc and sys; ``busy`` gives the cores that other
    processes use, measured over a second by default. Nothing is raised for what is absent.
    """
    machine = host(root, environ)
    yield _cores(machine)
    yield _governor(root)
    yield _others((busy or _cores_in_use)(), machine)
    yield _memory(machine)
    yield _shared_memory()
    yield from _disks(results)
    yield _compiler()
    torch = _imported("torch")
    yield _torch(torch)
    yield from _gpus(torch)
    if torch is not None:
        yield _loaders(torch)
        yield _decoder()
    yield _tools()


def _ready(name: str, found: str) -> MachineCheck:
    return MachineCheck(name, Readiness.READY, found)


def _cores(machine: Mapping[str, Any]) -> MachineCheck:
    usable, there = machine["usable_cores"], machine["cores"]
    found = f"{usable} of {there} usable, {machine['cpu']}"
    if usable >= 2:
        return _ready("cores", found)
    return MachineCheck(
        "cores", Readiness.LIMITED, found,
        "loaders' workers share the core of the loop",
        "raise the container's quota (docker run --cpus) or the affinity (taskset)",
    )  # fmt: skip


def _governor(root: Path) -> MachineCheck:
    governor = read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if not governor:
        return MachineCheck(
            "CPU clock", Readiness.LIMITED, "not shown to this machine, as in most virtual ones",
            "changes of the clock cannot be seen",
            "nothing to do: rounds take turns every few milliseconds, so that both sides feel them",
        )  # fmt: skip
    if governor == "performance":
        return _ready("CPU clock", "governor performance")
    return MachineCheck(
        "CPU clock", Readiness.LIMITED, f"governor {governor}",
        "the first rounds after a pause run at a lower clock",
        "cpupower frequency-set -g performance",
    )  # fmt: skip


def _cores_in_use() -> float:
    """The cores that other processes used during a second."""
    use = CpuUse()
    time.sleep(1.0)
    return use.since().get("other_cores", 0.0)


def _others(cores: float, machine: Mapping[str, Any]) -> MachineCheck:
    found = disturbing(cores, machine["usable_cores"])
    if not found:
        return _ready("other processes", f"others use {cores:.1f} cores")
    return MachineCheck(
        "other processes", Readiness.LIMITED, found,
        "verdicts take more units, and loaders are slower than alone",
        "end them, or measure later",
    )  # fmt: skip


def _memory(machine: Mapping[str, Any]) -> MachineCheck:
    free, total = psutil.virtual_memory().available, machine["memory_bytes"]
    found = f"{size(free)} free of {size(total)}"
    if free >= 4 * 2**30:
        return _ready("memory", found)
    return MachineCheck(
        "memory", Readiness.LIMITED, found,
        f"fewer workers: a spawned one takes {size(WORKER_BYTES)} and more",
        "end other processes, or raise the container's limit (docker run --memory)",
    )  # fmt: skip


def _shared_memory() -> MachineCheck:
    room = free_shared()
    if room is not None and room.free >= 8 * SHARED_EACH:
        return _ready("/dev/shm", f"{size(room.free)} free")
    return MachineCheck(
        "/dev/shm", Readiness.LIMITED if room else Readiness.MISSING, f"{size(room.free)} free" if room else "none",
        "workers hand over their batches there: large batches end with a bus error",
        "docker run --shm-size=8g, or --ipc=host",
    )  # fmt: skip


def _disks(results: Path) -> Iterator[MachineCheck]:
    for name, folder in (("results", results), ("temporary files", Path(tempfile.gettempdir()))):
        there = folder.resolve()
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        found = f"{size(free)} free for {folder}"
        if not os.access(there, os.W_OK):
            yield MachineCheck(
                name, Readiness.MISSING, f"{there} cannot be written to", "nothing can be saved",
                "--results FOLDER" if name == "results" else "set TMPDIR to another folder",
            )  # fmt: skip
        elif free < LEAST_DISK:
            yield MachineCheck(
                name, Readiness.LIMITED, found, "a long run may end for want of room",
                "make room there, or --results FOLDER" if name == "results" else "make room there, or set TMPDIR",
            )  # fmt: skip
        else:
            yield _ready(name, found)


def _compiler() -> MachineCheck:
    if found := shutil.which("c++"):
        return _ready("C++ compiler", found)
    return MachineCheck(
        "C++ compiler", Readiness.MISSING, "no c++ on the path", "torch.compile is skipped", "apt install g++"
    )


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except Exception:  # an incomplete package raises anything; it counts as missing
        return None


def _torch(torch: Any) -> MachineCheck:
    if torch is None:
        return MachineCheck(
            "torch", Readiness.MISSING, "cannot be imported", "nothing can be measured",
            "pip install torch torchvision; python -c 'import torch' says what is wrong",
        )  # fmt: skip
    return _ready("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")


def _gpus(torch: Any) -> Iterator[MachineCheck]:
    warnings: list[str] = []
    gpus, driver = list_gpus(torch, None, warnings)
    skipped = "claims about GPUs are skipped"
    if not gpus:
        yield MachineCheck(
            "GPU", Readiness.MISSING, "none", skipped, "measure on a machine with an NVIDIA GPU"
        )
        return
    named = ", ".join(f"{gpu['name']}" for gpu in gpus)
    if trouble := (unusable_gpu(torch=torch) if torch is not None else None):
        remedy = trouble.rpartition(": ")[2]
        yield MachineCheck("GPU", Readiness.MISSING, f"{named}: {trouble}", skipped, remedy)
    else:
        yield _ready("GPU", named)
    if driver:
        yield _ready("NVML", f"driver {driver['version']}, CUDA up to {driver['cuda']}")
    else:
        yield MachineCheck(
            "NVML", Readiness.MISSING, "; ".join(warnings) or "does not answer",
            "memory, clocks, power and other processes of the GPU cannot be read",
            "install the driver's libnvidia-ml.so.1 (in a container: the utility capability)",
        )  # fmt: skip


def _loaders(torch: Any) -> MachineCheck:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    missing = {kind.name: reason for kind in KINDS if (reason := kind.missing(device))}
    extras = sorted({kind.extra for kind in KINDS if kind.name in missing and kind.extra})
    found = f"{len(KINDS) - len(missing)} of {len(KINDS)} kinds"
    if not missing:
        return _ready("loaders", found)
    reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    remedy = "install what a reason names; the others need a GPU"
    if extras and device.type == "cuda":
        remedy = f"install the extras {', '.join(extras)}"
    return MachineCheck("loaders", Readiness.LIMITED, found, reasons, remedy)


def _decoder() -> MachineCheck:
    from harness.loading.data import decoders

    found = decoders.decoder_here()
    if found == decoders.TORCHCODEC:
        return _ready("image decoder", found)
    return MachineCheck(
        "image decoder", Readiness.LIMITED, found,
        "torchvision's decoders warn at every call and will be removed; loaders of tensors need them then",
        "install torchcodec 0.16 or later, a version that goes with this torch",
    )  # fmt: skip


def _tools() -> MachineCheck:
    missing = [name for name in TOOLS if find_spec(name) is None]
    if not missing:
        return _ready("tools on trial", f"all of {', '.join(TOOLS)}")
    return MachineCheck(
        "tools on trial", Readiness.LIMITED, f"without {', '.join(missing)}",
        "the claims about them are skipped",
        f"pip install {' '.join(missing)}" if missing != ["visdom"]
        else "pip install visdom, with a setuptools that still has pkg_resources (below 82)",
    )  # fmt: skip
