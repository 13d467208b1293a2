"""What was found out about the winners of a race beside their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.model import EpochCost, Headroom, Ranked, SampleStage


@dataclass(frozen=True, slots=True)
class LoaderAlone:
    """A loader without a step: seconds a sample, and the share of one core's rate times the cores."""

    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found out; what was not is empty, and a note says why.

    ``alone`` and ``epochs`` (readings of short epochs) are by the names of settings; ``ceilings`` are samples
    a second; ``samples`` is the number of images in an epoch.
    """

    headroom: Headroom | None = None
    stages: tuple[SampleStage, ...] = ()
    ceilings: Mapping[str, float] = field(default_factory=dict)
    alone: Mapping[str, LoaderAlone] = field(default_factory=dict)
    epochs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    samples: int | None = None

    def completed(self, ranked: Ranked) -> Ranked:
        """The ranked setting with what was found out about its loader alone."""
        readings = dict(ranked.readings)
        alone = self.alone.get(ranked.setting.name)
        if alone is not None:
            readings["loader_seconds"] = alone.seconds
        readings |= self.epochs.get(ranked.setting.name, {})
        if self.samples is not None and (gap := readings.get("epoch_gap_seconds")) is not None:
            readings["epoch_seconds"] = self.samples * ranked.seconds + epoch_start(ranked, gap)
        return replace(ranked, readings=readings, ceiling=alone.share if alone else None)

    def epoch_cost(self, answer: Ranked, margin: float) -> EpochCost | None:
        """A whole epoch of the answer, and whether persistent workers are worth it; None if that is not
        known."""
        readings = self.epochs.get(answer.setting.name)
        if readings is None or self.samples is None:
            return None
        gap, persistent = readings["epoch_gap_seconds"], readings.get("persistent_gap_seconds")
        cost = EpochCost(
            self.samples, self.samples * answer.seconds + epoch_start(answer, gap), gap, persistent
        )
        return replace(cost, persistent=cost.gain > margin)


def epoch_start(ranked: Ranked, gap: float) -> float:
    """Seconds that an epoch takes beyond those of its samples, of a ``gap`` seconds long wait for its first
    batch.

    Nothing is ready then, and all workers begin at once. What the loop waits for a batch of each worker while
    it runs steadily is already part of the samples' seconds.
    """
    usual = (
        ranked.readings.get("wait_seconds", 0.0) * ranked.setting.batch_size * max(1, ranked.setting.workers)
    )
    return max(0.0, gap - usual)
