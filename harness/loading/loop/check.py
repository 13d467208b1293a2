"""Whether a loader delivers what the plain one does: the same samples, and pixels that are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from harness.loading.data import recipe
from harness.loading.loop.epoch import Batch

MEAN_LEVELS = 1.5
FAR_LEVELS = 16.0
FAR_SHARE = 1e-3
"""How far pixels may be off, in the 256 levels of a channel: in the mean of an image; and by more
than so many levels in no larger share of its pixels. Decoders and resizers that are not bit-exact
stay below; a missing antialias, another crop or a swapped channel do not."""


def first_difference(
    expected: Iterable[Batch], got: Iterable[Batch], about: Callable[[int], str] = lambda _: ""
) -> str | None:
    """What differs between two epochs of the same images under a recipe with nothing random; None
    where nothing does.

    Order and batches may differ. Images are float [n, 3, height, width], normalised. ``about``
    gives what is known of a sample whose pixels differ, its file for example.
    """
    wanted, seen = _by_id(expected), _by_id(got)
    if missing := sorted(wanted.keys() - seen.keys()):
        return f"samples {_some(missing)} are missing"
    if surplus := sorted(seen.keys() - wanted.keys()):
        return f"samples {_some(surplus)} that were not requested"
    if twice := sorted(number for number, found in seen.items() if len(found) != len(wanted[number])):
        return f"samples {_some(twice)} come another number of times"
    for number, ((image, label), *_) in sorted(wanted.items()):
        other, other_label = seen[number][0]
        if label != other_label:
            return f"sample {number} has label {other_label}, not {label}"
        if (reason := _far(image, other)) is not None:
            known = about(number)
            return f"sample {number}{f' ({known})' if known else ''}: {reason}"
    return None


def _by_id(batches: Iterable[Batch]) -> dict[int, list[tuple[Tensor, int]]]:
    found: dict[int, list[tuple[Tensor, int]]] = {}
    for images, labels, ids in batches:
        each = zip(images.cpu(), labels.reshape(-1).tolist(), ids.reshape(-1).tolist(), strict=True)
        for image, label, number in each:
            found.setdefault(int(number), []).append((image.clone(), int(label)))
    return found


def _far(image: Tensor, other: Tensor) -> str | None:
    if image.shape != other.shape:
        return f"its shape is {tuple(other.shape)}, not {tuple(image.shape)}"
    std = torch.tensor(recipe.STD).reshape(3, 1, 1)
    levels = 255 * std * (image.float() - other.float()).abs()
    if not bool(torch.isfinite(levels).all()):
        return "it holds what is not a number"
    mean, far = float(levels.mean()), float((levels > FAR_LEVELS).float().mean())
    if mean > MEAN_LEVELS or far > FAR_SHARE:
        return f"its pixels are {mean:.1f} levels of 256 off in the mean, {far:.1%} of them by more than {FAR_LEVELS:g}"
    return None


def _some(ids: list[int], most: int = 8) -> str:
    return ", ".join(map(str, ids[:most])) + (f" and {len(ids) - most} more" if len(ids) > most else "")
