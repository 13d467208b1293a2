"""What lives in a loader process of a user's own dataset: the same requests as for images, of the DataLoader
alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from random import Random
from time import monotonic
from typing import Any

import torch

from harness.errors import UsageError
from harness.loading.data.folder import DataError
from harness.loading.data.own import OwnData, own_data
from harness.loading.data.repeated import Repeated
from harness.loading.data.users_code import raised
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loaders.kind import LoaderRequest
from harness.loading.loaders.own_dataset import NOT_APPLICABLE, OwnLoader, spread
from harness.loading.loop.ceilings import copy_rate
from harness.loading.loop.epoch import Batch
from harness.loading.loop.loader import Loader
from harness.loading.loop.nested import pinned, tensor_bytes, to_device
from harness.loading.loop.step_option import step_from
from harness.loading.loop.window import TooFewBatches, steady
from harness.loading.machine.threads import one_thread
from harness.measure.device import chosen
from harness.model import LoaderSample, OwnDataset, SampleStage, Setting, StepInput
from harness.tune.loop_worker import LoopWorker, window_samples
from harness.tune.messages import (
    PLAIN,
    CheckDelivery,
    Introduction,
    LoaderPlan,
    MeasureCeilings,
    MeasureEpochs,
    MeasureOneCore,
    MeasureSample,
    MeasureStages,
)

MOST_SAMPLES = 4096
"""Different samples that a map-style dataset is measured on at most, as many as of images."""

LOOKED_AT = 8
"""Samples of which the size of others is taken."""

CHECKED = 20
"""Samples that workers must deliver before anything is timed."""

FREE = 16
"""Different samples in a batch that costs nothing."""


class DatasetWorker(LoopWorker):
    """The dataset, the device and the step of this process.

    Workers are forked from a dataset that this process never read: many open a file when they are first read,
    and it must not be shared. What this process reads itself is another one, made when it is needed.
    """

    def __init__(self, plan: LoaderPlan) -> None:
        """Raises UsageError for what is not a dataset, or a device that is not there, and DataError for a
        step."""
        super().__init__(chosen(plan.device))
        self._place = plan.dataset
        self._unread = own_data(self._place)
        self._read: OwnData | None = None
        self.step = spread(step_from(plan.step, self.device, 0))
        length = self._unread.samples or 0
        self._places = Random(0).sample(range(length), min(length, MOST_SAMPLES))
        self._sample_bytes = 0

    def introduce(self) -> Introduction:
        """Where this runs, and what the dataset is."""
        from harness.environment import fingerprint, measured_on

        own = self._unread
        some = list(islice(self._samples(), LOOKED_AT))
        if not some:
            raise UsageError(f"--dataset {self._place}: the dataset is empty, nothing came of it")
        self._sample_bytes = tensor_bytes(self._batch(some)) // len(some)
        facts = {"samples": own.samples, "iterable": own.iterable, "collate": own.collates}
        return Introduction(
            {**fingerprint(), "device": measured_on(self.device), "dataset": facts},
            self.device.type,
            own.samples or 0,
            dict.fromkeys((name for name in LOADER_KINDS if name != PLAIN), NOT_APPLICABLE),
            dataset=OwnDataset(self._place, own.samples, own.iterable, own.collates),
            sample_bytes=self._sample_bytes,
        )

    def find_damaged(self, seconds: float) -> dict[str, str]:
        """Nothing is left out: a sample that raises raises here. Reads samples for so many seconds; those are
        in the page cache then."""
        end = monotonic() + seconds
        for _ in islice(self._samples(), MOST_SAMPLES):
            if monotonic() >= end:
                break
        return {}

    def leave_out(self, files: Iterable[str]) -> None:
        """There are no files that are known of."""

    def sample(self, request: MeasureSample) -> LoaderSample:
        """A window of the loop with this loader, or with batches that cost nothing."""
        if request.step_input in (StepInput.RESIDENT, StepInput.CACHED):
            return self._timed(self._free(request.setting, request.step_input), request, 2)
        places = Repeated(self._places, window_samples(request), request.seed)
        try:
            return self._loaded(lambda: self._made(request.setting, places, step=True, endless=True), request)
        except TooFewBatches:
            raise DataError(
                f"--dataset {self._place}: the dataset delivered nothing more to any of "
                f"{max(1, request.setting.workers)} workers: give it a sample for each"
            ) from None

    def check(self, request: CheckDelivery) -> str | None:
        """What is wrong if workers deliver nothing: there is no other kind to compare them with. Raises what
        the loader raises."""
        setting = request.setting
        own = Setting(setting.kind, min(2, setting.workers), min(2, setting.prefetch), 5, setting.pin)
        with self._made(own, Repeated(self._places, CHECKED, 0)) as loader:
            delivered = sum(len(ids) for _, _, ids in loader.with_timeout())
        return None if delivered else f"--dataset {self._place}: workers delivered no sample"

    def one_core(self, request: MeasureOneCore) -> float:
        """Seconds a sample that one core needs to read samples and to put them into batches."""
        alone = Setting(PLAIN, 0, 0, request.setting.batch_size)
        places = Repeated(self._places, alone.batch_size * (request.count + 1), request.seed)
        with (
            one_thread(),
            self._made(alone, places, endless=True) as loader,
            closing(loader.with_timeout()) as batches,
        ):
            return steady(
                batches, None, discard=0, count=request.count, most_seconds=request.most_seconds, settle=self._settle
            ).seconds  # fmt: skip

    def stages(self, _: MeasureStages) -> tuple[SampleStage, ...]:
        """None: what the dataset does for a sample is not known."""
        return ()

    def at_fault(self, _: DataError) -> str | None:
        """No file: which one a sample is of is not known."""
        return None

    def ceilings(self, request: MeasureCeilings) -> dict[str, float]:
        """Samples a second that the copy to the device allows."""
        rate = copy_rate(request.batch_size, max(1, self._sample_bytes), self.device)
        return {} if rate is None else {"copy": rate}

    def count_images(self) -> int | None:
        """The number of samples, if the dataset has one."""
        return self._unread.samples

    def small_epochs(self, setting: Setting, samples: int, request: MeasureEpochs) -> Loader:
        """A loader of epochs of so many samples, without a step."""
        loader = self._made(setting, Repeated(self._places, samples, request.seed))
        loader.persistent = request.persistent and setting.workers > 0
        return loader

    @property
    def _here(self) -> OwnData:
        if self._read is None:
            self._read = own_data(self._place)
        return self._read

    def _samples(self) -> Iterator[Any]:
        """Samples that this process reads itself. Raises DataError for one that raises."""
        own = self._here
        done = 0
        try:
            for sample in own.dataset if own.iterable else map(own.dataset.__getitem__, self._places):
                yield sample
                done += 1
        except Exception as error:
            which = f"sample {done} in its order" if own.iterable else f"sample {self._places[done]}"
            raise DataError(f"--dataset {self._place}: {which} raised {raised(error)}") from error

    def _batch(self, samples: list[Any]) -> Any:
        try:
            return self._here.collate(samples)
        except Exception as error:
            remedy = "" if self._here.collates else "; return a collate function of yours beside the dataset"
            raise DataError(
                f"--dataset {self._place}: samples could not be put into a batch, {raised(error)}{remedy}"
            ) from error

    def _free(self, setting: Setting, step_input: StepInput) -> Iterator[Batch]:
        samples = list(islice(self._samples(), min(setting.batch_size, FREE)))
        repeated = [samples[place % len(samples)] for place in range(setting.batch_size)]
        ids = torch.arange(setting.batch_size)
        if step_input is StepInput.RESIDENT:
            there = to_device(self._batch(repeated), self.device)
            while True:
                yield there, ids, ids
        held = [self._batch(repeated) for _ in range(4)]
        if on_gpu := self.device.type == "cuda":
            held = [pinned(batch) for batch in held]
        while True:
            for batch in held:
                yield to_device(batch, self.device, non_blocking=on_gpu), ids, ids

    def _made(
        self, setting: Setting, places: Repeated[int], *, step: bool = False, endless: bool = False
    ) -> OwnLoader:
        own = self._unread if setting.workers else self._here
        request = LoaderRequest(setting, (), self.device, self.step if step else None)
        return OwnLoader(own, places, endless=endless, **request.for_processes)
