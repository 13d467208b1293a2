"""Tuning from beginning to end: roll call, likeness, the race, the loop taken apart, and what it all came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from harness import store
from harness.errors import UsageError
from harness.loading.loaders import LOADER_KINDS
from harness.model import (
    GENERATED,
    SCHEMA,
    EndReason,
    LeftOut,
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
from harness.report.tuning.certainty import no_room
from harness.tune.budget import CLOSING, SETUP
from harness.tune.client import LoaderClient, LoaderWorkerError, OutOfTime
from harness.tune.diagnose import Diagnoser, Diagnosis
from harness.tune.outcome import CLAIM, RACE_CASE, best_of_kinds, measurement, ranked_in
from harness.tune.pace import RacePace
from harness.tune.race import Race, SettingsGrid
from harness.tune.settings import TuneSettings
from harness.tune.track import RaceWorkers
from harness.workers.collect import Refused, WorkerError

EXAMINE = 0.05
"""The share of the budget in which damaged images are looked for, and images that are stored in different ways."""

PLAIN = "dataloader"
"""The kind that others must deliver the same as."""


class TuneDisplay(Protocol):
    """What a tuning tells whoever is watching."""

    def called(self, environment: Mapping[str, object], told: str) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102
    def doing(self, text: str, left_seconds: float) -> None: ...  # noqa: D102


class AxesOf(Protocol):
    """Which grid is raced over, once it is known what this machine has; and what it has no room for."""

    def __call__(self, introduced: Mapping[str, Any], asked: TuneSettings) -> tuple[SettingsGrid, tuple[LeftOut, ...]]:
        """The grid, and the settings that are left out of it."""
        ...


def tune(asked: TuneSettings, folder: Path, screen: TuneDisplay, axes_of: AxesOf) -> Tuned:
    """Tune, keeping every lap in ``folder`` as soon as it is there. Raises StoreError, WorkerError, and, before
    any lap, Refused and UsageError.

    KeyboardInterrupt passes through when the processes are gone.
    """
    return _Tuning(asked, folder, screen).hold(axes_of)


class _Tuning:
    """One tuning in progress."""

    def __init__(self, asked: TuneSettings, folder: Path, screen: TuneDisplay) -> None:
        self._asked = asked
        self._folder = folder
        self._screen = screen
        self._budget = asked.budget
        self._pace = RacePace(asked.budget)
        self._plan = {"data": str(asked.data) if asked.data else None, "device": asked.device, "step": asked.step}
        self._device = ""
        self._heat = 0
        self._notes: list[str] = []
        self._failed: dict[str, str] = {}
        self._track = RaceWorkers(
            asked.python, self._plan, folder, note=self._note, left=self._pace.patience, lent=asked.lent
        )
        self._watch = Monitor(folder, asked.watch, note=screen.note)
        self._environment: Mapping[str, Any] = {}
        self._measurements: list[Measurement] = []
        self._undone: dict[Undone, None] = {}

    def hold(self, axes_of: AxesOf) -> Tuned:
        writer = store.open_run(
            self._folder, [CLAIM], profile=store.TUNE, budget=self._budget.seconds, data=self._plan["data"] or "",
            step=self._asked.step,
        )  # fmt: skip
        end = RunEnd(EndReason.INTERRUPTED)
        # Around the lanes: who is there before the first, or when the last is gone, is none of ours.
        with self._watch, self._track:
            try:
                found = self._hold(axes_of, writer)
                end = RunEnd(EndReason.ALL_DECIDED)
            except (WorkerError, LoaderWorkerError) as error:
                end = RunEnd(EndReason.STOPPED, str(error))
                raise (error if isinstance(error, Refused) else WorkerError(str(error))) from None
            except UsageError as error:
                end = RunEnd(EndReason.STOPPED, str(error))
                raise
            finally:
                store.write_end(writer, end)
                writer.close()
        watched = self._watch.remarks(self._environment, self._measurements)
        return replace(found, notes=tuple(dict.fromkeys((*found.notes, *watched))))

    def _hold(self, axes_of: AxesOf, writer: store.Writer) -> Tuned:
        introduced = self._introduced()
        self._device = str(introduced["device"])
        self._environment = introduced["environment"]
        self._watch.measures_on(self._environment)
        axes, left_out = axes_of(introduced, self._asked)
        missing = {kind: str(why) for kind, why in introduced["missing"].items()}
        writer.write("header", schema=SCHEMA, environment=self._environment, planned=[])
        grid = len(axes.grid())
        self._screen.called(
            self._environment,
            f"{counted(introduced['images'], 'image')}, {counted(grid, 'setting')} of {', '.join(axes.workers)}",
        )
        for each in left_out:
            self._screen.note(no_room(each))
        self._track.images = int(introduced["images"])
        self._track.leave_out(self._track.ask(partial(LoaderClient.examine, seconds=EXAMINE * self._budget.seconds)))
        axes = replace(axes, workers=self._alike(axes))
        race = Race(
            lambda settings: self._laps(settings, writer), axes, self._asked.rule, room=self._pace.room, tell=self._tell
        )
        self._pace.begin(grid)
        race.run()
        answer = race.answer()
        self._failed |= race.failed
        default = Setting(PLAIN, 0, 0, axes.batch_sizes[0])
        found = Diagnosis()
        if answer is not None:
            step, copies = self._asked.step != "none", self._device == "cuda"
            budget = self._budget.until(1 - CLOSING)
            findings = Diagnoser(self._track, self._tell, budget, self._notes, self._pace.lasts, self._watch.measuring)
            found = findings.about(answer, best_of_kinds(race), axes.cores, step=step, copies=copies)
            self._undone |= findings.undone
        ranked = tuple(found.completed(each) for each in ranked_in(race))
        best = next((each for each in ranked if each.setting == answer), None)
        return Tuned(
            data=self._plan["data"] or GENERATED,
            images=int(introduced["images"]),
            step=self._asked.step,
            device=self._device,
            cores=axes.cores,
            margin=self._asked.rule.margin,
            ranked=ranked,
            answer=answer,
            default=default if default.name in race.results else None,
            headspace=found.headspace,
            epoch=found.epoch(best, self._asked.rule.margin) if best is not None else None,
            stages=found.stages,
            ceilings=found.ceilings,
            failed=self._failed,
            missing=missing,
            notes=tuple(dict.fromkeys(self._notes)),
            heats=len(race.heats),
            seconds=self._budget.used(),
            budget=self._budget.seconds,
            certainty=race.certainty(),
            grid=grid,
            left_out=left_out,
            undone=tuple(self._undone),
            needs=self._pace.needs(race, more=bool(self._undone)),
        )

    def _introduced(self) -> Mapping[str, Any]:
        try:
            return self._track.ask(LoaderClient.introduce)
        except OutOfTime:
            raise WorkerError(self._too_short("torch was imported and the images were found")) from None
        except LoaderWorkerError as error:
            raise (Refused if error.refused else WorkerError)(str(error)) from None

    def _too_short(self, before: str) -> str:
        return f"the budget of {self._budget.seconds:g} s was used up before {before}: give a larger --budget"

    # --- what runs ----------------------------------------------------------------------------------------------------

    def _alike(self, axes: SettingsGrid) -> dict[str, Sequence[int]]:
        """The kinds that deliver what the plain loader does; what does not is out before anything is timed.

        One kind is checked whatever the time, the others as long as the set-up has some. The plain loader is what they
        are compared with: without time it races as it is.
        """
        kept: dict[str, Sequence[int]] = {}
        setup = self._budget.until(SETUP)
        for kind, counts in axes.workers.items():
            starts = self._track.start_seconds if LOADER_KINDS[kind].threads else 0.0
            if kind == PLAIN and setup.left() <= 0:
                kept[kind] = counts
                continue
            if kept and setup.left() < starts:
                self._undone[Undone.KINDS] = None
                self._note(f"{kind} does not race: there was no time to check what it delivers")
                continue
            self._screen.doing(f"checking what {kind} delivers", self._left())
            setting = Setting(kind, max(counts), axes.prefetch[0], axes.batch_sizes[0], axes.pin[0])
            try:
                seconds = EXAMINE * self._budget.seconds
                wrong = self._track.ask(partial(LoaderClient.unlike, setting=setting, seconds=seconds))
            except OutOfTime:
                self._undone[Undone.KINDS] = None
                continue
            except LoaderWorkerError as error:
                wrong = str(error)
            if wrong is None:
                kept[kind] = counts
            else:
                self._failed[kind] = wrong
                self._screen.note(f"{kind} is out: {wrong}")
        if not kept and not self._failed:
            raise WorkerError(self._too_short("one kind of loader was checked"))
        if not kept:
            reasons = set(self._failed.values())
            told = [f"{kind}: {why}" for kind, why in self._failed.items()]
            raise WorkerError(reasons.pop() if len(reasons) == 1 else "; ".join(told))
        return kept

    def _laps(self, settings: Sequence[Setting], writer: store.Writer) -> dict[Setting, LoaderSample | str]:
        """A heat; settings for which no time is left are not in it, but one lap is always held."""
        self._pace.first_lap = not self._pace.started
        self._track.heat(settings, self._pace.race().left())
        self._heat += 1
        found: dict[Setting, LoaderSample | str] = {}
        begin = self._budget.now()
        for place, setting in enumerate(settings):
            if self._pace.started and self._pace.race().left() <= 0:
                break
            self._screen.doing(f"heat {self._heat}: {setting.name}", self._left())
            start = self._budget.now()
            most = self._pace.most(len(settings) - place - 1)
            try:
                with self._watch.measuring(f"{RACE_CASE}[{setting.name}]", self._heat):
                    lap = self._track.lap(setting, StepInput.WARM, seed=self._heat, most_seconds=most)
            except OutOfTime:
                break
            except LoaderWorkerError as error:
                found[setting] = str(error)
                self._screen.note(f"{setting.name} is out: {error}")
                continue
            found[setting] = lap
            took = self._budget.now() - start
            self._pace.ran(setting, took)
            self._track.expect(took)
        laps = {setting: lap for setting, lap in found.items() if isinstance(lap, LoaderSample)}
        held = measurement(laps, self._heat, begin, self._budget.now())
        store.write_measurement(writer, held)
        self._measurements.append(held)
        return found

    # --- what is said, and what time there is -----------------------------------------------------------------------

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._screen.note(text)

    def _tell(self, text: str) -> None:
        self._screen.doing(text, self._left())

    def _left(self) -> float:
        return max(0.0, self._budget.left())
