"""What the kinds of loaders by NVIDIA DALI share: the recipe in DALI's operators, and the life of a pipeline.

All kinds follow the one recipe: what DALI does otherwise by default (no antialiasing, sub-pixel
scaling, images turned as their EXIF tag says, batches filled up from the next epoch) is set to what
torchvision does. Ids are passed as DALI's labels.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.loading.data import recipe
from harness.loading.data.folder import Image
from harness.loading.loop.epoch import Batch, Step
from harness.loading.loop.loader import Loader

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DECODED = {"jpeg_fancy_upsampling": True, "adjust_orientation": False}
"""Options of DALI's decoder without which it gives other pixels than Pillow and torchvision: those
smooth the colours of a JPEG, and leave an image as it was stored, whatever its EXIF orientation."""

NORMALISED = {
    "mean": [255 * value for value in recipe.MEAN],
    "std": [255 * value for value in recipe.STD],
    "output_layout": "CHW",
}


def missing(_device: torch.device | None = None) -> str | None:
    """Why there is no DALI here; None where there is."""
    if importlib.util.find_spec("nvidia") is None or importlib.util.find_spec("nvidia.dali") is None:
        return "NVIDIA DALI is not installed (pip install nvidia-dali-cuda120, or -cuda130 beside a CUDA 13 torch)"
    return None


def module(name: str = "") -> ModuleType:
    """A module of DALI, untyped: type checks must not depend on whether DALI is installed."""
    return importlib.import_module(".".join(("nvidia.dali", name)).rstrip("."))


def prepare(
    fn: ModuleType,
    jpegs: object,
    *,
    decoder: str,
    fixed: bool = False,
    flip: object = None,
    float_type: object = None,
) -> Any:
    """JPEG bytes to normalised float32 images, in the pipeline's words (``fn``) or dynamic mode's,
    which are the same.

    ``jpegs`` and ``flip`` are outputs of DALI's operators, ``float_type`` is one of its types.
    ``fixed`` is the recipe with nothing random, in which case ``flip`` is not used.
    """
    types = module("types")
    smooth = {"interp_type": types.INTERP_LINEAR, "antialias": True}
    images = fn.decoders.image(jpegs, device=decoder, output_type=types.RGB, **DECODED)
    if fixed:
        sides, shape = _middle(fn, jpegs)
        images = fn.resize(images, **sides, **smooth)
    else:
        images = fn.random_resized_crop(
            images,
            size=(recipe.SIZE, recipe.SIZE),
            random_area=recipe.AREA,
            random_aspect_ratio=recipe.RATIO,
            num_attempts=10,
            **smooth,
        )
        shape = {"mirror": flip}
    return fn.crop_mirror_normalize(images, dtype=float_type or types.FLOAT, **NORMALISED, **shape)


def _middle(fn: ModuleType, jpegs: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """What to resize to and where to crop, in arguments of DALI's, so that torchvision's pixels come out.

    torchvision drops the fraction of a pixel of the longer side where DALI would round it, and of
    two middles, half a pixel to either side, it takes the even one.
    """
    dynamic = fn is not module("fn")
    math, float_type = (fn.math, fn.float32) if dynamic else (module("math"), module("types").FLOAT)
    shape = fn.peek_image_shape(jpegs, adjust_orientation=DECODED["adjust_orientation"])
    # In dynamic mode a batch's own index would be a sample's place.
    height, width = (shape.slice[side] if dynamic else shape[side] for side in (0, 1))
    shorter = math.min(height, width)
    sides: dict[str, Any] = {}
    crop: dict[str, Any] = {"crop": (recipe.SIZE, recipe.SIZE), "rounding": "round"}
    for axis, length in (("y", height), ("x", width)):
        resized = recipe.RESIZED * length // shorter
        spare = resized - recipe.SIZE
        lower = spare // 2
        sides[f"resize_{axis}"] = fn.cast(resized, dtype=float_type)
        crop[f"crop_pos_{axis}"] = (lower + (spare & lower & 1)) / fn.cast(spare, dtype=float_type)
    return sides, crop


class DaliLoader(Loader):
    """What DALI's loaders share: built on first use, kept across epochs, rebuilt after an epoch
    that broke off.

    ``threads`` is DALI's own, for which DataLoader has workers; ``ahead`` is how many batches a
    pipeline keeps ready (2 is DALI's own default). ``decoder`` is where decoding and all after it
    happen: ``"cpu"`` or ``"gpu"``. Raises DataError naming the file that cannot be decoded.
    """

    def __init__(
        self,
        images: Sequence[Image],
        *,
        batch_size: int,
        threads: int,
        ahead: int = 2,
        decoder: str = "cpu",
        fixed: bool = False,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        import torch

        super().__init__(device=device, step=step)
        self.ahead = ahead
        self.paths = [image.path for image in images]
        self.labels = torch.tensor([image.label for image in images])
        self.batch_size = batch_size
        self.threads = threads
        self.decoder = decoder
        self.fixed = fixed
        self._live: Any = None
        self._midway = False

    @property
    def device_id(self) -> int | None:
        """The GPU DALI works on; None keeps it on the CPU, where it needs no driver."""
        return None if self.device.type == "cpu" else self.device.index

    @property
    def depth(self) -> int:
        """Batches that a pipeline keeps ready, and the one that it works on."""
        return self.ahead + 1

    def endless(self) -> Iterator[Batch]:
        """One epoch after the other: a pipeline prepares the next one's batches before this one ends."""
        while True:
            yield from self.batches()

    @abstractmethod
    def _build(self) -> Any:
        """What lives across epochs."""

    @abstractmethod
    def _outputs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch's images and ids, padded at the end by repeating or not at all."""

    def batches(self) -> Iterator[Batch]:
        """One epoch's batches on the device, each image once."""
        import torch

        from harness.loading.data.dataset import broken_file

        if self._midway:
            # Neither a pipeline nor a reader can go back to the start of an epoch that was left half-way.
            self.close()
        self._midway = True
        left = len(self.paths)
        try:
            if self._live is None:
                self._live = self._build()
            for images, numbers in self._outputs():
                ids = numbers.reshape(-1)[:left].to("cpu", torch.int64)
                left -= len(ids)
                with self.copying():
                    there = images[: len(ids)].to(self.device), self.labels[ids].to(self.device)
                yield *there, ids
                del there
        except RuntimeError as error:
            if (broken := broken_file(self.paths)) is not None:
                raise broken from error
            raise
        self._midway = False

    def _names(self) -> list[str]:
        """The files as DALI's reader takes them. Raises DataError for a name that it does not take."""
        from harness.loading.data.folder import DataError

        for path in self.paths:
            try:
                path.encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"{path}: its name is not UTF-8, and DALI's reader takes no other; rename the file"
                ) from None
        return self.paths

    def close(self) -> None:
        """Drop what lives; DALI joins its threads when the last reference goes, which may hang in a cycle."""
        self._live = None
        self._midway = False
        gc.collect()
