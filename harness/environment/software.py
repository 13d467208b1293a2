"""Versions, torch's flags, relevant variables of the environment, and the revision of the user's own code."""

from __future__ import annotations

import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

DISTRIBUTIONS = (
    "torchvision",
    "torchcodec",
    "triton",
    "numpy",
    "prefetch_generator",
    "pytest",
    "pytest-benchmark",
)
DALI_WHEELS = ("nvidia-dali-cuda130", "nvidia-dali-cuda120", "nvidia-dali-cuda110")

_VARIABLES = re.compile(
    r"OMP_|KMP_|GOMP_|MKL_|OPENBLAS_|CUDA_|CUBLAS_|CUDNN_|NCCL_|PYTORCH_|NVIDIA_|TORCH|DALI_|MALLOC_|LD_PRELOAD$"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_FLAGS: Mapping[str, Callable[[ModuleType], object]] = {
    "tf32_matmul": lambda torch: torch.backends.cuda.matmul.allow_tf32,
    "tf32_cudnn": lambda torch: torch.backends.cudnn.allow_tf32,
    "fp32_precision_matmul": lambda torch: torch.backends.cuda.matmul.fp32_precision,
    "fp32_precision_conv": lambda torch: torch.backends.cudnn.conv.fp32_precision,
    "float32_matmul_precision": lambda torch: torch.get_float32_matmul_precision(),
    "fp16_reduced_precision_reduction": lambda torch: (
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction
    ),
    "bf16_reduced_precision_reduction": lambda torch: (
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
    ),
    "cudnn_enabled": lambda torch: torch.backends.cudnn.enabled,
    "cudnn_benchmark": lambda torch: torch.backends.cudnn.benchmark,
    "cudnn_deterministic": lambda torch: torch.backends.cudnn.deterministic,
    "deterministic_algorithms": lambda torch: torch.are_deterministic_algorithms_enabled(),
    "num_threads": lambda torch: torch.get_num_threads(),
    "num_interop_threads": lambda torch: torch.get_num_interop_threads(),
    "default_dtype": lambda torch: str(torch.get_default_dtype()),
}


def versions(torch: ModuleType | None) -> dict[str, str | None]:
    """Versions by name, None for what is absent; only ``torch`` itself is ever imported. ``torch`` may be
    None."""
    stated: Any = torch  # where it is None, nothing below can be read
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "torch": _asked(lambda: str(stated.__version__), None),
        "cuda": _asked(lambda: stated.version.cuda, None),
        "cudnn": _asked(lambda: str(stated.backends.cudnn.version() or "") or None, None),
        "nccl": _asked(lambda: ".".join(str(part) for part in stated.cuda.nccl.version()), None),
    }
    found |= {name: _version(name) for name in DISTRIBUTIONS}
    wheel = next((name for name in DALI_WHEELS if _version(name)), None)
    return found | {"dali": _version(wheel) if wheel else None, "dali_wheel": wheel}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def flags(torch: ModuleType | None) -> dict[str, object]:
    """Torch's settings that change speed or results; ``"unreadable"`` where torch cannot read it."""
    if torch is None:
        return {}
    unreadable: object = "unreadable"
    # It refuses the old TF32 names once the new ones were set: that, too, is a state worth recording.
    return {name: _asked(partial(read, torch), unreadable) for name, read in _FLAGS.items()}


def _asked(read: Callable[[], T], otherwise: T) -> T:
    try:
        return read()
    except Exception:
        return otherwise


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that steer threads, CUDA, allocators or torch, by name; none that looks like a secret.

    Nor the one that torch itself sets, to its default, once anything of its compiler is imported.
    """
    return {
        name: environ[name]
        for name in sorted(environ)
        if _VARIABLES.match(name) and not _SECRET.search(name) and not _is_default(name, environ[name])
    }


def _is_default(name: str, value: str) -> bool:
    usual = rf"{re.escape(tempfile.gettempdir())}/torchinductor_[^/]*"
    return name == "TORCHINDUCTOR_CACHE_DIR" and re.fullmatch(usual, value) is not None


def git(directory: Path) -> dict[str, object] | None:
    """The revision checked out there, its branch (empty where none is), and whether the files differ from it;
    None without git or a repository."""
    try:
        revision, branch = _git_says(directory, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").splitlines()
        dirty = bool(_git_says(directory, "status", "--porcelain").strip())
        # A branch that shares its name with a tag has "heads/" in front.
        branch = "" if branch == "HEAD" else branch.removeprefix("heads/")
        return {"revision": revision, "branch": branch, "dirty": dirty}
    except (OSError, subprocess.SubprocessError):
        return None


def _git_says(directory: Path, *command: str) -> str:
    # Without optional locks: a measuring process must not get in the way of the user's own git.
    words = ["git", "--no-optional-locks", "-C", str(directory), *command]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout
