"""torch's DataLoader of a dataset of the user's. It is no kind of its own: nothing else can read one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from harness.loading.loaders import snippets
from harness.loading.loaders.dataloader import PlainLoader, PlainOptions
from harness.loading.loaders.kind import SnippetRequest
from harness.loading.loop.epoch import Batch, Step
from harness.model import OwnDataset, Setting

if TYPE_CHECKING:
    from harness.loading.data.own import OwnData

NOT_APPLICABLE = "it reads image files itself; a dataset of yours is read by the DataLoader"
"""Why no other kind races on a user's dataset."""


class OwnLoader(PlainLoader):
    """Batches are the user's own, on the device, in the place of images; labels and ids are numbers from 0.

    ``places`` are the samples of an epoch, in their order; of an iterable dataset their number counts, or
    there is no end where ``endless`` is set.
    """

    def __init__(
        self, own: OwnData, places: Sequence[int], *, endless: bool = False, **options: Unpack[PlainOptions]
    ) -> None:
        from harness.loading.data.own import Counted, Stream

        stream = Stream(own.dataset, None if endless else len(places)) if own.iterable else own.dataset
        ordered: Any = places
        options |= {"sampler": lambda _: ordered, "collate_fn": Counted(own.collate)}
        super().__init__(lambda: stream, **options)

    def moved(self, batches: Iterable[Batch], *, non_blocking: bool = False) -> Iterator[Batch]:
        """The batches on the device, with as many labels and ids as they have samples."""
        import torch

        from harness.loading.loop.nested import to_device

        counted: Iterable[Any] = batches
        for batch, count in counted:
            with self.copying():
                there = to_device(batch, self.device, non_blocking=non_blocking)
            # An image batch kept until the next one arrives would be a second batch in memory.
            del batch
            ids = torch.arange(count)
            yield there, ids, ids
            del there


def spread(step: Step | None) -> Step | None:
    """A user's step for batches of `OwnLoader`: a list or a tuple is spread over its arguments, anything else
    is its only one."""
    if step is None:
        return None
    given: Any = step

    def spread_step(batch: object, _: object) -> Any:
        # Not a named tuple or the like: that is one argument.
        if isinstance(batch, list | tuple) and type(batch) in (list, tuple):
            return given(*batch)
        return given(batch)

    return spread_step


def own_code(own: OwnDataset, setting: Setting, *, persistent: bool = False) -> str:
    """Python that makes this DataLoader of the user's dataset, by the module that it came from."""
    module, _, name = own.place.partition(":")
    made = "dataset, collate" if own.collate else "dataset"
    return snippets.dataloader(
        SnippetRequest(setting, persistent=persistent),
        f"from {module} import {name.partition('.')[0]}\n\n{made} = {name}()\n",
        shuffle=not own.iterable,
        collate="collate" if own.collate else "",
    )
