"""Tuning from beginning to end: roll call, likeness, the race, the loop taken apart, and what it all came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from harness import store
from harness.compare.race import RaceRule, level
from harness.model import SCHEMA, Claim, Feed, Lap, Measurement, Ranked, Setting, Trial, Tuned
from harness.plural import counted
from harness.run.roll_call import CrewError
from harness.run.settings import WATCH, UsageError
from harness.run.tuning.findings import Findings, Found
from harness.run.tuning.lanes import LaneError, Lanes
from harness.run.tuning.race import Axes, Race
from harness.run.tuning.track import Track
from harness.run.watching import Watch

CLAIM = Claim("tune", "The best loader setting for this data, this step and this machine.", "tune", "tune", loader=True)
RACE = "tune::race"
"""The case of a heat's record; while it is watched, that of a lap has the setting's name behind it, in brackets."""

RESERVED = 0.4
"""The share of the budget that is kept for ceilings, and for taking the loop apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tuning was asked for.

    ``seconds`` is its budget; ``watch`` is how often a second the machine is looked at meanwhile, 0 for not at all.
    """

    data: Path | None
    step: str
    device: str
    batch_sizes: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    seconds: float = 180.0
    rule: RaceRule = field(default_factory=RaceRule)
    python: str = sys.executable
    watch: float = WATCH


class Screen(Protocol):
    """What a tuning tells whoever is watching."""

    def called(self, environment: Mapping[str, object], told: str) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102
    def doing(self, text: str, left_seconds: float) -> None: ...  # noqa: D102


class AxesOf(Protocol):
    """Which grid is raced over, once it is known what this machine has."""

    def __call__(self, introduced: Mapping[str, Any], asked: Asked) -> Axes: ...  # noqa: D102


def tune(asked: Asked, folder: Path, screen: Screen, axes_of: AxesOf) -> Tuned:
    """Tune, keeping every lap in ``folder`` as soon as it is there. Raises CrewError, UsageError and StoreError.

    KeyboardInterrupt passes through when the processes are gone.
    """
    return _Tuning(asked, folder, screen).hold(axes_of)


class _Tuning:
    """One tuning in progress."""

    def __init__(self, asked: Asked, folder: Path, screen: Screen) -> None:
        self._asked = asked
        self._folder = folder
        self._screen = screen
        self._start = time.monotonic()
        self._plan = {"data": str(asked.data) if asked.data else None, "device": asked.device, "step": asked.step}
        self._device = ""
        self._heat = 0
        self._notes: list[str] = []
        self._failed: dict[str, str] = {}
        self._track = Track(asked.python, self._plan, folder, note=self._note)
        self._watch = Watch(folder, asked.watch, note=screen.note)
        self._environment: Mapping[str, Any] = {}
        self._measurements: list[Measurement] = []

    def hold(self, axes_of: AxesOf) -> Tuned:
        writer = store.open_run(
            self._folder, [CLAIM], profile=store.TUNE, budget=self._asked.seconds, data=self._plan["data"] or "",
            step=self._asked.step,
        )  # fmt: skip
        why = "interrupted"
        # Around the lanes: who is there before the first, or when the last is gone, is none of ours.
        with self._watch, self._track:
            try:
                found = self._hold(axes_of, writer)
                why = "everything was decided"
            except (CrewError, LaneError) as error:
                why = f"stopped: {error}"
                raise CrewError(str(error)) from None
            except UsageError as error:
                why = f"stopped: {error}"
                raise
            finally:
                writer.write("end", why=why)
                writer.close()
        watched = self._watch.remarks(self._environment, self._measurements)
        return replace(found, notes=tuple(dict.fromkeys((*found.notes, *watched))))

    def _hold(self, axes_of: AxesOf, writer: store.Writer) -> Tuned:
        introduced = self._track.ask(Lanes.introduce)
        self._device = str(introduced["device"])
        self._environment = introduced["environment"]
        self._watch.measures_on(self._environment)
        axes = axes_of(introduced, self._asked)
        missing = {kind: str(why) for kind, why in introduced["missing"].items()}
        writer.write("header", schema=SCHEMA, environment=self._environment, planned=[])
        self._screen.called(
            self._environment,
            f"{counted(introduced['images'], 'image')}, {counted(len(axes.grid()), 'setting')} of "
            f"{', '.join(axes.workers)}",
        )
        axes = replace(axes, workers=self._alike(axes))
        race = Race(
            lambda settings: self._laps(settings, writer), axes, self._asked.rule, over=self._late, tell=self._tell
        )
        race.run()
        answer = race.answer()
        self._failed |= race.failed
        default = Setting("dataloader", 0, 0, axes.batch_sizes[0])
        found = Found()
        if answer is not None:
            step, copies = self._asked.step != "none", self._device == "cuda"
            findings = Findings(self._track, self._tell, self._left, self._notes, self._watch.measuring)
            found = findings.about(answer, self._best_of_kinds(race), axes.cores, step=step, copies=copies)
        ranked = tuple(found.completed(each) for each in self._ranked(race))
        best = next((each for each in ranked if each.setting == answer), None)
        return Tuned(
            data=self._plan["data"] or "generated images",
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
            seconds=time.monotonic() - self._start,
        )

    # --- what runs ----------------------------------------------------------------------------------------------------

    def _alike(self, axes: Axes) -> dict[str, Sequence[int]]:
        """The kinds that deliver what the plain loader does; what does not is out before anything is timed."""
        kept = {}
        for kind, counts in axes.workers.items():
            self._screen.doing(f"checking what {kind} delivers", self._left())
            setting = Setting(kind, max(counts), axes.prefetch[0], axes.batch_sizes[0], axes.pin[0])
            try:
                wrong = self._track.ask(partial(Lanes.unlike, setting=setting))
            except LaneError as error:
                wrong = str(error)
            if wrong is None:
                kept[kind] = counts
            else:
                self._failed[kind] = wrong
                self._screen.note(f"{kind} is out: {wrong}")
        if not kept:
            reasons = set(self._failed.values())
            told = [f"{kind}: {why}" for kind, why in self._failed.items()]
            raise CrewError(reasons.pop() if len(reasons) == 1 else "; ".join(told))
        return kept

    def _laps(self, settings: Sequence[Setting], writer: store.Writer) -> dict[Setting, Lap | str]:
        self._track.heat(settings)
        self._heat += 1
        found: dict[Setting, Lap | str] = {}
        start = time.monotonic()
        for setting in settings:
            self._screen.doing(f"heat {self._heat}: {setting.name}", self._left())
            try:
                with self._watch.measuring(f"{RACE}[{setting.name}]", self._heat):
                    found[setting] = self._track.lap(setting, Feed.WARM, seed=self._heat)
            except LaneError as error:
                found[setting] = str(error)
                self._screen.note(f"{setting.name} is out: {error}")
        laps = {setting: lap for setting, lap in found.items() if isinstance(lap, Lap)}
        measurement = self._measurement(laps, start, time.monotonic())
        store.write_measurement(writer, measurement)
        self._measurements.append(measurement)
        return found

    def _best_of_kinds(self, race: Race) -> list[Setting]:
        best: dict[str, Setting] = {}
        for place in race.places():
            best.setdefault(race.runners[place.name].kind, race.runners[place.name])
        return list(best.values())

    # --- what it came to ----------------------------------------------------------------------------------------------

    def _ranked(self, race: Race) -> tuple[Ranked, ...]:
        found = race.places()
        plateau = {place.name for place in level(found)}
        ranked = []
        for place in found:
            setting, laps = race.runners[place.name], race.results[place.name]
            seconds = race.median(setting)
            names = dict.fromkeys(name for lap in laps for name in lap.readings)
            readings = {name: median(lap.readings[name] for lap in laps if name in lap.readings) for name in names}
            ranked.append(
                Ranked(
                    setting, place.laps, place.ratio, place.low, place.high, place.behind, place.name in plateau,
                    seconds, readings,
                )
            )  # fmt: skip
        return tuple(ranked)

    def _measurement(self, laps: Mapping[Setting, Lap], start: float, end: float) -> Measurement:
        trials = tuple(
            Trial(
                setting.name,
                iterations=1,
                samples={"seconds": (lap.seconds,), **{name: (value,) for name, value in lap.readings.items()}},
            )
            for setting, lap in laps.items()
        )
        # One lap of every setting, one after the other, in random order: a heat is a block.
        blocks = ((start, end),)
        return Measurement(RACE, CLAIM.name, self._heat, trials=trials, seconds=end - start, blocks=blocks)

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._screen.note(text)

    def _tell(self, text: str) -> None:
        self._screen.doing(text, self._left())

    def _left(self) -> float:
        return self._start + self._asked.seconds - time.monotonic()

    def _late(self) -> bool:
        if self._left() > RESERVED * self._asked.seconds:
            return False
        self._notes.append("the time budget was used up before the race was over: the answer is less certain")
        return True
