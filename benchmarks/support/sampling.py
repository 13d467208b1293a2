"""Drawing samples by the weight of their class, and whether what was drawn matches the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, WeightedRandomSampler

from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Batch, Epoch, same_samples
from harness.plural import counted

DEVIATIONS = 5.0
"""Standard deviations by which a class may be drawn more or less often than its weight demands."""


class Labelled(Protocol):
    """A dataset that knows the labels of its samples; they come round again."""

    labels: Sequence[int]

    def __len__(self) -> int: ...


class Labels(Dataset[Any]):
    """Samples that are nothing but a label and an id, so that an epoch costs what its sampler costs.

    Whole batches, to be collated with `whole_batches.as_it_is`; images are empty [n, 0].
    """

    def __init__(self, samples: int, classes: int = 10) -> None:
        self.samples = samples
        self.labels = list(range(classes))

    def __len__(self) -> int:
        return self.samples

    def __getitems__(self, places: list[int]) -> Batch:
        """The batch of those places."""
        ids = torch.tensor(places)
        return torch.empty(len(places), 0), ids % len(self.labels), ids


def labels_of(dataset: Labelled) -> Tensor:
    """The label of each sample, int64 [samples]."""
    return torch.tensor(dataset.labels)[torch.arange(len(dataset)) % len(dataset.labels)]


@dataclass(frozen=True)
class DrawnEpoch(Epoch):
    """An epoch of samples drawn with replacement; ``shares`` [classes] are what each class should
    have of them.
    """

    shares: Tensor = field(default_factory=lambda: torch.empty(0))


@dataclass(frozen=True)
class ShuffledEpoch(Epoch):
    """An epoch whose samples are to come in a random order."""


class ShuffledLoader(PlainLoader):
    """A DataLoader with ``shuffle=True``."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "shuffle": True})

    def __call__(self) -> ShuffledEpoch:
        """Run one epoch."""
        epoch = super().__call__()
        return ShuffledEpoch(
            epoch.ids, epoch.labels, epoch.total, epoch.readings, ending_seconds=epoch.ending_seconds
        )


class WeightedLoader(PlainLoader):
    """A DataLoader with a WeightedRandomSampler that draws as many samples as there are, always the
    same ones first.

    ``weights`` are those of a sample of each class.
    """

    def __init__(self, *arguments: Any, weights: Sequence[float], **options: Any) -> None:
        super().__init__(*arguments, **{**options, "sampler": partial(_by_class, weights)})
        mass = torch.bincount(labels_of(self.dataset), minlength=len(weights)) * torch.tensor(weights)  # type: ignore[arg-type]
        self.shares = mass.double() / mass.sum()

    def __call__(self) -> DrawnEpoch:
        """Run one epoch."""
        epoch = super().__call__()
        return DrawnEpoch(epoch.ids, epoch.labels, epoch.total, epoch.readings, self.shares)


def _by_class(weights: Sequence[float], dataset: Any) -> Sampler[int]:
    each = torch.tensor(weights)[labels_of(dataset)]
    return WeightedRandomSampler(each, len(dataset), generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]


def same_or_drawn(expected: Epoch, got: Epoch) -> None:
    """Agree where ``got`` has the same samples, or where it was drawn from them, each class as
    often as it should be.

    What is shuffled must not come in the expected order. AssertionError names what differs.
    """
    if isinstance(got, DrawnEpoch):
        _drawn_from(expected, got)
        return
    # A million samples are compared as tensors; only where they differ is it worth finding out how.
    first, second = expected.ids.argsort(), got.ids.argsort()
    equal = torch.equal(expected.ids[first], got.ids[second])
    if not (equal and torch.equal(expected.labels[first], got.labels[second])):
        same_samples(expected, got)
    if isinstance(got, ShuffledEpoch):
        # In a random order one sample, on the average, is where it was.
        total, left = got.ids.numel(), int((expected.ids == got.ids).sum())
        assert left <= 10 + total // 100, f"{left} of {total} shuffled samples are where they were"


def _drawn_from(expected: Epoch, got: DrawnEpoch) -> None:
    total = expected.ids.numel()
    assert got.ids.numel() == total, f"{counted(total, 'sample')} expected, {got.ids.numel()} delivered"
    label_of = torch.full((int(expected.ids.max()) + 1,), -1)
    label_of[expected.ids] = expected.labels
    strange = (got.ids < 0) | (got.ids >= len(label_of))
    assert not strange.any(), f"sample {int(got.ids[strange][0])} is none of those there are"
    relabelled = label_of[got.ids] != got.labels
    assert not relabelled.any(), f"with another label: id {int(got.ids[relabelled][0])}"
    counts = torch.bincount(got.labels, minlength=len(got.shares)).double()
    allowed = DEVIATIONS * (total * got.shares * (1 - got.shares)).sqrt()
    due = total * got.shares
    for label in ((counts - due).abs() > allowed).nonzero().flatten().tolist():
        raise AssertionError(
            f"class {label} was drawn {int(counts[label])} times, its weight gives {float(due[label]):.0f} and at most "
            f"{float(allowed[label]):.0f} more or less"
        )
