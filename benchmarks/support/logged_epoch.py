"""An epoch of training whose steps are logged, in whatever way is on trial."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, stack

Log = Callable[[int, Tensor], object]
"""What is called behind each step, with its number and its loss."""


def logged_epoch(train: Callable[[], Tensor], steps: int, log: Log = lambda *_: None) -> Tensor:
    """Take so many steps, each of which returns its loss; the losses, float [steps], without their graphs."""
    losses = []
    for step in range(steps):
        loss = train()
        log(step, loss)
        losses.append(loss.detach())
    return stack(losses)
