"""Kinds of loaders by name: how each is made from a setting, and why one cannot be had here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from time import perf_counter
from typing import Any

import torch

from harness.loading.data import decoders, packed, recipe, shards
from harness.loading.data.dataset import Photographs
from harness.loading.data.folder import Image
from harness.loading.loaders import background, dali, nodes, spdl
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loaders.threaded import ThreadedLoader
from harness.loading.loaders.uint8 import Uint8Loader
from harness.loading.loop.epoch import Step
from harness.loading.loop.loader import Loader
from harness.model import LOADER_KINDS, LoaderKind, Setting

Prepare = Callable[[Sequence[Image], bool], Any]
"""From images, and whether the recipe has nothing random in it, to a dataset."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A way of loading.

    ``make`` takes a setting, the images, the device, the step, and whether the recipe has nothing random in it.
    ``missing`` says why it cannot be had on a device. ``prepare`` makes its dataset, by which one core's rate is known;
    None where there is no dataset. ``finish`` makes, for a device, what the loop's own process does there to a batch of
    images; None where nothing is left to do.
    """

    name: str
    make: Callable[[Setting, Sequence[Image], torch.device, Step | None, bool], Loader]
    missing: Callable[[torch.device], str | None] = lambda _: None
    prepare: Prepare | None = None
    finish: Callable[[torch.device], Callable[[torch.Tensor], torch.Tensor]] | None = None

    @property
    def known(self) -> LoaderKind:
        """What is known of it without running it."""
        return LOADER_KINDS[self.name]

    @property
    def threads(self) -> bool:
        """Whether its workers are threads of a pipeline."""
        return self.known.threads

    @property
    def ordered(self) -> bool:
        """Whether samples come in the order they were written in."""
        return self.known.ordered

    def alone(self, images: Sequence[Image], batch_size: int, device: torch.device, most_seconds: float = inf) -> float:
        """Seconds a sample that this process needs to decode and transform ``images``, and to finish them on a CPU.

        Takes one sample at least, and begins none after ``most_seconds`` of such work.
        Without queues or other processes; making the dataset and batches does not count. Raises ValueError where there
        is no dataset.
        """
        if self.prepare is None:
            raise ValueError(f"{self.name} has no dataset")
        dataset = self.prepare(images, False)
        finish = self.finish(device) if self.finish is not None and device.type == "cpu" else None
        waiting: list[torch.Tensor] = []
        spent = 0.0
        done = 0
        while done < len(dataset) and (not done or spent < most_seconds):
            start = perf_counter()
            sample = dataset[done]
            spent += perf_counter() - start
            done += 1
            if finish is None:
                continue
            waiting.append(sample[0])
            if len(waiting) == batch_size or done == len(dataset) or spent >= most_seconds:
                batch = torch.stack(waiting)
                waiting.clear()
                start = perf_counter()
                finish(batch)
                spent += perf_counter() - start
        return spent / done


def pillow(images: Sequence[Image], fixed: bool) -> Any:
    """Decoded by Pillow, put through transforms v1: what most people have."""
    return Photographs(images, recipe.fixed if fixed else recipe.augmented)


def tensors(images: Sequence[Image], fixed: bool) -> Any:
    """Decoded by torchvision, put through transforms v2 as tensors."""
    return Photographs(images, recipe.fixed_v2 if fixed else recipe.augmented_v2, decoders.with_torchvision)


def uint8(images: Sequence[Image], fixed: bool) -> Any:
    """As `tensors`, but for the floats, which are made on the device."""
    made = recipe.fixed_v2 if fixed else recipe.augmented_v2
    return Photographs(images, partial(made, floats=False), decoders.with_torchvision)


def pixels(images: Sequence[Image], fixed: bool) -> Any:
    """Decoded once and for all; only the crop, the flip and the floats are left to do."""
    return Photographs(images, recipe.fixed_v2 if fixed else recipe.augmented_v2, packed.packed(images))


def tars(images: Sequence[Image], fixed: bool) -> Any:
    """JPEGs in tar shards, one after another."""
    return shards.ShardedPhotographs(shards.sharded(images), images, recipe.fixed if fixed else recipe.augmented)


def _forking(
    loader: type[PlainLoader],
    prepare: Prepare,
    setting: Setting,
    images: Sequence[Image],
    device: torch.device,
    step: Step | None,
    fixed: bool,
) -> Loader:
    return loader(
        partial(prepare, images, fixed),
        batch_size=setting.batch_size,
        workers=setting.workers,
        prefetch_factor=setting.prefetch or None,
        pin_memory=setting.pin,
        non_blocking=setting.pin,
        device=device,
        step=step,
    )


def _threaded(
    loader: type[ThreadedLoader],
    prepare: Prepare,
    setting: Setting,
    images: Sequence[Image],
    device: torch.device,
    step: Step | None,
    fixed: bool,
) -> Loader:
    return loader(
        partial(prepare, images, fixed),
        batch_size=setting.batch_size,
        threads=max(1, setting.workers),
        ahead=max(1, setting.prefetch),
        pin_memory=setting.pin,
        non_blocking=setting.pin,
        device=device,
        step=step,
    )


def _dynamic(
    capture: bool, setting: Setting, images: Sequence[Image], device: torch.device, step: Step | None, fixed: bool
) -> Loader:
    return dali.DynamicLoader(
        images,
        capture=capture,
        batch_size=setting.batch_size,
        threads=max(1, setting.workers),
        decoder="gpu" if device.type == "cuda" else "cpu",
        fixed=fixed,
        device=device,
        step=step,
    )


def _proxy(setting: Setting, images: Sequence[Image], device: torch.device, step: Step | None, fixed: bool) -> Loader:
    from harness.loading.loaders.dali_proxy import ProxyLoader

    return ProxyLoader(
        images,
        batch_size=setting.batch_size,
        threads=max(1, setting.workers),
        decoder="gpu" if device.type == "cuda" else "cpu",
        fixed=fixed,
        device=device,
        step=step,
    )


def _dali(
    decoder: str, setting: Setting, images: Sequence[Image], device: torch.device, step: Step | None, fixed: bool
) -> Loader:
    return dali.PipelineLoader(
        images,
        batch_size=setting.batch_size,
        threads=max(1, setting.workers),
        ahead=max(1, setting.prefetch),
        decoder=decoder,
        fixed=fixed,
        device=device,
        step=step,
    )


def _side_stream(
    setting: Setting, images: Sequence[Image], device: torch.device, step: Step | None, fixed: bool
) -> Loader:
    from harness.loading.loaders.side_stream import SideStreamLoader

    return _forking(SideStreamLoader, pillow, setting, images, device, step, fixed)


def _needs_cuda(why: str) -> Callable[[torch.device], str | None]:
    return lambda device: None if device.type == "cuda" else f"{why}: no CUDA here"


def _either(*reasons: Callable[[], str | None]) -> Callable[[torch.device], str | None]:
    return lambda _: next((reason for ask in reasons if (reason := ask())), None)


KINDS = {
    kind.name: kind
    for kind in (
        Loading("dataloader", partial(_forking, PlainLoader, pillow), prepare=pillow),
        Loading("tensors", partial(_forking, PlainLoader, tensors), _either(decoders.missing), prepare=tensors),
        Loading(
            "uint8",
            partial(_forking, Uint8Loader, uint8),
            _either(decoders.missing),
            prepare=uint8,
            finish=recipe.normaliser,
        ),
        Loading(
            "background",
            partial(_forking, background.BackgroundLoader, pillow),
            _either(background.missing),
            prepare=pillow,
        ),
        Loading("side_stream", _side_stream, _needs_cuda("copies to a GPU"), prepare=pillow),
        Loading("packed", partial(_forking, PlainLoader, pixels), prepare=pixels),
        Loading("shards", partial(_forking, PlainLoader, tars), _either(shards.missing)),
        Loading(
            "spdl",
            partial(_threaded, spdl.SpdlLoader, tensors),
            _either(spdl.missing, decoders.missing),
            prepare=tensors,
        ),
        Loading(
            "nodes",
            partial(_threaded, nodes.NodesLoader, tensors),
            _either(nodes.missing, decoders.missing),
            prepare=tensors,
        ),
        Loading("dali", partial(_dali, "cpu"), _either(dali.missing)),
        Loading(
            "dali_gpu",
            partial(_dali, "gpu"),
            lambda device: dali.missing() or _needs_cuda("decodes on a GPU")(device),
        ),
        Loading("dali_dynamic", partial(_dynamic, False), _either(dali.missing)),
        Loading("dali_capture", partial(_dynamic, True), _either(dali.missing)),
        Loading("dali_proxy", _proxy, _either(dali.missing)),
    )
}
"""Every kind a race can hold, by name."""
