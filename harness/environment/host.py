"""The machine under the GPUs: CPU, cores, memory, kernel, container."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from harness.loading.machine.cores import cgroup_quota, usable_cores


def host(root: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the machine is and what of it this process may use; memory in bytes. ``root`` has proc and the
    hints."""
    models = re.findall(r"^model name\s*:\s*(.+)$", read(root / "proc/cpuinfo"), re.MULTILINE)
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "affinity": len(affinity(0)) if affinity else None,
        "quota_cores": cgroup_quota(),
        "usable_cores": usable_cores(),
        "memory_bytes": int(psutil.virtual_memory().total),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "container": _container(root, environ),
    }


def _container(root: Path, environ: Mapping[str, str]) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    hints = (("docker", ".dockerenv"), ("podman", "run/.containerenv"), ("singularity", ".singularity.d"))
    return next((name for name, file in hints if (root / file).exists()), environ.get("container"))


def read(file: Path) -> str:
    """The file's text, stripped; nothing where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
