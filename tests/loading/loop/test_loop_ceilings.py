"""What no loader can beat: the rate at which one core prepares samples."""

from __future__ import annotations

import pytest
import torch

from harness.loading.loop.ceilings import one_core_seconds
from harness.measure.clock import FakeClock


def test_one_core_prepares_samples_and_finishes_batches() -> None:
    """Making samples and finishing batches counts, by a fake clock; making batches does not."""
    clock = FakeClock()
    finished: list[int] = []

    class Dataset:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
            clock.advance(2.0)
            return torch.zeros(3, dtype=torch.uint8), place

    def finish(batch: torch.Tensor) -> torch.Tensor:
        clock.advance(5.0)
        finished.append(len(batch))
        return batch

    assert one_core_seconds(Dataset(), 4, finish=finish, now=clock.now) == pytest.approx(
        (10 * 2.0 + 3 * 5.0) / 10
    )
    assert finished == [4, 4, 2]
    assert one_core_seconds(Dataset(), 4, now=clock.now) == pytest.approx(2.0)
    assert one_core_seconds(Dataset(), 4, 5.0, finish=finish, now=clock.now) == pytest.approx(
        (3 * 2.0 + 5.0) / 3
    )
