"""A lane: a process in which loaders run laps, one question at a time. ``python -m harness.lane``, over a channel.

Loaders that fork and loaders that have threads need lanes of their own: a fork takes no threads along.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from harness.loading import recipe
from harness.loading.ceilings import copy_rate, disk_rate
from harness.loading.dataloader import PlainLoader
from harness.loading.dataset import Photographs
from harness.loading.epoch import Batch, Step
from harness.loading.feed import cached, resident
from harness.loading.folder import DataError, Image, class_names, first_images
from harness.loading.generated import jpeg_folder
from harness.loading.kinds import KINDS, Kind
from harness.loading.likeness import fixed_rounding, unlike
from harness.loading.loader import Loader
from harness.loading.page_cache import disk_bytes, evict, warm
from harness.loading.repeated import Repeated
from harness.loading.stages import stages
from harness.loading.step_choice import step_from
from harness.loading.window import Meters, steady
from harness.model import Feed, Lap, Setting
from harness.probes import ProcessTree
from harness.processes import Channel, ChannelClosed, Message

MOST_IMAGES = 4096
"""Different images that laps draw on at most: enough for an average, and they stay in the page cache."""

SPARE = 1 << 15
"""Samples beyond those a window needs, so that it can last as long as it must."""

MOST_BYTES = 2 << 30
"""Bytes of images that are kept in the page cache at most."""

MOST_READ = 512
"""Images that are read from the disk to know its rate."""

LIKE = 16
"""Samples that are compared pixel by pixel."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: what is said of one core must not be done by two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Lane:
    """What lives in this process: the images, the device, the step."""

    def __init__(self, plan: Message) -> None:
        name = plan["device"]
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cuda" and not torch.cuda.is_available():
            raise DataError("--device cuda was asked for, and torch sees no CUDA device here")
        self.device = torch.device(name)
        folder = Path(plan["data"]) if plan["data"] else jpeg_folder()
        self.images = first_images(folder, MOST_IMAGES)
        self.classes = max(10, len(class_names(folder)))
        self.step: Step | None = step_from(plan["step"], self.device, self.classes)
        self._tree = ProcessTree()
        self._sample_bytes = 4 * 3 * recipe.SIZE**2
        self._in_cache = False
        # Whoever comes first must not pay for reading the files from the disk.
        self._warm()

    def introduce(self) -> Message:
        """Where this runs, on how many images, and which kinds cannot be had."""
        from harness.environment import fingerprint

        missing = {name: reason for name, kind in KINDS.items() if (reason := kind.missing(self.device))}
        return {
            "environment": fingerprint(),
            "device": self.device.type,
            "images": len(self.images),
            "missing": missing,
            "threads": [name for name, kind in KINDS.items() if kind.threads],
            "sample_bytes": self._sample_bytes,
        }

    def lap(
        self, setting: Setting, feed: Feed, seed: int, count: int, least_seconds: float, *, alone: bool = False
    ) -> Lap:
        """A window of the loop with this loader, or with batches that cost nothing; ``alone`` leaves the step out."""
        step = None if alone else self.step
        if feed in (Feed.RESIDENT, Feed.CACHED):
            return self._timed(self._free(setting, feed), step, 2, count, least_seconds)
        if not self._in_cache:
            self._warm()
        discard = setting.depth
        images = self._coming(setting, setting.batch_size * (2 * discard + 2 * count) + SPARE, seed)
        with self._made(KINDS[setting.kind], setting, images) as loader:
            batches: Iterable[Batch] = loader.batches()
            if feed is Feed.COLD:
                self._in_cache = False
                evict(image.path for image in self.images)
                batches = self._forgetting(batches, images)
            found = self._timed(batches, step, discard, count, least_seconds)
            readings = {**found.readings, "pss_bytes": float(self._tree.memory()[0])}
        return Lap(found.seconds, found.samples, readings)

    def check(self, setting: Setting) -> str | None:
        """What this kind delivers otherwise than the plain loader, under the recipe with nothing random."""
        kind = KINDS[setting.kind]
        images = self.images[:LIKE]
        plain = Setting("dataloader", 0, 0, 5)
        own = Setting(setting.kind, min(2, setting.workers), min(2, setting.prefetch), 5, setting.pin)
        with self._made(KINDS["dataloader"], plain, images, fixed=True) as expected:
            wanted = list(expected.batches())
        rounded = PlainLoader(lambda: Photographs(images, fixed_rounding), batch_size=plain.batch_size)
        with self._made(kind, own, images, fixed=True) as loader, rounded:
            return unlike(wanted, loader.batches(), rounded.batches())

    def one_core(self, setting: Setting, seed: int, count: int) -> float:
        """Seconds a sample that one core needs to decode and transform, without batches, queues or other processes."""
        kind = KINDS[setting.kind]
        if kind.prepare is None:
            alone = Setting(setting.kind, 1 if kind.threads else 0, 1 if kind.threads else 0, setting.batch_size)
            images = self._coming(alone, alone.batch_size * 4 * count + SPARE, seed)
            with self._made(kind, alone, images) as loader:
                return steady(loader.batches(), None, discard=2, count=count, settle=self._settle).seconds
        dataset = kind.prepare(Repeated(self.images, setting.batch_size * count, seed), False)
        with one_thread():
            start = perf_counter()
            for place in range(len(dataset)):
                dataset[place]
            return (perf_counter() - start) / len(dataset)

    def ceilings(self, setting: Setting) -> dict[str, float]:
        """Samples a second of what no loader can beat: reading from the disk, copying to the device."""
        self._in_cache = False
        found = {
            "disk": disk_rate([image.path for image in self.images[:MOST_READ]], os.getpid()),
            "copy": copy_rate(setting.batch_size, self._sample_bytes, self.device),
        }
        return {name: rate for name, rate in found.items() if rate is not None}

    def _coming(self, setting: Setting, length: int, seed: int) -> Repeated:
        """The samples of a lap, in the same random order for all kinds but those that have an order of their own."""
        return Repeated(self.images, length, 0 if KINDS[setting.kind].ordered else seed)

    def _warm(self) -> None:
        warm((image.path for image in self.images), MOST_BYTES)
        self._in_cache = True

    def _free(self, setting: Setting, feed: Feed) -> Iterator[Batch]:
        dataset = Photographs(self.images, recipe.augmented)
        samples = [dataset[place % len(self.images)] for place in range(min(setting.batch_size, 16))]
        repeated = [samples[place % len(samples)] for place in range(setting.batch_size)]
        batch: Batch = torch.utils.data.default_collate(repeated)
        if feed is Feed.RESIDENT:
            return resident(batch, self.device)
        copies = [tuple(tensor.clone() for tensor in batch) for _ in range(4)]
        return cached(copies, self.device)  # type: ignore[arg-type]

    def _timed(
        self, batches: Iterable[Batch], step: Step | None, discard: int, count: int, least_seconds: float
    ) -> Lap:
        gc.collect()
        gc.disable()
        try:
            return steady(
                batches, step, discard=discard, count=count, least_seconds=least_seconds,
                settle=self._settle, meters=self._meters,
            )  # fmt: skip
        finally:
            gc.enable()

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _meters(self) -> Meters:
        return Meters(self._tree.cpu_seconds(), disk_bytes(member.pid for member in self._tree.members()))

    def _forgetting(self, batches: Any, images: Sequence[Image]) -> Iterator[Batch]:
        """Each file is put out of the page cache again once its sample is here: the next time round it is cold."""
        for batch in batches:
            evict({images[place].path for place in batch[2].tolist()})
            yield batch

    def _made(self, kind: Kind, setting: Setting, images: Sequence[Image], *, fixed: bool = False) -> Loader:
        return kind.make(setting, images, self.device, self.step, fixed)


def answer(lane: Lane, question: Message) -> Message:
    """One question's answer. Raises whatever the loader raises."""
    setting = Setting(**question["setting"]) if "setting" in question else None
    match question["do"]:
        case "introduce":
            return lane.introduce()
        case "check" if setting:
            return {"unlike": lane.check(setting)}
        case "lap" if setting:
            feed = Feed(question["feed"])
            seed, count, seconds = question["seed"], question["count"], question["least_seconds"]
            return asdict(lane.lap(setting, feed, seed, count, seconds, alone=question["alone"]))
        case "one core" if setting:
            return {"seconds": lane.one_core(setting, question["seed"], question["count"])}
        case "ceilings" if setting:
            return {"rates": lane.ceilings(setting)}
        case "stages":
            some = Repeated(lane.images, question["count"], question["seed"])
            with one_thread():
                return {"stages": [asdict(stage) for stage in stages(some, question["batch_size"])]}
        case other:
            raise ValueError(f"nobody here knows what {other!r} asks")


def failure(error: BaseException) -> str:
    """One line that says what was raised; of a worker's error, which carries a traceback, its last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    return said if isinstance(error, DataError) else f"{type(error).__name__}: {said}"


@contextmanager
def _told(channel: Channel) -> Iterator[None]:
    """What is raised inside is the answer; its traceback goes to the log."""
    try:
        yield
    except ChannelClosed:
        raise
    except Exception as error:
        traceback.print_exc()
        channel.send(error=failure(error), data=isinstance(error, DataError))


def main() -> int:
    """Serve until nobody asks any more."""
    channel = Channel.inherited()
    if channel is None:
        sys.exit("a lane is started by the harness, not by hand")
    lane: Lane | None = None
    try:
        while True:
            question = channel.receive()
            assert question is not None
            with _told(channel):
                if lane is None:
                    lane = Lane(question)
                    channel.send(ok=True)
                else:
                    channel.send(**answer(lane, question))
    except ChannelClosed:
        return 0


if __name__ == "__main__":
    sys.exit(main())
