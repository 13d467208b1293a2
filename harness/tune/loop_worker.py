"""What loader processes of images and of a user's dataset have in common: how a sample is timed and read."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace

import torch

from harness.loading.loop.epoch import Batch, Step
from harness.loading.loop.loader import Loader
from harness.loading.loop.survey import survey
from harness.loading.loop.window import Meters, steady
from harness.loading.machine.page_cache import disk_bytes
from harness.model import LoaderSample, Setting
from harness.probes import ProcessTree
from harness.probes.pinned import pinned_now
from harness.probes.shared_memory import shared_bytes
from harness.tune.messages import MeasureEpochs, MeasureSample

SPARE = 1 << 15
"""Samples beyond those a window needs, so that it can last as long as it must."""


class LoopWorker(ABC):
    """The device and the step of this process."""

    step: Step | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._tree = ProcessTree()

    @abstractmethod
    def small_epochs(self, setting: Setting, samples: int, request: MeasureEpochs) -> Loader:
        """A loader of epochs of so many samples, without a step."""

    def epochs(self, request: MeasureEpochs) -> dict[str, float]:
        """What a loader costs beside the time of its batches; best measured in a process that ran nothing
        before."""
        setting = request.setting

        def make(batch_size: int, samples: int) -> Loader:
            return self.small_epochs(replace(setting, batch_size=batch_size), samples, request)

        batches = max(1, setting.workers)
        return survey(
            make, batch_size=setting.batch_size, batches=batches, device=self.device, tree=self._tree
        )

    def _loaded(
        self,
        opened: Callable[[], Loader],
        request: MeasureSample,
        around: Callable[[Iterable[Batch]], Iterable[Batch]] = iter,
    ) -> LoaderSample:
        """A window of the loop with a loader, and what the loader takes; its batches pass through
        ``around``."""
        shared = shared_bytes()
        with opened() as loader, closing(loader.with_timeout()) as given:
            found = self._timed(around(given), request, request.setting.depth, copied=loader.copied)
            readings = {**found.readings, "pss_bytes": float(self._tree.memory()[0])}
            if shared is not None and (used := shared_bytes()) is not None:
                readings["shm_bytes"] = float(max(0, used - shared))
            if pinned := pinned_now():
                readings["pinned_bytes"] = float(pinned)
        return replace(found, readings=readings)

    def _timed(
        self,
        batches: Iterable[Batch],
        request: MeasureSample,
        discard: int,
        copied: Callable[[], float] | None = None,
    ) -> LoaderSample:
        gc.collect()
        gc.disable()
        try:
            return steady(
                batches, None if request.alone else self.step, discard=discard, count=request.count,
                least_seconds=request.least_seconds, most_seconds=request.most_seconds,
                settle=self._settle, meters=self._meters, copied=copied,
            )  # fmt: skip
        finally:
            gc.enable()

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _meters(self) -> Meters:
        return Meters(self._tree.cpu_seconds(), disk_bytes(member.pid for member in self._tree.members()))


def window_samples(request: MeasureSample) -> int:
    """Samples that the window of a request draws on at most."""
    setting = request.setting
    return setting.batch_size * (2 * setting.depth + 2 * request.count) + SPARE
