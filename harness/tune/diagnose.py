"""Finding out about the winners: how near they come to the cores' best, what the loop is made of, and
epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from random import Random
from statistics import median

from harness.judge.headroom import headroom
from harness.loading.loaders import LOADER_KINDS
from harness.model import Headroom, LoaderSample, SampleStage, Setting, StageName, StepInput, Undone
from harness.tune.budget import Budget
from harness.tune.client import LoaderWorkerError, OutOfTime
from harness.tune.diagnosis import Diagnosis, LoaderAlone
from harness.tune.messages import (
    CountImages,
    MeasureCeilings,
    MeasureEpochs,
    MeasureOneCore,
    MeasureStages,
)
from harness.tune.race_workers import RaceWorkers
from harness.workers.codec import R, Request

ALONE, LOOP = "tune::alone", "tune::loop"
"""The monitor's case while loaders run without a step, and while the loop is taken apart; what runs is in
brackets."""

BLOCKS = 6
"""Times that the loop is taken apart."""

FEWEST_BLOCKS = 3
"""Blocks without which bounds would mean nothing."""

ROUNDS = 3
"""Times that a kind is compared with one core."""

ONE_CORE, STAGES, CEILINGS = 3.0, 5.0, 5.0
"""Seconds, at the most, that one core decodes, that its time is taken apart, and that files are read from the
disk."""

UNSURE = 1.1
"""How many times longer than the samples before a part may take that is of no use unfinished."""

SHORT_TAKES = 0.75
"""The share of a sample's time that one with a short window takes."""

EPOCHS = 2.0
"""How many samples' time a setting's short epochs take: five epochs begin for them."""


class Diagnoser:
    """Asks the loader processes of a race.

    ``progress`` is called with what is being done, ``budget`` is what there is time for, and ``notes`` grow.
    ``took`` gives the seconds that a sample of a setting takes. Each sample is measured inside ``watched``,
    which is called with the case and its number. Parts for which there is no time are left out, and are in
    ``undone``.
    """

    def __init__(
        self,
        workers: RaceWorkers,
        progress: Callable[[str], None],
        budget: Budget,
        notes: list[str],
        took: Callable[[Setting], float] = lambda _: 0.0,
        watched: Callable[[str, int], AbstractContextManager[object]] = lambda *_: nullcontext(),
    ) -> None:
        self._workers = workers
        self._progress = progress
        self._budget = budget
        self._notes = notes
        self._took = took
        self._watched = watched
        self.undone: dict[Undone, None] = {}

    def diagnose(
        self,
        answer: Setting,
        best: Sequence[Setting],
        cores: int,
        *,
        step: bool,
        copies: bool,
        files: bool = True,
    ) -> Diagnosis:
        """Everything about the answer and the ``best`` of each kind; what matters most comes first.

        The loop is taken apart if there is a ``step`` in it, with copies to a device if there are any, and
        with ``files`` that are not in the page cache.
        """
        found = Diagnosis(samples=self._count_images())
        ceilings: dict[str, float] = {}
        if step:
            headroom, rate = self._take_apart(answer, copies=copies, files=files)
            ceilings |= {"alone": rate} if rate else {}
            found = replace(found, headroom=headroom)
        epochs = self._epochs(answer, [answer])
        stages = self._stages(answer.batch_size)
        for stage in stages:
            if stage.name is StageName.DECODE_FASTEST:
                ceilings["decode"] = 1 / stage.seconds
        others = [setting for setting in best if setting != answer]
        ceilings |= self._ceilings(answer.batch_size)
        rates, alone = self._against_one_core([answer, *others], cores)
        ceilings |= rates
        epochs |= self._epochs(answer, others)
        return replace(found, stages=stages, ceilings=ceilings, alone=alone, epochs=epochs)

    # --- one request each -----------------------------------------------------------------------------------

    def _count_images(self) -> int | None:
        found = self._ask(CountImages(), Undone.EPOCHS, "the images were not counted")
        return None if found is None else found.images

    def _stages(self, batch_size: int) -> tuple[SampleStage, ...]:
        request = MeasureStages(seed=0, count=256, batch_size=batch_size, most_seconds=STAGES)
        found = self._ask(request, Undone.STAGES, "one core's time was not taken apart", STAGES)
        return () if found is None else found.stages

    def _ceilings(self, batch_size: int) -> Mapping[str, float]:
        request = MeasureCeilings(batch_size, most_seconds=CEILINGS)
        found = self._ask(request, Undone.CEILINGS, "no ceilings of the disk and the copy", CEILINGS)
        return {} if found is None else found.rates

    def _ask(self, request: Request[R], part: Undone, failed: str, seconds: float = -1.0) -> R | None:
        """The reply, if there is time for so many seconds of work; else the part is undone, or a note says
        why."""
        if seconds >= 0 and not self._room(seconds):
            self.undone[part] = None
            return None
        try:
            return self._workers.ask(request)
        except OutOfTime:
            self.undone[part] = None
        except LoaderWorkerError as error:
            self._notes.append(f"{failed}: {error}")
        return None

    # --- several requests -----------------------------------------------------------------------------------

    def _against_one_core(
        self, best: Sequence[Setting], cores: int
    ) -> tuple[dict[str, float], dict[str, LoaderAlone]]:
        """What one core decodes and transforms, in samples a second by kind; what the best of each makes of
        all cores.

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
                    self._progress(f"one core against {setting.kind}, {number + 1} of {ROUNDS}")
                    one_core = self._workers.ask(
                        MeasureOneCore(setting, seed=number, count=4, most_seconds=ONE_CORE)
                    )
                    with self._watched(f"{ALONE}[{setting.name}]", number + 1):
                        alone.append(self._sample(setting, StepInput.WARM, number, alone=True).seconds)
                    own.append(one_core.seconds)
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

    def _epochs(self, answer: Setting, settings: Sequence[Setting]) -> dict[str, dict[str, float]]:
        """Readings of short epochs without a step, by the names of the settings.

        The answer's have ``persistent_gap_seconds`` too, if it has worker processes.
        """
        found: dict[str, dict[str, float]] = {}
        for setting in settings:
            part = Undone.EPOCHS if setting == answer else Undone.OTHERS
            pipeline = LOADER_KINDS[setting.kind].threads
            starts = self._workers.start_seconds if pipeline else 0.0
            if not self._room(EPOCHS * self._took(setting) + starts):
                self.undone[part] = None
                continue
            self._progress(f"looking at {setting.kind} alone, and between epochs")
            if pipeline:
                # Memory that another pipeline's library keeps would be reused there, and not taken from the
                # device.
                self._workers.close()
            try:
                measured = self._workers.ask(MeasureEpochs(setting, seed=0, persistent=False))
                found[setting.name] = readings = dict(measured.readings)
                if readings["threads_left"] or readings["processes_left"]:
                    self._workers.close()
                if setting == answer and setting.workers and not pipeline:
                    persistent = self._workers.ask(MeasureEpochs(setting, seed=0, persistent=True))
                    readings["persistent_gap_seconds"] = persistent.readings["epoch_gap_seconds"]
            except OutOfTime:
                self.undone[part] = None
            except LoaderWorkerError as error:
                self._notes.append(f"{setting.kind} was not looked at between epochs: {error}")
        return found

    def _take_apart(self, answer: Setting, *, copies: bool, files: bool) -> tuple[Headroom | None, float]:
        """The loop fed with nothing, with copies, with the loader and with a cold cache, in blocks of random
        order.

        Beside it the loader alone, in samples a second. Without ``copies`` to a device that part is left out,
        and so is the cold cache without ``files`` that are known of.
        """
        without = {StepInput.CACHED: copies, StepInput.COLD: files}
        inputs = [each for each in StepInput if without.get(each, True)]
        blocks: list[dict[StepInput, float]] = []
        rates: list[float] = []
        disk_bytes = 0.0
        # Two samples draw on the loader in front of the step, a third on the loader alone.
        a_block = 3 * self._took(answer)
        if short := not self._room(FEWEST_BLOCKS * a_block):
            a_block *= SHORT_TAKES
        later = EPOCHS * self._took(answer) + STAGES + CEILINGS
        for number in range(BLOCKS):
            # More blocks than are needed make bounds narrower: they leave time for what follows.
            missing = FEWEST_BLOCKS - number
            if not self._room(missing * a_block * UNSURE if missing > 0 else a_block + later):
                break
            start = self._budget.now()
            self._workers.begin_repetition([answer], 0.0 if short else self._budget.left())
            block = {}
            try:
                for step_input in Random(number).sample(inputs, len(inputs)):
                    self._progress(f"taking the loop apart, {number + 1} of {BLOCKS}: {step_input}")
                    with self._watched(f"{LOOP}[{step_input}]", number + 1):
                        sample = self._sample(answer, step_input, number, short=short)
                    block[step_input] = sample.seconds
                    disk_bytes += (
                        sample.readings.get("disk_bytes", 0.0) if step_input is StepInput.COLD else 0.0
                    )
                with self._watched(f"{LOOP}[alone]", number + 1):
                    rates.append(
                        1 / self._sample(answer, StepInput.WARM, number, alone=True, short=short).seconds
                    )
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
        if not disk_bytes:
            # Nothing was read from the disk: the cache was not cold.
            blocks = [
                {each: seconds for each, seconds in block.items() if each is not StepInput.COLD}
                for block in blocks
            ]
        # Where no files are known, nobody expects them to be read.
        found = headroom(blocks)
        return (found if files else replace(found, warnings=())), median(rates)

    def _sample(
        self, setting: Setting, step_input: StepInput, seed: int, *, alone: bool = False, short: bool = False
    ) -> LoaderSample:
        """A whole sample. Raises OutOfTime if there is only time for a part of one, and what the workers
        raise."""
        most = max(0.0, self._budget.left())
        sample = self._workers.sample(
            setting, step_input, seed=seed, most_seconds=most, alone=alone, short=short
        )
        if sample.cut:
            raise OutOfTime("time was up in the middle of a sample")
        return sample

    def _room(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long."""
        return self._budget.left() > seconds
