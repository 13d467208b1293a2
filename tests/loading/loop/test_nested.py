"""Batches of any form: moved, counted, and left in the form that they have."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from harness.loading.loop.nested import changed, pinned, tensor_bytes, to_device

META = torch.device("meta")


class Pair(NamedTuple):
    """A batch with names."""

    x: torch.Tensor
    name: str


class Graphs:
    """A batch of a library's, which moves itself."""

    def __init__(self, where: str = "cpu") -> None:
        self.where = where

    def to(self, device: torch.device) -> Graphs:
        """It says where it is."""
        return Graphs(device.type)

    def pin_memory(self) -> Graphs:
        """It says that it is pinned."""
        return Graphs("pinned")


def test_everything_that_can_be_is_moved() -> None:
    """In dictionaries, lists, tuples and tuples with names; what cannot be moved stays."""
    x = torch.zeros(2, 3)
    batch: dict[str, Any] = {
        "x": [x, (x, 1)],
        "pair": Pair(x, "a"),
        "graphs": Graphs(),
        "words": ["b"],
        "no": None,
    }
    there = to_device(batch, META, non_blocking=True)
    assert there["x"][0].device == there["x"][1][0].device == there["pair"].x.device == META
    assert (there["x"][1][1], there["pair"].name, there["words"], there["no"]) == (1, "a", ["b"], None)
    assert type(there["pair"]) is Pair and there["graphs"].where == "meta"
    assert to_device(batch, torch.device("cpu")) is batch
    assert tensor_bytes(batch) == 3 * 24
    assert pinned({"graphs": Graphs(), "n": 1})["graphs"].where == "pinned"
    assert changed([torch.ones(2)], type) == [torch.Tensor]
