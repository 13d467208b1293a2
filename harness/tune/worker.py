"""What lives in a loader process: samples of a loader, what it delivers and costs beside, and what none can
beat."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import torch

from harness.loading.data import recipe
from harness.loading.data.dataset import Photographs
from harness.loading.data.decoders import TORCHCODEC, decoder_here
from harness.loading.data.examined import examine, orientation, typical
from harness.loading.data.folder import DataError, Image, class_names, first_images
from harness.loading.data.generated import jpeg_folder
from harness.loading.data.paths import scan
from harness.loading.data.repeated import Repeated
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.kind import LoaderKind, LoaderRequest
from harness.loading.loop.ceilings import copy_rate, disk_rate, one_core_seconds
from harness.loading.loop.check import first_difference
from harness.loading.loop.epoch import Batch
from harness.loading.loop.loader import Loader
from harness.loading.loop.stages import stages
from harness.loading.loop.step_option import step_from
from harness.loading.loop.synthetic import cached, resident
from harness.loading.loop.window import steady
from harness.loading.machine.page_cache import evict, warm
from harness.loading.machine.threads import one_thread
from harness.measure.device import chosen
from harness.model import LoaderSample, SampleStage, Setting, StepInput
from harness.tune.loop_worker import SPARE, LoopWorker, window_samples
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

MOST_IMAGES = 4096
"""Different images that samples draw on at most: enough for an average, and they stay in the page cache."""

MOST_BYTES = 2 << 30
"""Bytes of images that are kept in the page cache at most."""

WARM_SECONDS = 10.0
"""Seconds that reading them there may take; what is not read by then is read by the samples that need it."""

MOST_READ = 512
"""Images that are read from the disk to know its rate."""

COMPARED = 16
"""Images that are compared pixel by pixel."""


class LoaderWorker(LoopWorker):
    """The images, the device and the step of this process."""

    def __init__(self, plan: LoaderPlan) -> None:
        """Raises DataError, and UsageError for a device that is not there."""
        super().__init__(chosen(plan.device))
        self.folder = Path(plan.data) if plan.data else jpeg_folder()
        self.images: Sequence[Image] = first_images(self.folder, MOST_IMAGES)
        self.leave_out(plan.without)
        _check(self.images)
        self.classes = max(10, len(class_names(self.folder)))
        self.step = step_from(plan.step, self.device, self.classes)
        self._sample_bytes = 4 * 3 * recipe.SIZE**2
        self._in_cache = False
        # The first sample must not pay for reading the files from the disk.
        self._warm()

    def introduce(self) -> Introduction:
        """Where this runs, on how many images, and which kinds are missing."""
        from harness.environment import fingerprint, measured_on

        missing = {
            name: reason for name, kind in LOADER_KINDS.items() if (reason := kind.missing(self.device))
        }
        environment = {**fingerprint(), "device": measured_on(self.device)}
        decoder = decoder_here()
        remarks = () if decoder == TORCHCODEC else (f"images were decoded to tensors by {decoder}",)
        return Introduction(environment, self.device.type, len(self.images), missing, remarks)

    def find_damaged(self, seconds: float) -> dict[str, str]:
        """The images that cannot be decoded, with the reasons; they are left out. Takes so many seconds at
        most.

        Raises DataError if no others are left.
        """
        damaged = examine(self.images, seconds).damaged
        self.leave_out(damaged)
        return damaged

    def leave_out(self, files: Iterable[str]) -> None:
        """Do without these images from now on. Raises DataError if no others are left."""
        gone = set(files)
        self.images = [image for image in self.images if image.path not in gone]
        if not self.images:
            raise DataError(f"none of the images in {self.folder} can be decoded: remove or replace them")

    def sample(self, request: MeasureSample) -> LoaderSample:
        """A window of the loop with this loader, or with batches that cost nothing."""
        setting, step_input = request.setting, request.step_input
        if step_input in (StepInput.RESIDENT, StepInput.CACHED):
            return self._timed(self._free(setting, step_input), request, 2)
        if not self._in_cache:
            self._warm()
        images = self._coming(setting, window_samples(request), request.seed)
        around: Callable[[Iterable[Batch]], Iterable[Batch]] = iter
        if step_input is StepInput.COLD:
            self._in_cache = False
            evict(image.path for image in self.images)
            around = partial(self._evicting, images)
        return self._loaded(lambda: self._made(LOADER_KINDS[setting.kind], setting, images), request, around)

    def check(self, request: CheckDelivery) -> str | None:
        """How this kind's batches differ from the plain loader's, under the recipe with nothing random."""
        setting = request.setting
        images = typical(self.images, COMPARED, request.seconds)
        plain = Setting(PLAIN, 0, 0, 5)
        own = Setting(setting.kind, min(2, setting.workers), min(2, setting.prefetch), 5, setting.pin)
        with self._made(LOADER_KINDS[PLAIN], plain, images, fixed=True) as expected:
            wanted = list(expected.with_timeout())
        with self._made(LOADER_KINDS[setting.kind], own, images, fixed=True) as loader:
            return first_difference(wanted, loader.with_timeout(), lambda place: _about(images[place]))

    def one_core(self, request: MeasureOneCore) -> float:
        """Seconds a sample that one core needs to decode and transform, without batches, queues or other
        processes."""
        setting, count, most_seconds = request.setting, request.count, request.most_seconds
        kind = LOADER_KINDS[setting.kind]
        if kind.dataset is None:
            alone = Setting(
                setting.kind, 1 if kind.threads else 0, 1 if kind.threads else 0, setting.batch_size
            )
            images = self._coming(alone, alone.batch_size * 4 * count + SPARE, request.seed)
            with self._made(kind, alone, images) as loader, closing(loader.with_timeout()) as batches:
                return steady(
                    batches, None, discard=2, count=count, most_seconds=most_seconds, settle=self._settle
                ).seconds
        images = Repeated(self.images, setting.batch_size * count, request.seed)
        with one_thread():
            finish = (
                kind.finish(self.device) if kind.finish is not None and self.device.type == "cpu" else None
            )
            return one_core_seconds(
                kind.dataset(images, False), setting.batch_size, most_seconds, finish=finish
            )

    def stages(self, request: MeasureStages) -> tuple[SampleStage, ...]:
        """Where one core's time goes."""
        with one_thread():
            images = Repeated(self.images, request.count, request.seed)
            return stages(images, request.batch_size, request.most_seconds)

    def at_fault(self, error: DataError) -> str | None:
        """The image that an error blames; None if it is about something else."""
        return next((image.path for image in self.images if image.path == error.file), None)

    def ceilings(self, request: MeasureCeilings) -> dict[str, float]:
        """Samples a second of what no loader can beat: reading from the disk, copying to the device."""
        self._in_cache = False
        found = {
            "disk": disk_rate(
                [image.path for image in self.images[:MOST_READ]], os.getpid(), request.most_seconds
            ),
            "copy": copy_rate(request.batch_size, self._sample_bytes, self.device),
        }
        return {name: rate for name, rate in found.items() if rate is not None}

    def count_images(self) -> int:
        """The number of images in the folder."""
        return len(scan(self.folder))

    def small_epochs(self, setting: Setting, samples: int, request: MeasureEpochs) -> Loader:
        """A loader of epochs of so many samples, without a step."""
        kind = LOADER_KINDS[setting.kind]
        loader = kind.make(LoaderRequest(setting, self._coming(setting, samples, request.seed), self.device))
        if isinstance(loader, PlainLoader) and not kind.threads:
            loader.persistent = request.persistent and setting.workers > 0
        return loader

    def _coming(self, setting: Setting, length: int, seed: int) -> Repeated[Image]:
        """The images of a window, in the same random order for all kinds but those that have an order of
        their own."""
        return Repeated(self.images, length, 0 if LOADER_KINDS[setting.kind].ordered else seed)

    def _warm(self) -> None:
        warm((image.path for image in self.images), MOST_BYTES, WARM_SECONDS)
        self._in_cache = True

    def _free(self, setting: Setting, step_input: StepInput) -> Iterator[Batch]:
        dataset = Photographs(self.images, recipe.augmented)
        samples = [dataset[place % len(self.images)] for place in range(min(setting.batch_size, 16))]
        repeated = [samples[place % len(samples)] for place in range(setting.batch_size)]
        batch: Batch = torch.utils.data.default_collate(repeated)
        if step_input is StepInput.RESIDENT:
            return resident(batch, self.device)
        copies = [tuple(tensor.clone() for tensor in batch) for _ in range(4)]
        return cached(copies, self.device)  # type: ignore[arg-type]

    def _evicting(self, images: Sequence[Image], batches: Iterable[Batch]) -> Iterator[Batch]:
        """Each file is evicted from the page cache once its sample is here: the next time round it is
        cold."""
        for batch in batches:
            evict({images[place].path for place in batch[2].tolist()})
            yield batch

    def _made(
        self, kind: LoaderKind, setting: Setting, images: Sequence[Image], *, fixed: bool = False
    ) -> Loader:
        return kind.make(LoaderRequest(setting, images, self.device, self.step, fixed))


def _about(image: Image) -> str:
    """The file, with what may make decoders differ."""
    turned = orientation(image.path)
    return f"{image.path}, EXIF orientation {turned}" if turned != 1 else image.path


def _check(images: Sequence[Image]) -> None:
    for image in images:
        # A file that is not there is reported when it is read.
        with suppress(OSError):
            if not stat.S_ISREG(os.stat(image.path).st_mode):  # noqa: PTH116
                raise DataError(f"{image.path} is not a file but a pipe or a device: remove it")
