"""The GPUs of the machine and their driver, and whether torch can use them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.probes.nvml import Nvml, NvmlError, cuda_uuid, is_absent, nvml, text, uuid_of

if TYPE_CHECKING:
    import torch


def unusable_gpu(
    *, torch: ModuleType | None = None, module: object = None, environ: Mapping[str, str] = os.environ
) -> str | None:
    """Why torch cannot use a GPU that NVML sees, with the driver, torch's CUDA and the remedy; None if all is
    well.

    All is well, too, where there is no GPU, and where CUDA_VISIBLE_DEVICES hides them on purpose.
    """
    hidden = environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.split(",")[0].strip() in ("", "-1"):
        return None
    gpus, driver = list_gpus(None, module, [])
    if not gpus:
        return None
    torch = torch or import_module("torch")
    trouble = _trouble(torch, gpus, driver)
    if trouble is None:
        return None
    mine = f"torch {torch.__version__}, built for CUDA {torch.version.cuda or 'none'},"
    theirs = f"{gpus[0]['name']} (driver {driver['version']}, which supports CUDA up to {driver['cuda']})"
    return f"{mine} cannot use the {theirs}: {trouble}"


def measured_on(device: torch.device) -> dict[str, str]:
    """The type of a ``torch.device``, and a GPU's UUID, so that the monitor looks at the same GPU."""
    found: dict[str, str] = {"type": device.type}
    if device.type == "cuda":
        with suppress(Exception):  # where torch does not know it, it is not monitored, and the monitor warns
            found["uuid"] = cuda_uuid(device)
    return found


def _trouble(torch: ModuleType, gpus: list[dict[str, Any]], driver: Mapping[str, str]) -> str | None:
    build = torch.version.cuda
    if build is None:
        return "this torch is built without CUDA; install a CUDA build of torch"
    if not torch.cuda.is_available():
        if _numbers(driver["cuda"])[:1] < _numbers(build)[:1]:
            return (
                f"the driver is too old; update it to one that supports CUDA {build}, "
                f"or install a torch built for CUDA {driver['cuda']} or older"
            )
        return f"{_refusal(torch)}; check that nvidia-smi works here and that the driver's modules match its libraries"
    # 'sm_90' and 'sm_90a' alike are code for 9.0 and later.
    digits = [found[1] for arch in torch.cuda.get_arch_list() if (found := re.match(r"sm_(\d+)", arch))]
    oldest = min(((int(number[:-1]), int(number[-1])) for number in digits), default=(0, 0))
    newest = max(_numbers(gpu["compute_capability"]) for gpu in gpus)
    if newest < oldest:
        return (
            f"it has no code for compute capability {newest[0]}.{newest[1]}, only from {oldest[0]}.{oldest[1]} on;"
            " install an older torch, or one built for this GPU"
        )
    return None


def _refusal(torch: ModuleType) -> str:
    try:
        torch.cuda.init()
    except Exception as error:
        return str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
    return "torch finds no usable device"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def list_gpus(
    torch: ModuleType | None, module: object, warnings: list[str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Every GPU that NVML sees, or else torch, and the driver. What stays unknown is added to ``warnings``.

    ``module`` stands in for ``pynvml`` where given; ``torch`` None asks NVML alone.
    """
    try:
        with nvml(module) as session:
            number = int(session.nvmlSystemGetCudaDriverVersion_v2())
            cuda = f"{number // 1000}.{number % 1000 // 10}"
            driver = {"version": text(session.nvmlSystemGetDriverVersion()), "cuda": cuda}
            handles = [
                session.nvmlDeviceGetHandleByIndex(index) for index in range(session.nvmlDeviceGetCount())
            ]
            return [_described(session, handle) for handle in handles], driver
    except NvmlError as error:
        reason, absent = str(error), is_absent(error)
    except Exception as error:
        reason, absent = f"NVML does not describe the GPUs: {type(error).__name__}", is_absent(error)
    if torch is None or not torch.cuda.is_available():
        if not absent:
            warnings.append(f"{reason}; if there is a GPU, nothing is known of it")
        return [], {}
    warnings.append(f"{reason}; the GPUs are described by torch, the driver is not known")
    return [_by_torch(torch, index) for index in range(torch.cuda.device_count())], {}


def _described(session: Nvml, handle: object) -> dict[str, Any]:
    major, minor = session.nvmlDeviceGetCudaComputeCapability(handle)
    memory = None
    with suppress(Exception):  # a GPU that shares the host's memory has none of its own
        memory = int(session.nvmlDeviceGetMemoryInfo(handle).total)
    return {
        "name": text(session.nvmlDeviceGetName(handle)),
        "uuid": text(session.nvmlDeviceGetUUID(handle)),
        "memory_bytes": memory,
        "compute_capability": f"{major}.{minor}",
    }


def _by_torch(torch: ModuleType, index: int) -> dict[str, Any]:
    # This starts CUDA in the process, which asking NVML does not.
    seen = torch.cuda.get_device_properties(index)
    return {
        "name": seen.name,
        "uuid": uuid_of(seen),
        "memory_bytes": int(seen.total_memory),
        "compute_capability": f"{seen.major}.{seen.minor}",
    }
