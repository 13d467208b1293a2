"""Results as wrong variants would return them, for showing that a benchmark's check refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from harness.loading.loop.epoch import Epoch
from support.decoding import Decoded
from support.epochs_in_a_row import Epochs
from support.statistics import ChannelStatistics


def faults(result: Any, *, pixels: bool = False) -> Iterator[Any]:
    """Wrong results, each in one way. ``pixels`` says that the sum over an epoch's pixels matters."""
    match result:
        case Epoch():
            yield _one_less(result)
            yield _relabelled(result)
            if pixels:
                yield replace(result, total=result.total + 1.0)
        case Decoded(images):
            yield replace(result, images=[*images[:-1], 255 - images[-1]])
            yield replace(result, images=images[:-1])
            yield replace(result, refused=[*result.refused[:-1], True])
        case ChannelStatistics():
            yield replace(result, mean=result.mean + 1e-3)
            yield replace(result, deviation=result.deviation + 1e-3)
        case _:
            yield spoilt(result)


def spoilt(result: Any) -> Any:
    """The result with one number far off."""
    if isinstance(result, int | float):
        return 10 * result + 1
    if isinstance(result, list | tuple):
        return [*result[:-1], spoilt(result[-1])]
    wrong = result.clone(memory_format=torch.contiguous_format)
    if wrong.dtype is torch.uint8:
        wrong.view(-1)[-1] ^= 128
    else:
        wrong.view(-1)[-1] += 10 * wrong.abs().max() + 1
    return wrong


def _one_less(epoch: Epoch) -> Epoch:
    lost = replace(epoch, ids=epoch.ids[1:], labels=epoch.labels[1:])
    if isinstance(lost, Epochs):
        return replace(lost, lengths=(lost.lengths[0] - 1, *lost.lengths[1:]))
    return lost


def _relabelled(epoch: Epoch) -> Epoch:
    labels = epoch.labels.clone()
    labels[2] += 1
    return replace(epoch, labels=labels)
