"""Tuning from beginning to end: introduction, check of what kinds deliver, race, diagnosis, and the
outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from harness import store
from harness.bench.resume import OtherEnvironment
from harness.errors import UsageError
from harness.loading.loaders import LOADER_KINDS
from harness.model import (
    GENERATED,
    SCHEMA,
    EndReason,
    LoaderSample,
    Measurement,
    RunEnd,
    Setting,
    StepInput,
    Tuned,
    Undone,
)
from harness.monitor.run import Monitor
from harness.plural import counted
from harness.store.parts import being_measured, part_file
from harness.tune.budget import CLOSING, SETUP
from harness.tune.client import LoaderWorkerError, OutOfTime
from harness.tune.diagnose import Diagnoser
from harness.tune.diagnosis import Diagnosis
from harness.tune.grid import settings_grid
from harness.tune.messages import PLAIN, CheckDelivery, FindDamaged, Introduce, Introduction, LoaderPlan
from harness.tune.outcome import CLAIM, RACE_CASE, best_of_kinds, measurement, ranked_in
from harness.tune.pace import RacePace
from harness.tune.race import Race, SettingsGrid
from harness.tune.race_workers import RaceWorkers
from harness.tune.resume import TuneResumption, asked
from harness.tune.settings import TuneDisplay, TuneSettings
from harness.workers.collect import Refused, WorkerError

EXAMINE = 0.05
"""The share of the budget in which damaged images are looked for, and images that are stored in different
ways."""


def tune(
    settings: TuneSettings, folder: Path, display: TuneDisplay, resumption: TuneResumption | None = None
) -> Tuned:
    """Tune, or go on with a tuning that is resumed, writing every sample to ``folder`` as soon as it is
    measured. Raises StoreError, WorkerError, and, before any sample, Refused, UsageError and
    OtherEnvironment.

    KeyboardInterrupt passes through when the processes are gone.
    """
    return _Tuning(settings, folder, display, resumption).run()


class _Tuning:
    """One tuning in progress."""

    def __init__(
        self, settings: TuneSettings, folder: Path, display: TuneDisplay, resumption: TuneResumption | None
    ) -> None:
        self._settings = settings
        self._resumption = resumption
        self._folder = folder
        self._display = display
        self._budget = settings.budget
        self._pace = RacePace(settings.budget)
        self._data = str(settings.data) if settings.data else None
        self._workers = RaceWorkers(
            settings.python,
            LoaderPlan(self._data, settings.device, settings.step, dataset=settings.dataset),
            folder,
            note=self._note,
            left=self._pace.timeout,
            borrowed=settings.borrowed,
        )
        self._monitor = Monitor(
            folder,
            settings.watch,
            note=display.note,
            name=part_file(store.TELEMETRY_FILE, resumption.part if resumption else 1),
        )
        self._repetition = resumption.repetition if resumption else 0
        self._notes: list[str] = []
        self._failed: dict[str, str] = {}
        self._environment: Mapping[str, object] = {}
        self._measurements: list[Measurement] = []
        self._undone: dict[Undone, None] = {}

    def run(self) -> Tuned:
        writer = self._opened()
        end = RunEnd(EndReason.INTERRUPTED)
        # The monitor surrounds the processes: what runs before the first or after the last is not this
        # tuning's.
        marked = nullcontext() if self._resumption else being_measured(self._folder)
        with marked, self._monitor, self._workers:
            try:
                found = self._tuned(writer)
                end = RunEnd(EndReason.ALL_DECIDED)
            except (WorkerError, LoaderWorkerError) as error:
                end = RunEnd(EndReason.STOPPED, str(error))
                raise (error if isinstance(error, Refused) else WorkerError(str(error))) from None
            except (UsageError, OtherEnvironment) as error:
                end = RunEnd(EndReason.STOPPED, str(error))
                raise
            finally:
                store.write_end(writer, end)
                writer.close()
        remarks = self._display.remarks(self._monitor.watched(self._environment, self._measurements))
        return replace(found, notes=tuple(dict.fromkeys((*found.notes, *remarks))))

    def _opened(self) -> store.Writer:
        """The record of this part, with its first line."""
        budget = self._budget.seconds
        if self._resumption:
            return store.open_resumed(
                self._folder, self._resumption.part, after=self._repetition, budget=budget
            )
        return store.open_run(
            self._folder, [CLAIM], profile=store.TUNE, budget=budget, data=self._settings.dataset or self._data or "",
            step=self._settings.step, asked=asked(self._settings),
        )  # fmt: skip

    def _tuned(self, writer: store.Writer) -> Tuned:
        introduction = self._introduction()
        self._environment = introduction.environment
        self._notes.extend(introduction.remarks)
        self._monitor.measures_on(self._environment)
        axes, left_out = settings_grid(introduction, self._settings)
        writer.write("header", schema=SCHEMA, environment=self._environment, planned=[])
        if self._resumption:
            self._resumption.check_environment(self._environment)
            self._display.note(self._resumption.described())
        grid = len(axes.grid())
        self._display.called(
            self._environment,
            f"{_extent(introduction)}, {counted(grid, 'setting')} of {', '.join(axes.workers)}",
        )
        for each in left_out:
            self._display.left_out(each)
        self._workers.images = introduction.images
        self._workers.leave_out(self._workers.ask(FindDamaged(EXAMINE * self._budget.seconds)).reasons)
        axes = replace(axes, workers=self._equal_kinds(axes))
        race = Race(
            lambda settings: self._measure(settings, writer),
            axes,
            self._settings.rule,
            room=self._pace.room,
            progress=self._doing,
        )
        self._pace.begin(grid)
        race.run()
        answer = race.answer()
        self._failed |= race.failed
        default = Setting(PLAIN, 0, 0, axes.batch_sizes[0])
        found = Diagnosis() if answer is None else self._diagnosis(race, answer, introduction.device)
        ranked = tuple(found.completed(each) for each in ranked_in(race))
        best = next((each for each in ranked if each.setting == answer), None)
        return Tuned(
            data=self._settings.dataset or self._data or GENERATED,
            images=introduction.images,
            step=self._settings.step,
            device=introduction.device,
            cores=axes.cores,
            margin=self._settings.rule.margin,
            ranked=ranked,
            answer=answer,
            default=default if default.name in race.results else None,
            headroom=found.headroom,
            epoch=found.epoch_cost(best, self._settings.rule.margin) if best is not None else None,
            stages=found.stages,
            ceilings=found.ceilings,
            failed=self._failed,
            missing=introduction.missing,
            notes=tuple(dict.fromkeys(self._notes)),
            repetitions=len(race.repetitions),
            seconds=self._budget.used(),
            budget=self._budget.seconds,
            certainty=race.certainty(),
            grid=grid,
            left_out=left_out,
            undone=tuple(self._undone),
            needs=self._pace.needs(race, more=bool(self._undone)),
            dataset=introduction.dataset,
        )

    def _introduction(self) -> Introduction:
        try:
            return self._workers.ask(Introduce())
        except OutOfTime:
            found = "the dataset was made" if self._settings.dataset else "the images were found"
            raise WorkerError(self._too_short(f"torch was imported and {found}")) from None
        except LoaderWorkerError as error:
            raise (Refused if error.refused else WorkerError)(str(error)) from None

    def _too_short(self, before: str) -> str:
        return f"the budget of {self._budget.seconds:g} s was used up before {before}: give a larger --budget"

    # --- what runs ------------------------------------------------------------------------------------------

    def _equal_kinds(self, axes: SettingsGrid) -> dict[str, Sequence[int]]:
        """The kinds that deliver what the plain loader does; the others are out before anything is timed.

        One kind is checked whatever the time, the others as long as the set-up has some. The plain loader is
        what they are compared with: without time it races unchecked.
        """
        kept: dict[str, Sequence[int]] = {}
        setup = self._budget.until(SETUP)
        for kind, counts in axes.workers.items():
            starts = self._workers.start_seconds if LOADER_KINDS[kind].threads else 0.0
            if kind == PLAIN and setup.left() <= 0:
                kept[kind] = counts
                continue
            if kept and setup.left() < starts:
                self._undone[Undone.KINDS] = None
                self._note(f"{kind} does not race: there was no time to check what it delivers")
                continue
            self._doing(f"checking what {kind} delivers")
            setting = Setting(kind, max(counts), axes.prefetch[0], axes.batch_sizes[0], axes.pin[0])
            try:
                wrong = self._workers.ask(CheckDelivery(setting, EXAMINE * self._budget.seconds)).difference
            except OutOfTime:
                self._undone[Undone.KINDS] = None
                continue
            except LoaderWorkerError as error:
                wrong = str(error)
            if wrong is None:
                kept[kind] = counts
            else:
                self._failed[kind] = wrong
                self._display.note(f"{kind} is out: {wrong}")
        if not kept and not self._failed:
            raise WorkerError(self._too_short("one kind of loader was checked"))
        if not kept:
            reasons = set(self._failed.values())
            listed = [f"{kind}: {why}" for kind, why in self._failed.items()]
            raise WorkerError(reasons.pop() if len(reasons) == 1 else "; ".join(listed))
        return kept

    def _measure(
        self, settings: Sequence[Setting], writer: store.Writer
    ) -> dict[Setting, LoaderSample | str]:
        """A repetition; settings for which no time is left are not in it, but one sample is always
        measured."""
        if self._resumption and (there := self._resumption.next(settings)) is not None:
            recorded, known = there
            for setting in known:
                self._pace.ran(setting, recorded.seconds / len(recorded.trials))
            return dict(known)
        self._pace.first_sample = not self._pace.started
        self._workers.begin_repetition(settings, self._pace.race().left())
        self._repetition += 1
        found: dict[Setting, LoaderSample | str] = {}
        begin = self._budget.now()
        for place, setting in enumerate(settings):
            if self._pace.started and self._pace.race().left() <= 0:
                break
            self._doing(f"repetition {self._repetition}: {setting.name}")
            start = self._budget.now()
            most = self._pace.most(len(settings) - place - 1)
            try:
                with self._monitor.measuring(f"{RACE_CASE}[{setting.name}]", self._repetition):
                    sample = self._workers.sample(
                        setting, StepInput.WARM, seed=self._repetition, most_seconds=most
                    )
            except OutOfTime:
                break
            except LoaderWorkerError as error:
                found[setting] = str(error)
                self._display.note(f"{setting.name} is out: {error}")
                continue
            found[setting] = sample
            took = self._budget.now() - start
            self._pace.ran(setting, took)
            self._workers.expect(took)
        samples = {setting: each for setting, each in found.items() if isinstance(each, LoaderSample)}
        finished = measurement(samples, self._repetition, begin, self._budget.now())
        store.write_measurement(writer, finished)
        self._measurements.append(finished)
        return found

    def _diagnosis(self, race: Race, answer: Setting, device: str) -> Diagnosis:
        budget = self._budget.until(1 - CLOSING)
        diagnoser = Diagnoser(
            self._workers, self._doing, budget, self._notes, self._pace.lasts, self._monitor.measuring
        )
        step, copies = self._settings.step != "none", device == "cuda"
        found = diagnoser.diagnose(
            answer,
            best_of_kinds(race),
            race.axes.cores,
            step=step,
            copies=copies,
            files=not self._settings.dataset,
        )
        self._undone |= diagnoser.undone
        return found

    # --- what is reported -----------------------------------------------------------------------------------

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._display.note(text)

    def _doing(self, text: str) -> None:
        self._display.doing(text, max(0.0, self._budget.left()))


def _extent(introduction: Introduction) -> str:
    """How many images there are, or samples of a user's dataset."""
    if introduction.dataset is None:
        return counted(introduction.images, "image")
    return counted(introduction.images, "sample") if introduction.images else "samples of unknown number"
