"""Samples that are made in Python alone, one line after the other."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset

from harness.loading.data.dataset import Sample

LETTERS = 6000
"""Letters of a text: counting them takes Python about half a millisecond."""

CELLS = 28 * 28


class Texts(Dataset[Any]):
    """Texts as images of what is in them: pairs of neighbouring letters counted, float32 [1, 28, 28]."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, place: int) -> Sample:
        counts = [0.0] * CELLS
        letter = place
        for _ in range(LETTERS):
            following = (letter * 1103 + 12345) % 65536
            counts[(letter * 31 + following) % CELLS] += 1.0
            letter = following
        return torch.tensor(counts).view(1, 28, 28), place % 10, place
