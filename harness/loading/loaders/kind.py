"""What is known of a kind of loader: its name, how it is made, what it needs, the code that a user
can paste.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from harness.loading.data.folder import Image
from harness.model import Setting

if TYPE_CHECKING:
    import torch

    from harness.loading.loaders.dataloader import PlainOptions
    from harness.loading.loaders.threaded import ThreadedOptions
    from harness.loading.loop.epoch import Step
    from harness.loading.loop.loader import Loader


class LoaderWorkers(Enum):
    """What prepares the samples: processes, of which there may be none, or threads of a pipeline,
    at least one.
    """

    PROCESSES = "worker"
    THREADS = "thread"


@dataclass(frozen=True, slots=True)
class LoaderRequest:
    """What a loader is made of: a setting, the images, the device that batches end on, and the training step.

    ``fixed`` asks for the recipe with nothing random in it, under which kinds are compared pixel by pixel.
    """

    setting: Setting
    images: Sequence[Image]
    device: torch.device
    step: Step | None = None
    fixed: bool = False

    @property
    def decoder(self) -> str:
        """Where a pipeline of DALI decodes that does so on the device: ``cpu`` or ``gpu``."""
        return "gpu" if self.device.type == "cuda" else "cpu"

    @property
    def for_processes(self) -> PlainOptions:
        """The setting as options of `dataloader.PlainLoader`."""
        return {
            "batch_size": self.setting.batch_size,
            "workers": self.setting.workers,
            "prefetch_factor": self.setting.prefetch or None,
            "pin_memory": self.setting.pin,
            "non_blocking": self.setting.pin,
            "device": self.device,
            "step": self.step,
        }

    @property
    def for_threads(self) -> ThreadedOptions:
        """The setting as options of `threaded.ThreadedLoader`."""
        return {
            "batch_size": self.setting.batch_size,
            "threads": max(1, self.setting.workers),
            "ahead": max(1, self.setting.prefetch),
            "pin_memory": self.setting.pin,
            "non_blocking": self.setting.pin,
            "device": self.device,
            "step": self.step,
        }


@dataclass(frozen=True, slots=True)
class SnippetRequest:
    """What the code to paste is for: a setting, the device, and whether worker processes outlive an epoch."""

    setting: Setting
    on_gpu: bool = False
    persistent: bool = False

    @property
    def facts(self) -> Mapping[str, str]:
        """The setting as Python, for a `string.Template`: ``batch_size``, ``workers``, ``ahead``,
        ``device_id``.
        """
        return {
            "batch_size": str(self.setting.batch_size),
            "workers": str(max(1, self.setting.workers)),
            "ahead": str(max(1, self.setting.prefetch)),
            "device_id": "0" if self.on_gpu else "None",
        }


def available(_device: torch.device) -> None:
    """No reason: a kind that needs nothing more than torch can be had everywhere."""


@dataclass(frozen=True, slots=True)
class LoaderKind:
    """A kind of loader.

    ``make`` gives a loader, and ``missing`` the reason why there is none on a device, with the
    remedy. ``extra`` is the part of this project that installs what the kind needs; empty where
    torch and torchvision are enough. ``default`` kinds race unless others are named.

    ``snippet`` gives Python that a user can paste. It makes the same loader of the images in
    ``folder``, a name that it finds defined, and imports nothing of this project.

    ``queued`` kinds take the number of batches to keep ready, ``ordered`` ones deliver samples in
    the order they were written in. ``value_bytes`` is the size of one colour value in the batches
    that workers hand over: 4 for float32, 1 for uint8. ``dataset`` makes, from images and
    ``fixed``, the map-style dataset whose rate on one core is the kind's ceiling; None where there
    is none. ``finish`` makes, for a device, what is left to do there with a batch of images.
    """

    name: str
    workers: LoaderWorkers
    make: Callable[[LoaderRequest], Loader]
    snippet: Callable[[SnippetRequest], str]
    extra: str = ""
    missing: Callable[[torch.device], str | None] = available
    default: bool = False
    queued: bool = True
    ordered: bool = False
    value_bytes: int = 4
    dataset: Callable[[Sequence[Image], bool], Any] | None = None
    finish: Callable[[torch.device], Callable[[torch.Tensor], torch.Tensor]] | None = None

    @property
    def threads(self) -> bool:
        """Whether workers are threads: the kind then needs a process in which nothing is forked."""
        return self.workers is LoaderWorkers.THREADS

    def code(
        self, setting: Setting, *, folder: str = "", persistent: bool = False, device: str = "cpu"
    ) -> str:
        """Python that makes this loader of the images in ``folder``, or in one to be filled in; it
        runs as it is.
        """
        where = f"folder = {folder or 'path/to/images'!r}  # one sub-folder a class\n\n"
        return where + self.snippet(SnippetRequest(setting, device == "cuda", persistent))
