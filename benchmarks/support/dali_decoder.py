"""DALI's decoder on the CPU, alone: a pipeline of one operator, run a batch at a time, nothing
prepared ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.loading.loaders.dali_shared import DECODED, module


class DaliDecoder:
    """Decodes batches of at most ``count`` encoded images, on one thread. DALI raises RuntimeError
    where it cannot.
    """

    def __init__(self, count: int) -> None:
        fn, types = module("fn"), module("types")

        @module().pipeline_def(  # type: ignore[untyped-decorator]
            batch_size=count,
            num_threads=1,
            device_id=None,
            prefetch_queue_depth=1,
            exec_async=False,
            exec_pipelined=False,
        )
        def pipeline() -> Any:
            jpegs = fn.external_source(name="jpegs", batch=True)
            return fn.decoders.image(jpegs, device="cpu", output_type=types.RGB, **DECODED)

        self._pipeline = pipeline()
        self._pipeline.build()

    def __call__(self, contents: Sequence[bytes]) -> Any:
        """The images, as DALI's list of tensors."""
        self._pipeline.feed_input("jpegs", [np.frombuffer(content, np.uint8) for content in contents])
        (images,) = self._pipeline.run()
        return images


def levels_of(images: Any) -> list[Tensor]:
    """The values of what a `DaliDecoder` gave, each uint8 [3, height, width]."""
    return [torch.from_numpy(np.array(images.at(place))).permute(2, 0, 1) for place in range(len(images))]
