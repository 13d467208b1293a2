"""A training loop that was watched: what loader fed it, where its time went, what to try next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LOOP_CASE = "training::loop"
"""The case of a watched loop's measurements; each is a stretch of it, one iteration a sample."""


@dataclass(frozen=True, slots=True)
class WatchedLoader:
    """What is known of the loader of a watched loop; what it does not say is empty, or None.

    ``kind`` is the name of its class. ``dataset`` is the folder of an ImageFolder. ``processes`` says that
    its workers are processes. ``step`` is how `tune` would be given the loop's step; empty where that is not
    known.
    """

    kind: str
    dataset: str = ""
    step: str = ""
    batch_size: int | None = None
    workers: int | None = None
    processes: bool = False
    persistent: bool = False


class LoopSpan(StrEnum):
    """What a watched loop spends its time on."""

    WAIT = "wait"
    COPY = "copy"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class LoopSpent:
    """One of these: seconds an iteration, and the share of the steady loop with its 95 % interval."""

    span: LoopSpan
    seconds: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LoopSaving:
    """The share of the loop's time that a loader which is always ready would save, with its 95 % interval.

    ``on_device``: the waits are those of the device; what the host waits while the device works costs
    nothing.
    """

    share: float
    low: float
    high: float
    on_device: bool = False


class LoopAdvice(StrEnum):
    """What to try next."""

    TUNE = "tune"
    """The loop waits for its loader."""

    PERSISTENT = "persistent workers"
    """The loop waits for workers to start, epoch after epoch."""

    FEWER_WORKERS = "fewer workers"
    """The loop does not wait, and most of the workers' time is idle."""

    LEAVE = "leave it alone"
    """The loop does not wait."""

    LONGER = "watch longer"
    """There were too few iterations to tell."""


@dataclass(frozen=True, slots=True)
class LoopFound:
    """What watching a loop found.

    ``iterations`` are those of the steady loop, ``stretches`` counts how often it was begun, ``left`` how
    often it was left early. ``starts`` is the share of all time that went into first batches and the ends of
    epochs, ``start_seconds`` that time by epoch. ``empty`` is the share of iterations in which no batch was
    ready, ``idle`` the share of their time in which workers had nothing to do, ``queued`` that in which they
    waited for a core; None where that is not known. ``saving`` is None where there were too few iterations.
    """

    loader: WatchedLoader
    iterations: int
    seconds: float
    stretches: int
    left: int
    spent: tuple[LoopSpent, ...]
    saving: LoopSaving | None
    starts: float
    start_seconds: float
    empty: float
    idle: float | None
    queued: float | None
    advice: LoopAdvice
