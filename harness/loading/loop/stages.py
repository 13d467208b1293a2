"""Where the time goes on one core: reading a file, decoding it, transforming it, making a batch of
samples.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from time import perf_counter

import torch
from PIL import Image as Pillow
from torch.utils.data import default_collate

from harness.loading.data import recipe
from harness.loading.data.decoders import to_tensor
from harness.loading.data.folder import Image
from harness.model import SampleStage, StageName


def stages(
    images: Sequence[Image],
    batch_size: int,
    most_seconds: float = inf,
    *,
    now: Callable[[], float] = perf_counter,
) -> tuple[SampleStage, ...]:
    """Seconds a sample of each stage of the DataLoader's way, one after the other on this thread alone.

    Takes one sample at least, and begins none after ``most_seconds``. The files are read once
    before: what is timed is a warm page cache. Decoding with the fastest decoder is timed in the
    same round on the same bytes, as ``decode_fastest``: the ceiling of what a core can decode here.
    """
    one_by_one = (StageName.READ, StageName.DECODE, StageName.TRANSFORM)
    spent = dict.fromkeys((*one_by_one, StageName.COLLATE), 0.0)
    fastest = 0.0
    transform = recipe.augmented()
    waiting: list[tuple[torch.Tensor, int, int]] = []
    done, over, last = 0, False, now() + most_seconds
    while not over:
        image = images[done]
        Path(image.path).read_bytes()
        marks = [now()]
        content = Path(image.path).read_bytes()
        marks.append(now())
        with Pillow.open(io.BytesIO(content)) as opened:
            picture = opened.convert("RGB")
        marks.append(now())
        pixels = transform(picture)
        marks.append(now())
        waiting.append((pixels, image.label, done))
        done += 1
        for name, begin, end in zip(one_by_one, marks, marks[1:], strict=False):
            spent[name] += end - begin
        begin = now()
        to_tensor(image.path, content)
        fastest += now() - begin
        over = done == len(images) or now() >= last
        if len(waiting) == batch_size or over:
            begin = now()
            default_collate(waiting)
            spent[StageName.COLLATE] += now() - begin
            waiting.clear()
    found = [SampleStage(name, seconds / done) for name, seconds in spent.items()]
    return (*found, SampleStage(StageName.DECODE_FASTEST, fastest / done))
