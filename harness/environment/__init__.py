"""The fingerprint of where something was measured: machine, GPUs, driver, software, flags, variables, git.

A plain nested dict of JSON values, so that it can be stored, shown side by side and compared key by key:

- ``machine_id``: the same on the same machine, see `machine_id`;
- ``machine``: CPU model, cores (there, allowed, quota, usable), memory in bytes, kernel, container;
- ``gpus``: name, UUID, memory in bytes, compute capability of every GPU that NVML (or else torch) sees;
- ``driver``: its version and the newest CUDA it supports; empty without one;
- ``software``: versions, None where absent; ``flags``: torch's settings; ``variables``: relevant ones that
  are set;
- ``git``: revision, branch and whether anything differs from them, or None; ``warnings``: what could not be
  found out.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.environment.gpus import list_gpus, measured_on, unusable_gpu
from harness.environment.host import host, read
from harness.environment.software import flags, git, variables, versions

__all__ = ["fingerprint", "machine_id", "measured_on", "unusable_gpu"]


def fingerprint(
    *,
    torch: ModuleType | None = None,
    importing: bool = True,
    module: object = None,
    directory: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
) -> dict[str, Any]:
    """The environment of this process, as the module's docstring lists it. Never raises for what is absent.

    Imports torch, unless ``importing`` is False, but not what merely has a version. ``torch`` and ``module``
    (for pynvml) may be stand-ins; ``directory`` is the one whose git revision is taken (None: the working
    directory); ``root`` has etc and proc in it.
    """
    warnings: list[str] = []
    if torch is None and importing:
        try:
            import torch
        except Exception as error:
            warnings.append(f"torch cannot be imported: {type(error).__name__}: {error}")
    gpus, driver = list_gpus(torch, module, warnings)
    machine = host(root, environ)
    return {
        "machine_id": machine_id(machine, gpus, root=root),
        "machine": machine,
        "gpus": gpus,
        "driver": driver,
        "software": versions(torch),
        "flags": flags(torch),
        "variables": variables(environ),
        "git": git(directory or Path.cwd()),
        "warnings": warnings,
    }


def machine_id(
    machine: Mapping[str, object], gpus: Iterable[Mapping[str, object]], *, root: Path = Path("/")
) -> str:
    """Twelve hexadecimal digits: equal for the same machine, and no way back to its name.

    From the system's machine-id (the host name where there is none), the CPU, the cores and the GPUs' UUIDs.
    Not from the memory, which may grow while a virtual machine runs. The hardware is in it because a
    container image brings its own machine-id to every host.
    """
    name = platform.node()
    for file in (root / "etc/machine-id", root / "var/lib/dbus/machine-id"):
        found = read(file)
        if found:
            name = found
            break
    parts = [name, str(machine["cpu"]), str(machine["cores"])]
    parts += sorted(str(gpu["uuid"]) for gpu in gpus)
    return hashlib.sha256("\0".join(["tipbench", *parts]).encode()).hexdigest()[:12]
