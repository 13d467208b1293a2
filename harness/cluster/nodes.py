"""The nodes that this machine stands for: one for each of its GPUs, else as many as are requested."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from harness.errors import UsageError
from harness.probes.nvml import NvmlError, gpu_names, nvml

VISIBLE = "CUDA_VISIBLE_DEVICES"

Variables = Mapping[str, str | None]


def nodes_here(wanted: int | None, *, device: str, module: object = None) -> dict[str, Variables]:
    """The nodes by name, with the variables that make each one what it is. Raises UsageError.

    ``module`` stands in for pynvml. submitit hides all GPUs from its subprocesses: each node gets its own
    back.
    """
    gpus = [] if device == "cpu" else visible_gpus(module)
    if not gpus:
        return {f"here{number}": {VISIBLE: os.environ.get(VISIBLE)} for number in range(1, (wanted or 1) + 1)}
    if wanted is not None and wanted > len(gpus):
        raise UsageError(
            f"--nodes: {wanted} requested, and this machine has {len(gpus)}, its GPUs; request fewer"
        )
    return {f"gpu{number}": {VISIBLE: gpu} for number, gpu in enumerate(gpus[:wanted])}


def visible_gpus(module: object = None) -> list[str]:
    """The GPUs that CUDA would use, by the names that its variable takes."""
    stated = os.environ.get(VISIBLE)
    if stated is not None:
        return [gpu for word in stated.split(",") if (gpu := word.strip()) not in ("", "-1")]
    with suppress(NvmlError), nvml(module) as session:
        return gpu_names(session)
    return []
