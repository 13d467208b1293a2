"""What the driver's management library reports of a GPU: an open session, and a device's used bytes.

CUDA devices are matched to NVML's by UUID, never by index: CUDA_VISIBLE_DEVICES and the device
order renumber them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

from harness.errors import HarnessError
from harness.probes.probe import Probe, ProbeReading, ProbeReadings

if TYPE_CHECKING:
    import torch

_SLICE = re.compile(r"\bMIG\b")
"""What the name of a slice has in it, such as ``NVIDIA H200 MIG 1g.18gb``."""

DEVICE_SOURCE = "NVML, whole device"


class Nvml(Protocol):
    """NVML's bindings in Python (``pynvml``), or what stands in for them.

    It states no function: old bindings and old drivers lack some, and each caller provides for that.
    """

    def __getattr__(self, name: str) -> Any: ...


class NvmlError(HarnessError):
    """NVML cannot be used; the message gives the reason."""


class NvmlAbsent(NvmlError):
    """There is no NVML: normal on a machine without an NVIDIA driver."""


@contextmanager
def nvml(module: object = None) -> Iterator[Nvml]:
    """An initialised NVML; shut down again on leaving. Raises NvmlError, NvmlAbsent where there is none.

    ``module`` stands in for ``pynvml`` where given.
    """
    if module is None:
        try:
            module = import_module("pynvml")
        except ImportError as error:
            raise NvmlAbsent("pynvml is not installed (pip install nvidia-ml-py)") from error
    session = cast(Nvml, module)
    try:
        session.nvmlInit()
    except Exception as error:
        kind = NvmlAbsent if is_absent(error) else NvmlError
        raise kind(f"NVML does not start: {type(error).__name__}") from error
    try:
        yield session
    finally:
        with suppress(Exception):
            session.nvmlShutdown()


def is_absent(error: BaseException) -> bool:
    """Whether an error means that there is no NVML here: ours, or one of the bindings, which make
    classes late.
    """
    return isinstance(error, NvmlAbsent) or type(error).__name__ == "NVMLError_LibraryNotFound"


def text(value: object) -> str:
    """NVML's strings: bytes in old bindings, str in new ones."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def cuda_uuid(device: torch.device | int | None, *, torch: ModuleType | None = None) -> str:
    """The UUID of a CUDA device as NVML spells it, such as ``GPU-8f2b...``; starts CUDA in this process."""
    return uuid_of((torch or import_module("torch")).cuda.get_device_properties(device))


def uuid_of(properties: object) -> str:
    """The UUID in torch's properties of a device, as NVML spells it: a slice of a board (MIG) has a
    prefix of its own.
    """
    uuid = text(getattr(properties, "uuid", "unknown"))
    if uuid.startswith(("GPU-", "MIG-")):
        return uuid
    return f"MIG-{uuid}" if _SLICE.search(str(getattr(properties, "name", ""))) else f"GPU-{uuid}"


def gpu_names(session: Nvml, warn: Callable[[str], object] = lambda _: None) -> list[str]:
    """The UUIDs of all GPUs that an open NVML sees; those that cannot be read are left out, with a
    call of ``warn``.
    """
    found = []
    for index in range(session.nvmlDeviceGetCount()):
        try:
            found.append(text(session.nvmlDeviceGetUUID(session.nvmlDeviceGetHandleByIndex(index))))
        except Exception as error:  # one board that has fallen off its bus must not hide the others
            warn(f"NVML does not report which GPU its number {index} is: {type(error).__name__}")
    return found


def device_bytes(uuid: str, *, module: object = None) -> tuple[int | None, str]:
    """Bytes in use on the GPU of that UUID, by all processes, and the source; None and the reason
    where NVML cannot report them.

    Take a quiet start's reading and subtract it: other processes, the context and library handles
    are in here too.
    """
    try:
        with nvml(module) as session:
            handle = session.nvmlDeviceGetHandleByUUID(uuid)
            return int(session.nvmlDeviceGetMemoryInfo(handle).used), DEVICE_SOURCE
    except NvmlError as error:
        return None, str(error)
    except Exception as error:
        return None, f"NVML does not report the memory of {uuid}: {type(error).__name__}"


class DeviceMemoryProbe(Probe):
    """Device memory in use, by all processes; nothing without a GPU."""

    name = "device memory"
    metrics = ("device_bytes",)

    def read(self) -> ProbeReadings:
        """The bytes now. Raises NvmlError where NVML does not give them."""
        if self.subject.device.type != "cuda":
            return {}
        used, source = device_bytes(cuda_uuid(self.subject.device))
        if used is None:
            raise NvmlError(source)
        return {"device_bytes": ProbeReading(float(used), source)}
