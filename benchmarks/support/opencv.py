"""Images that OpenCV resizes, where it is installed, and the number of its threads."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.loading.data.recipe import SIZE, Transform


def missing() -> str | None:
    """Why there is no OpenCV here; None where there is."""
    if importlib.util.find_spec("cv2") is None:
        return "OpenCV is not installed (pip install opencv-python-headless)"
    return None


def resized_by_opencv() -> Transform:
    """PIL image to float32 [3, 224, 224] in 0..1; a worker that is spawned gets it by its name."""
    return _resized


def _resized(picture: Any) -> Tensor:
    opencv: Any = importlib.import_module("cv2")
    pixels = opencv.resize(np.asarray(picture), (SIZE, SIZE), interpolation=opencv.INTER_AREA)
    return torch.from_numpy(pixels).permute(2, 0, 1).float().div_(255)


def without_threads(_worker: int) -> None:
    """Let OpenCV compute on the thread that calls it; a DataLoader's ``worker_init_fn``."""
    importlib.import_module("cv2").setNumThreads(0)
