"""A dataset of the user's: made by the function that ``--dataset`` names, and read for as long as a
measurement takes."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, default_collate, get_worker_info

from harness.errors import UsageError
from harness.loading.data.folder import DataError
from harness.loading.data.users_code import imported, raised

WANTED = "return a dataset, or a dataset and a collate function"

Collate = Callable[[list[object]], Any]


@dataclass(frozen=True, slots=True)
class OwnData:
    """What a user's function returned: a map-style or an iterable dataset, and what makes batches of its
    samples.

    ``samples`` is its length, None if it has none. ``collates`` says that the function returned ``collate``.
    """

    dataset: Any
    collate: Collate
    samples: int | None
    iterable: bool
    collates: bool


def own_data(place: str) -> OwnData:
    """Call a function, written ``module:function``. Raises UsageError for what is not a dataset that a
    DataLoader can read."""
    option = f"--dataset {place}"
    module, _, name = place.partition(":")
    try:
        make = imported("--dataset", module, name, "a function that returns a dataset")
    except DataError as error:
        raise UsageError(str(error)) from error
    if not callable(make):
        raise UsageError(
            f"{option} is {_kind(make)}, which cannot be called: name a function that returns a dataset"
        )
    try:
        found = make()
    except Exception as error:
        raise UsageError(f"{option} raised {raised(error)}") from error
    return _checked(found, option)


def _checked(found: Any, option: str) -> OwnData:
    dataset, collate = found, None
    if isinstance(found, tuple):
        if len(found) != 2 or not (found[1] is None or callable(found[1])):
            held = ", ".join(map(_kind, found[:5]))
            raise UsageError(f"{option} returned a tuple of {len(found)} ({held}): {WANTED}")
        dataset, collate = found
    if isinstance(dataset, DataLoader):
        raise UsageError(
            f"{option} returned a DataLoader: return its dataset, and its collate_fn beside it if that is your own"
        )
    if isinstance(dataset, str | bytes | bytearray):
        raise UsageError(f"{option} returned {_kind(dataset)}, whose items are no samples: {WANTED}")
    iterable = isinstance(dataset, IterableDataset)
    mapped = hasattr(type(dataset), "__getitem__") and hasattr(type(dataset), "__len__")
    if dataset is None or not (iterable or mapped):
        raise UsageError(
            f"{option} returned {_kind(dataset)}, which neither has __len__ and __getitem__ nor is an IterableDataset: "
            f"{WANTED}"
        )
    try:
        samples = len(dataset) if isinstance(dataset, Sized) else None
    except Exception as error:
        if not iterable:
            raise UsageError(f"{option}: the dataset's __len__ raised {raised(error)}") from error
        samples = None
    if samples == 0:
        raise UsageError(f"{option}: the dataset is empty, its __len__ is 0")
    made = OwnData(dataset, collate or default_collate, samples, iterable, collate is not None)
    _check_pickled(made, option)
    return made


def _check_pickled(own: OwnData, option: str) -> None:
    """Raises UsageError for what workers would need a pickle of and that has none; forked ones need none."""
    method = multiprocessing.get_start_method()
    if method == "fork":
        return
    try:
        ForkingPickler(io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump((own.dataset, own.collate))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"{option}: the dataset cannot be pickled, which workers started by {method!r} need ({error}): keep "
            "lambdas, open files and the like out of it"
        ) from error


def _kind(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


class Counted:
    """A collate function whose batches come with their number of samples: nothing else knows it."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, samples: list[object]) -> tuple[Any, int]:
        """The batch of these samples, and how many they are."""
        return self.collate(samples), len(samples)


class Stream(IterableDataset[Any]):
    """An iterable dataset, iterated over again and again, in each worker by itself.

    All workers together deliver ``samples``, at least one each; without a number there is no end, except for
    a worker to which the dataset delivers nothing.
    """

    def __init__(self, dataset: Iterable[object], samples: int | None = None) -> None:
        self.dataset = dataset
        self.samples = samples

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        share = (
            None if self.samples is None else max(1, self.samples // (worker.num_workers if worker else 1))
        )
        delivered = 0
        while True:
            before = delivered
            for sample in self.dataset:
                yield sample
                delivered += 1
                if delivered == share:
                    return
            if delivered == before:
                return
