"""Inputs that several benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.loading.data.folder import class_names
from harness.loading.data.generated import jpeg_folder, tiny_set, uneven_folder


@pytest.fixture
def images(compare: Any) -> Path:
    """The user's image folder, or the generated one."""
    return compare.data or jpeg_folder()


@pytest.fixture
def uneven() -> Path:
    """Generated images of which every 16th takes four times as long to decode, which a user's folder cannot
    promise."""
    return uneven_folder()


@pytest.fixture
def tiny() -> Path:
    """A file of samples as small as MNIST's."""
    return tiny_set()


@pytest.fixture
def train_step(images: Path, device: Any) -> Any:
    """A real training step on the device, for photographs and for tiny samples."""
    from support.training_step import TrainingStep

    return TrainingStep(device, classes=max(10, len(class_names(images))))


@pytest.fixture
def loop(device: Any, train_step: Any) -> dict[str, Any]:
    """The loop around a DataLoader: its step, and batches that reach the device in the best known way."""
    on_gpu = device.type == "cuda"
    return {"device": device, "step": train_step, "pin_memory": on_gpu, "non_blocking": on_gpu}
