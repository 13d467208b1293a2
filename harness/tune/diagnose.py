"""What is found out about the winners: how near they come to the cores' best, what the loop is made of, and epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from statistics import median

from harness.judge.headroom import headroom
from harness.loading.loaders import LOADER_KINDS
from harness.model import (
    EpochCost,
    Headroom,
    LoaderSample,
    Ranked,
    SampleStage,
    Setting,
    StepInput,
    Undone,
)
from harness.tune.budget import Budget
from harness.tune.client import LoaderClient, LoaderWorkerError, OutOfTime
from harness.tune.track import RaceWorkers

ALONE, LOOP = "tune::alone", "tune::loop"
"""What is watched while loaders run without a step, and while the loop is taken apart; what runs stands in brackets."""

BLOCKS = 6
"""Times that the loop is taken apart."""

FEWEST_BLOCKS = 3
"""Blocks without which there would be no bounds worth the name."""

ROUNDS = 3
"""Times that a kind is held against one core."""

ONE_CORE, STAGES, CEILINGS = 3.0, 5.0, 5.0
"""Seconds that one core decodes, that its time is taken apart, and that files are read from the disk, at the most."""

UNSURE = 1.1
"""How many times longer than the laps before a part may take that is of no use unfinished."""

SHORT_TAKES = 0.75
"""The share of a lap's time that one with a short window takes."""

SURVEY = 2.0
"""How many laps a look at a setting between epochs takes: five epochs begin for it."""


@dataclass(frozen=True, slots=True)
class LoaderAlone:
    """A loader without a step: seconds a sample, and the share of one core's rate times the cores."""

    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found out; what could not be is empty, and a note says why. ``alone`` and ``surveys`` by setting."""

    headspace: Headroom | None = None
    stages: tuple[SampleStage, ...] = ()
    ceilings: Mapping[str, float] = field(default_factory=dict)
    alone: Mapping[str, LoaderAlone] = field(default_factory=dict)
    surveys: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    samples: int | None = None

    def completed(self, ranked: Ranked) -> Ranked:
        """The setting's place with what was found out about its loader by itself."""
        readings = dict(ranked.readings)
        alone = self.alone.get(ranked.setting.name)
        if alone is not None:
            readings["loader_seconds"] = alone.seconds
        readings |= self.surveys.get(ranked.setting.name, {})
        if self.samples is not None and (gap := readings.get("epoch_gap_seconds")) is not None:
            readings["epoch_seconds"] = self.samples * ranked.seconds + begin(ranked, gap)
        return replace(ranked, readings=readings, ceiling=alone.share if alone else None)

    def epoch(self, answer: Ranked, margin: float) -> EpochCost | None:
        """A whole epoch of the answer, and whether workers that live on are worth it; None where that is not known."""
        readings = self.surveys.get(answer.setting.name)
        if readings is None or self.samples is None:
            return None
        gap, living = readings["epoch_gap_seconds"], readings.get("persistent_gap_seconds")
        cost = EpochCost(self.samples, self.samples * answer.seconds + begin(answer, gap), gap, living)
        return replace(cost, persistent=cost.gain > margin)


class Diagnoser:
    """Asks a track; ``tell`` hears what is being done, ``budget`` is what there is time for, ``notes`` grow.

    ``took`` says how many seconds a lap of a setting takes. Each lap is held inside ``watched``, which is told what is
    measured, and for which time. Parts for which there is no time are left out, and are in ``undone``.
    """

    def __init__(
        self,
        track: RaceWorkers,
        tell: Callable[[str], None],
        budget: Budget,
        notes: list[str],
        took: Callable[[Setting], float] = lambda _: 0.0,
        watched: Callable[[str, int], AbstractContextManager[object]] = lambda *_: nullcontext(),
    ) -> None:
        self._track = track
        self._tell = tell
        self._budget = budget
        self._notes = notes
        self._took = took
        self._watched = watched
        self.undone: dict[Undone, None] = {}

    def about(self, answer: Setting, best: Sequence[Setting], cores: int, *, step: bool, copies: bool) -> Diagnosis:
        """All that there is to find out, of the answer and of the ``best`` of each kind; what matters most comes first.

        The loop is taken apart where there is a ``step`` in it, with copies to a device where there are such.
        """
        found = Diagnosis(samples=self.epoch_samples())
        ceilings: dict[str, float] = {}
        if step:
            headspace, rate = self.taken_apart(answer, copies=copies)
            ceilings |= {"alone": rate} if rate else {}
            found = replace(found, headspace=headspace)
        surveys = self.surveys(answer, [answer])
        stages = self._stages(answer.batch_size)
        for stage in stages:
            if stage.name == "decode_fastest":
                ceilings["decode"] = 1 / stage.seconds
        others = [setting for setting in best if setting != answer]
        ceilings |= self._ceilings(answer)
        rates, alone = self.against_one_core([answer, *others], cores)
        ceilings |= rates
        surveys |= self.surveys(answer, others)
        return replace(found, stages=stages, ceilings=ceilings, alone=alone, surveys=surveys)

    def against_one_core(self, best: Sequence[Setting], cores: int) -> tuple[dict[str, float], dict[str, LoaderAlone]]:
        """What one core decodes and transforms, in samples a second by kind; what the best of each makes of all cores.

        The two are measured in turns, as often as there is time for.
        """
        rates: dict[str, float] = {}
        found: dict[str, LoaderAlone] = {}
        for setting in best:
            own: list[float] = []
            alone: list[float] = []
            try:
                for number in range(ROUNDS):
                    if not self._room(ONE_CORE + self._took(setting)):
                        break
                    self._tell(f"one core against {setting.kind}, {number + 1} of {ROUNDS}")
                    one = partial(LoaderClient.one_core, setting=setting, seed=number, count=4, most_seconds=ONE_CORE)
                    seconds = self._track.ask(one)
                    with self._watched(f"{ALONE}[{setting.name}]", number + 1):
                        alone.append(self._lap(setting, StepInput.WARM, number, alone=True).seconds)
                    own.append(seconds)
            except OutOfTime:
                pass
            except LoaderWorkerError as error:
                self._notes.append(f"no ceiling of {setting.kind}: {error}")
                continue
            if not own:
                self.undone[Undone.CORES] = None
            else:
                alone = alone[: len(own)]
                rates[setting.kind] = 1 / median(own)
                share = median(one / all_ / cores for one, all_ in zip(own, alone, strict=True))
                found[setting.name] = LoaderAlone(median(alone), share)
        return rates, found

    def surveys(self, answer: Setting, settings: Sequence[Setting]) -> dict[str, dict[str, float]]:
        """Readings of settings by themselves, by their names.

        The answer's have ``persistent_gap_seconds`` too, where it has worker processes.
        """
        found: dict[str, dict[str, float]] = {}
        for setting in settings:
            part = Undone.EPOCHS if setting == answer else Undone.OTHERS
            pipeline = LOADER_KINDS[setting.kind].threads
            starts = self._track.start_seconds if pipeline else 0.0
            if not self._room(SURVEY * self._took(setting) + starts):
                self.undone[part] = None
                continue
            self._tell(f"looking at {setting.kind} alone, and between epochs")
            if pipeline:
                # Memory that another pipeline's library keeps would be found there, and not taken from the device.
                self._track.fresh()
            try:
                readings = self._track.ask(partial(LoaderClient.survey, setting=setting, seed=0, persistent=False))
                found[setting.name] = readings
                if readings["threads_left"] or readings["processes_left"]:
                    self._track.fresh()
                if setting == answer and setting.workers and not pipeline:
                    living = self._track.ask(partial(LoaderClient.survey, setting=setting, seed=0, persistent=True))
                    readings["persistent_gap_seconds"] = living["epoch_gap_seconds"]
            except OutOfTime:
                self.undone[part] = None
            except LoaderWorkerError as error:
                self._notes.append(f"{setting.kind} was not looked at between epochs: {error}")
        return found

    def _stages(self, batch_size: int) -> tuple[SampleStage, ...]:
        if not self._room(STAGES):
            self.undone[Undone.STAGES] = None
            return ()
        try:
            asked = partial(LoaderClient.stages, seed=0, count=256, batch_size=batch_size, most_seconds=STAGES)
            return self._track.ask(asked)
        except OutOfTime:
            self.undone[Undone.STAGES] = None
        except LoaderWorkerError as error:
            self._notes.append(f"one core's time was not taken apart: {error}")
        return ()

    def _ceilings(self, answer: Setting) -> dict[str, float]:
        if not self._room(CEILINGS):
            self.undone[Undone.CEILINGS] = None
            return {}
        try:
            return self._track.ask(partial(LoaderClient.ceilings, setting=answer, most_seconds=CEILINGS))
        except OutOfTime:
            self.undone[Undone.CEILINGS] = None
        except LoaderWorkerError as error:
            self._notes.append(f"no ceilings of the disk and the copy: {error}")
        return {}

    def epoch_samples(self) -> int | None:
        """The images that there are in all; None where nobody could count them."""
        try:
            return self._track.ask(LoaderClient.epoch_samples)
        except OutOfTime:
            self.undone[Undone.EPOCHS] = None
        except LoaderWorkerError as error:
            self._notes.append(f"the images were not counted: {error}")
        return None

    def taken_apart(self, answer: Setting, *, copies: bool) -> tuple[Headroom | None, float]:
        """The loop fed with nothing, with copies, with the loader and with a cold cache, in blocks of random order.

        Beside it the loader alone, in samples a second. Without ``copies`` to a device that part is left out.
        """
        feeds = [feed for feed in StepInput if feed is not StepInput.CACHED or copies]
        blocks: list[dict[StepInput, float]] = []
        rates: list[float] = []
        cold = 0.0
        # Two laps draw on the loader in front of the step, a third on the loader alone.
        a_block = 3 * self._took(answer)
        if short := not self._room(FEWEST_BLOCKS * a_block):
            a_block *= SHORT_TAKES
        later = SURVEY * self._took(answer) + STAGES + CEILINGS
        for number in range(BLOCKS):
            # More blocks than are needed make bounds narrower: they leave time for what follows.
            missing = FEWEST_BLOCKS - number
            if not self._room(missing * a_block * UNSURE if missing > 0 else a_block + later):
                break
            start = self._budget.now()
            self._track.heat([answer], 0.0 if short else self._budget.left())
            block = {}
            try:
                for feed in Random(number).sample(feeds, len(feeds)):
                    self._tell(f"taking the loop apart, {number + 1} of {BLOCKS}: {feed}")
                    with self._watched(f"{LOOP}[{feed}]", number + 1):
                        lap = self._lap(answer, feed, number, short=short)
                    block[feed] = lap.seconds
                    cold += lap.readings.get("disk_bytes", 0.0) if feed is StepInput.COLD else 0.0
                with self._watched(f"{LOOP}[alone]", number + 1):
                    rates.append(1 / self._lap(answer, StepInput.WARM, number, alone=True, short=short).seconds)
            except OutOfTime:
                break
            except LoaderWorkerError as error:
                self._notes.append(f"the loop could not be taken apart: {error}")
                return None, median(rates) if rates else 0.0
            blocks.append(block)
            a_block = max(a_block, self._budget.now() - start)
        if len(blocks) < FEWEST_BLOCKS:
            self.undone[Undone.LOOP] = None
            return None, median(rates) if rates else 0.0
        if not cold:
            blocks = [
                {feed: seconds for feed, seconds in block.items() if feed is not StepInput.COLD} for block in blocks
            ]
        return headroom(blocks), median(rates)

    def _lap(
        self, setting: Setting, feed: StepInput, seed: int, *, alone: bool = False, short: bool = False
    ) -> LoaderSample:
        """A whole lap. Raises OutOfTime where there is only time for a part of one, and what a track raises."""
        most = max(0.0, self._budget.left())
        lap = self._track.lap(setting, feed, seed=seed, most_seconds=most, alone=alone, short=short)
        if lap.cut:
            raise OutOfTime("time was up in the middle of a lap")
        return lap

    def _room(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long."""
        return self._budget.left() > seconds


def begin(ranked: Ranked, gap: float) -> float:
    """Seconds that an epoch takes beyond those of its samples, of a ``gap`` seconds long wait for its first batch.

    Nothing is ready then, and all workers begin at once: what the loop would wait for a batch of each anyway, where it
    runs steadily, is no part of it.
    """
    usual = ranked.readings.get("wait_seconds", 0.0) * ranked.setting.batch_size * max(1, ranked.setting.workers)
    return max(0.0, gap - usual)
