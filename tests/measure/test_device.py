"""Devices: a name that a user typed becomes a device that every function of torch accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.errors import UsageError
from harness.loading.loaders.dali import PipelineLoader
from harness.measure.device import chosen, indexed, share_device
from harness.plugin.session import Session
from harness.tune.messages import LoaderPlan
from harness.tune.worker import LoaderWorker
from tests.support.cuda_without_gpu import without_gpu


def test_without_cuda_the_device_is_the_cpu() -> None:
    """``auto`` finds the CPU, and a GPU that was requested and is not there is an error."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert chosen("auto") == chosen("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="--device: 'cuda' is not available"):
        chosen("cuda")
    with pytest.raises(pytest.UsageError, match="--device: 'cuda' is not available"):
        Session("cuda").device()
    with pytest.raises(UsageError, match="--device: 'cuda' is not available"):
        LoaderWorker(LoaderPlan(None, "cuda", "none"))


@pytest.mark.parametrize("current", [0, 3])
def test_a_gpu_has_its_index(monkeypatch: pytest.MonkeyPatch, current: int) -> None:
    """It is torch's current one; an index that was given stays, and a CPU has none."""
    without_gpu(monkeypatch, _cuda_getDevice=lambda: current)
    for found in (chosen("auto"), chosen("cuda"), Session().device()):
        assert found == torch.device("cuda", current)
    assert indexed(torch.device("cuda", 1)) == torch.device("cuda", 1)
    assert indexed(torch.device("cpu")) == torch.device("cpu")


def test_an_index_does_not_start_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before CUDA is started its current device is the first, without asking the driver."""
    made = without_gpu(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert chosen("cuda") == torch.device("cuda", 0)
    assert made == []


@pytest.mark.parametrize("session", ["auto", "cuda"])
def test_a_side_of_a_gate_takes_its_share_of_the_memory(
    monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    """torch refuses to set a share on a device without an index; the session's device is accepted."""
    made = without_gpu(monkeypatch)
    with pytest.raises(ValueError, match="index"):
        share_device(torch.device("cuda"))
    share_device(Session(session).device())
    assert made[-1] == ("_cuda_setMemoryFraction", (0.48, 0))


def test_loaders_work_on_the_current_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where torch's current GPU is not the first, DALI's is the same one."""
    without_gpu(monkeypatch, _cuda_getDevice=lambda: 2)
    loader = PipelineLoader([], batch_size=1, threads=1, device="cuda")
    assert (loader.device, loader.device_id) == (torch.device("cuda", 2), 2)
    assert PipelineLoader([], batch_size=1, threads=1).device_id is None
