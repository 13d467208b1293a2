"""What loaders have in common whose samples are made by threads of this process, by whatever library."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Required, TypedDict

from harness.loading.loop.epoch import Step
from harness.loading.loop.loader import Loader

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset


class ThreadedOptions(TypedDict, total=False):
    """The keywords of `ThreadedLoader`, for those who pass them on."""

    batch_size: Required[int]
    threads: Required[int]
    ahead: int
    pin_memory: bool
    non_blocking: bool
    device: torch.device | str
    step: Step | None


class ThreadedLoader(Loader):
    """Samples of a map-style dataset from ``threads`` threads, in order, and batches of them
    ``ahead`` at most.

    ``dataset`` makes the dataset; what it does should leave Python's lock alone, as decoders and tensors do.
    """

    def __init__(
        self,
        dataset: Callable[[], Dataset[object]],
        *,
        batch_size: int,
        threads: int,
        ahead: int = 2,
        pin_memory: bool = False,
        non_blocking: bool = False,
        device: torch.device | str = "cpu",
        step: Step | None = None,
    ) -> None:
        super().__init__(device=device, step=step)
        self.dataset: Any = dataset()
        self.batch_size = batch_size
        self.threads = threads
        self.ahead = ahead
        self.pin_memory = pin_memory
        self.non_blocking = non_blocking

    @property
    def depth(self) -> int:
        """Batches that are kept ready, and the one that the threads work on."""
        return self.ahead + 1
