"""Epochs of different lengths, each by its loader's own depth, held against each other."""

from __future__ import annotations

from collections.abc import Iterable

from harness.loading.loop.epoch import Epoch, same_samples


def same_beginnings(expected: Epoch, got: Epoch, *, lengths: Iterable[int]) -> None:
    """Agree where both delivered whole epochs of one of these ``lengths``, and the same samples as
    far as both go.

    AssertionError names what differs. The samples of an epoch of length n have the ids from 0 to n - 1.
    """
    known = sorted(set(lengths))
    for epoch in (expected, got):
        delivered = epoch.ids.numel()
        assert delivered in known, f"{delivered} samples delivered, no epoch of {', '.join(map(str, known))}"
        assert epoch.ids.sort().values.equal(epoch.ids.new_tensor(range(delivered))), (
            f"of {delivered} samples some came twice, and others were missing"
        )
    common = min(expected.ids.numel(), got.ids.numel())
    same_samples(
        *(Epoch(epoch.ids[epoch.ids < common], epoch.labels[epoch.ids < common]) for epoch in (expected, got))
    )
