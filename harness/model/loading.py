"""Loading: how a loader is set up, what a sample with it showed, and what a race of settings found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Setting:
    """How a loader is set up.

    ``kind`` names the way of loading. ``workers`` are its processes, or its threads where it has threads
    instead; ``prefetch`` is how many batches each worker, or a pipeline's queue, keeps ready (0 where nothing
    is).
    """

    kind: str
    workers: int
    prefetch: int
    batch_size: int
    pin: bool = False

    @property
    def name(self) -> str:
        """A short name, the same for the same setting: ``dataloader-w2-p2-b64``."""
        parts = [self.kind, f"w{self.workers}"]
        if self.prefetch:
            parts.append(f"p{self.prefetch}")
        return "-".join([*parts, *(["pin"] if self.pin else []), f"b{self.batch_size}"])

    @property
    def depth(self) -> int:
        """Batches kept ready or in the making at most; at least 1, the requested one."""
        return max(1, self.prefetch * max(1, self.workers))

    @property
    def cost(self) -> tuple[int, int, bool]:
        """What a smaller setting has less of, the most expensive first: workers, batches kept ready, pinned
        memory."""
        return self.workers, self.depth, self.pin


@dataclass(frozen=True, slots=True)
class LoaderSample:
    """What a loader showed in a window of steady running.

    ``seconds`` are per sample; ``readings`` are metrics of `harness.model`, per sample where they are seconds
    of work (``cpu_seconds``), else as they are (``first_batch_seconds``). ``cut`` says that time was up
    before the window was closed: then the start of the loader counts too, and it may be faster than this.
    """

    seconds: float
    samples: int
    readings: Mapping[str, float] = field(default_factory=dict)
    cut: bool = False


class StepInput(StrEnum):
    """What the step is fed with while the loop is taken apart."""

    RESIDENT = "resident"
    CACHED = "cached"
    WARM = "warm"
    COLD = "cold"


class LoopPart(StrEnum):
    """A part of a loop's time: what makes one feed more expensive than the one before."""

    STEP = "step"
    COPY = "copy"
    PREPARE = "prepare"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class LoopShare:
    """A part of the loop: seconds a sample with their 95 % interval, and the share of the whole loop."""

    part: LoopPart
    seconds: float
    low: float
    high: float
    share: float


class StageName(StrEnum):
    """What is done to a sample on one core; ``DECODE_FASTEST`` is decoding again, with the fastest decoder
    there is."""

    READ = "read"
    DECODE = "decode"
    TRANSFORM = "transform"
    COLLATE = "collate"
    DECODE_FASTEST = "decode_fastest"


@dataclass(frozen=True, slots=True)
class SampleStage:
    """What is done to one sample on one core, or to it as part of a batch: seconds a sample."""

    name: StageName
    seconds: float


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a perfect loader would save: a share of the loop's time with its 95 % interval, and the loop's
    parts."""

    share: float
    low: float
    high: float
    parts: tuple[LoopShare, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EpochCost:
    """A whole epoch of the answer, and what it costs to begin one.

    ``samples`` are all there are in the data. ``gap`` is the wait between the last step of one epoch and the
    first batch of the next, with workers that end with their epoch, ``persistent_gap`` with workers that live
    on; None where there are no worker processes. ``seconds`` are those of an epoch that starts its workers.
    ``persistent`` says that workers which live on save more of it than the margin.
    """

    samples: int
    seconds: float
    gap: float
    persistent_gap: float | None = None
    persistent: bool = False

    @property
    def gain(self) -> float:
        """The share of an epoch that is saved by workers which live on."""
        if self.persistent_gap is None:
            return 0.0
        return (self.gap - self.persistent_gap) / self.seconds


class Certainty(StrEnum):
    """How sure the answer of a race is."""

    DECIDED = "decided"
    """No setting that ran may be faster by more than the margin."""

    CLOSE = "close"
    """Some that ran may be: their samples cannot distinguish them."""

    PROVISIONAL = "provisional"
    """Time was up too early: samples were too few, or kinds or worker counts were not tried."""


class Undone(StrEnum):
    """A part of a tuning for which there was no time."""

    KINDS = "kinds"
    LOOP = "loop"
    EPOCHS = "epochs"
    STAGES = "stages"
    CORES = "cores"
    CEILINGS = "ceilings"
    OTHERS = "others"


class WorkerLimit(StrEnum):
    """What bounds the number of a loader's workers."""

    CORES = "cores"
    MEMORY = "memory"
    SHARED_MEMORY = "shared memory"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Settings that this machine has no room for: by which limit, in its numbers."""

    limit: WorkerLimit
    sentence: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A setting after the race.

    ``ratio`` is its seconds against the best's, with bounds. ``eliminated``: it is certainly slower than the
    best by more than the margin; ``equivalent``: it is not likely to be slower by more than that. ``seconds``
    are per image, the median of its ``samples``, and so are the ``readings``; the best of each kind has more
    of them: of the loader alone, and of epochs. ``ceiling`` is its rate without a step as a share of what its
    kind decodes and transforms on one core, times the cores; None where that was not measured.
    """

    setting: Setting
    samples: int = field(metadata={"key": "laps"})
    ratio: float
    low: float
    high: float
    eliminated: bool = field(metadata={"key": "behind"})
    equivalent: bool = field(metadata={"key": "level"})
    seconds: float
    readings: Mapping[str, float] = field(default_factory=dict)
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class OwnDataset:
    """A dataset of the user's: what a function, written ``module:function``, returned.

    ``samples`` is its length, None if it has none. An ``iterable`` one has an order of its own. ``collate``
    says that the function returned a collate function beside it.
    """

    place: str
    samples: int | None = None
    iterable: bool = False
    collate: bool = False


GENERATED = "generated images"
"""What a tuning calls its data where none was named."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning a loader found.

    ``answer`` is the smallest setting of the plateau, ``default`` the loader as torch makes it when nothing
    is said; None where no lap of it was held. ``epoch`` is a whole epoch of the answer. ``failed`` and
    ``missing`` say why a setting or a kind was out of the race. ``ceilings`` are samples a second: by kind on
    one core, ``decode`` for the fastest decoder on one core, ``disk`` and ``copy`` for files from the disk
    and batches to the device; ``alone`` is the answer's loader without the step. ``grid`` counts the settings
    that there are in all, of which ``left_out`` had no room and are not counted; ``undone`` are the parts for
    which there was no time within ``budget`` seconds, ``needs`` is the budget in seconds that would have had
    it, and ``decide`` the command with such a budget. Of a user's ``dataset``, ``images`` is the number of
    its samples, 0 if that is not known.
    """

    data: str
    images: int
    step: str
    device: str
    cores: int
    margin: float
    ranked: tuple[Ranked, ...]
    answer: Setting | None
    default: Setting | None
    headroom: Headroom | None = field(default=None, metadata={"key": "headspace"})
    epoch: EpochCost | None = None
    stages: tuple[SampleStage, ...] = ()
    ceilings: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    repetitions: int = field(default=0, metadata={"key": "heats"})  # codespell:ignore heats
    seconds: float = 0.0
    budget: float = 0.0
    certainty: Certainty = Certainty.PROVISIONAL
    grid: int = 0
    left_out: tuple[LeftOut, ...] = ()
    undone: tuple[Undone, ...] = ()
    needs: float = 0.0
    decide: str = ""
    dataset: OwnDataset | None = None

    def of(self, setting: Setting | None) -> Ranked | None:
        """The setting's place; None where it has none."""
        return next((ranked for ranked in self.ranked if ranked.setting == setting), None)
