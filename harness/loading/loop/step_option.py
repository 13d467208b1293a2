"""The step that a loop does with every batch, from what a user typed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from harness.loading.data.folder import DataError
from harness.loading.data.users_code import imported, raised
from harness.loading.loop.epoch import Step
from harness.loading.loop.step_forms import step_form

CYCLES = 10_000_000
"""Cycles of one reading: five milliseconds at full clock."""

BUSY_SECONDS = 0.5
"""Seconds after which an idle GPU's clock is up."""


def step_from(text: str, device: torch.device, classes: int) -> Step | None:
    """The step that is meant: none, one of a stated length, a network's training step, or the user's own.

    ``module:function`` is imported with the working folder on the path and called with images and
    labels on the device; a class is made first, with the device if it takes one. It takes whatever else it is
    called with. Raises DataError.
    """
    try:
        form = step_form(text)
    except ValueError as error:
        raise DataError(str(error)) from None
    if form.network:
        return Training(form.network, device, classes)
    if form.seconds is not None:
        return _busy(form.seconds, device) if device.type == "cuda" else _elsewhere(form.seconds)
    return _own(form.module, form.function, device) if form.module else None


def _elsewhere(seconds: float) -> Step:
    """Work that is done by another device: this process sleeps, and the cores are the loader's."""

    def step(*_batch: object) -> None:
        time.sleep(seconds)

    return step


def _busy(seconds: float, device: torch.device) -> Step:
    """Keeps the GPU busy for so long, and returns at once, as a training step does."""
    with torch.cuda.device(device):
        wanted = int(seconds * cycles_a_second())

    def step(*_batch: object) -> None:
        torch.cuda._sleep(wanted)

    return step


def cycles_a_second(now: Callable[[], float] = time.perf_counter) -> float:
    """Cycles of the current GPU's clock in a second, once it is up.

    An idle GPU counts at a fifth of its clock: it is kept busy for half a second first, and
    measured until two readings in a row are within one per cent, or for as long again.
    """
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    def reading() -> float:
        torch.cuda._sleep(CYCLES)
        start.record()
        torch.cuda._sleep(CYCLES)
        end.record()
        end.synchronize()
        return CYCLES * 1000 / float(start.elapsed_time(end))

    begin = now()
    latest = reading()
    while (spent := now() - begin) < 2 * BUSY_SECONDS:
        before, latest = latest, reading()
        if spent >= BUSY_SECONDS and abs(latest / before - 1) <= 0.01:
            break
    return latest


class Training:
    """One SGD step of a torchvision network, under autocast to bfloat16 on a GPU that has it."""

    def __init__(self, network: str, device: torch.device, classes: int) -> None:
        from torchvision import models

        self.device = device
        self.model: nn.Module = getattr(models, network)(num_classes=classes).to(device).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        self.half = device.type == "cuda" and torch.cuda.is_bf16_supported()

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Step on images [n, 3, height, width] and labels [n], both on the device; gives the loss,
        detached.
        """
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss = nn.functional.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def _own(module: str, name: str, device: torch.device) -> Step:
    found = imported("--step", module, name, "a function")
    if isinstance(found, type):
        found = _made(found, device)
    if not callable(found):
        raise DataError(f"--step {module}:{name} cannot be called: name a function of images and labels")
    return _naming_errors(found, f"--step {module}:{name}")


def _naming_errors(step: Step, what: str) -> Step:
    """The user's step; its errors name the step and the line that raised them."""

    def wrapped(*batch: Tensor) -> Tensor | None:
        try:
            return step(*batch)
        except Exception as error:
            raise RuntimeError(f"{what} raised {raised(error)}") from error

    return wrapped


def _made(kind: Callable[..., Any], device: torch.device) -> Any:
    try:
        return kind(device)
    except TypeError:
        return kind()
