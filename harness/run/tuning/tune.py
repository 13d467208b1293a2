"""Tuning from beginning to end: roll call, likeness, the race, the loop taken apart, and what it all came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Protocol

from harness import store
from harness.compare.headspace import headspace
from harness.compare.race import RaceRule, level
from harness.model import SCHEMA, Claim, Feed, Headspace, Lap, Measurement, Ranked, Setting, Stage, Trial, Tuned
from harness.run.roll_call import CrewError
from harness.run.tuning.lanes import LaneError, Lanes
from harness.run.tuning.race import Axes, Race

CLAIM = Claim("tune", "The best loader setting for this data, this step and this machine.", "tune", "tune", loader=True)
HEATS_A_LANE = 2
"""Heats that one set of processes runs: starting them costs seconds, but no two are quite alike."""

BATCHES = 8
"""Batches in a window, at the least."""

LEAST_SECONDS = 0.4
"""Seconds that a window lasts at the least."""

BLOCKS = 6
"""Times that the loop is taken apart."""

FEWEST_BLOCKS = 3
"""Blocks without which there would be no bounds worth the name."""

ROUNDS = 3
"""Times that a kind is held against one core."""

RESERVED = 0.4
"""The share of the budget that is kept for ceilings, and for taking the loop apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tuning was asked for. ``seconds`` is its budget; ``axes`` says for what the lanes have told which grid."""

    data: Path | None
    step: str
    device: str
    batch_sizes: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    seconds: float = 180.0
    rule: RaceRule = field(default_factory=RaceRule)
    python: str = sys.executable


class Screen(Protocol):
    """What a tuning tells whoever is watching."""

    def called(self, environment: Mapping[str, object], told: str) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102
    def doing(self, text: str, left_seconds: float) -> None: ...  # noqa: D102


class AxesOf(Protocol):
    """Which grid is raced over, once it is known what this machine has."""

    def __call__(self, introduced: Mapping[str, object], asked: Asked) -> Axes: ...  # noqa: D102


def tune(asked: Asked, folder: Path, screen: Screen, axes_of: AxesOf) -> Tuned:
    """Tune, keeping every lap in ``folder`` as soon as it is there. Raises CrewError and StoreError.

    KeyboardInterrupt passes through when the processes are gone.
    """
    return _Tuning(asked, folder, screen).hold(axes_of)


def window_of(setting: Setting) -> int:
    """Batches in a window: a multiple of the workers, for they deliver in turns, and at least three turns."""
    workers = max(1, setting.workers)
    return workers * max(3, -(-BATCHES // workers))


class _Tuning:
    """One tuning in progress."""

    def __init__(self, asked: Asked, folder: Path, screen: Screen) -> None:
        self._asked = asked
        self._folder = folder
        self._screen = screen
        self._start = time.monotonic()
        self._plan = {"data": str(asked.data) if asked.data else None, "device": asked.device, "step": asked.step}
        self._threads: frozenset[str] = frozenset()
        self._device = ""
        self._heat = 0
        self._notes: list[str] = []
        self._failed: dict[str, str] = {}
        self._lanes: Lanes | None = None
        self._stack = ExitStack()

    def hold(self, axes_of: AxesOf) -> Tuned:
        writer = store.open_run(
            self._folder, [CLAIM], profile=store.TUNE, budget=self._asked.seconds, data=self._plan["data"] or "",
            step=self._asked.step,
        )  # fmt: skip
        why = "interrupted"
        with self._stack:
            try:
                found = self._hold(axes_of, writer)
                why = "everything was decided"
            except (CrewError, LaneError) as error:
                why = f"stopped: {error}"
                raise CrewError(str(error)) from None
            finally:
                writer.write("end", why=why)
                writer.close()
        return found

    def _hold(self, axes_of: AxesOf, writer: store.Writer) -> Tuned:
        introduced = self._opened().introduce()
        self._device = str(introduced["device"])
        self._threads = frozenset(introduced["threads"])
        self._fresh()
        axes = axes_of(introduced, self._asked)
        missing = {kind: str(why) for kind, why in introduced["missing"].items()}
        writer.write("header", schema=SCHEMA, environment=introduced["environment"], planned=[])
        self._screen.called(
            introduced["environment"],
            f"{introduced['images']} images, {len(axes.grid())} settings of {', '.join(axes.workers)}",
        )
        axes = replace(axes, workers=self._alike(axes))
        race = Race(
            lambda settings: self._laps(settings, writer), axes, self._asked.rule, over=self._late, tell=self._tell
        )
        race.run()
        answer = race.answer()
        self._failed |= race.failed
        default = Setting("dataloader", 0, 0, axes.batch_sizes[0])
        apart: Headspace | None = None
        stages: tuple[Stage, ...] = ()
        ceilings: dict[str, float] = {}
        shares: dict[str, float] = {}
        if answer is not None:
            stages = self._opened().stages(seed=0, count=256, batch_size=answer.batch_size)
            ceilings["decode"] = 1 / next(stage.seconds for stage in stages if stage.name == "decode_fastest")
            shares = self._against_one_core(self._best_of_kinds(race), ceilings, axes.cores)
            ceilings |= self._opened().ceilings(answer)
            if self._asked.step != "none":
                apart, ceilings["alone"] = self._taken_apart(answer)
        return Tuned(
            data=self._plan["data"] or "generated images",
            images=int(introduced["images"]),
            step=self._asked.step,
            device=self._device,
            cores=axes.cores,
            margin=self._asked.rule.margin,
            ranked=self._ranked(race, shares),
            answer=answer,
            default=default if default.name in race.results else None,
            headspace=apart,
            stages=stages,
            ceilings=ceilings,
            failed=self._failed,
            missing=missing,
            notes=tuple(dict.fromkeys(self._notes)),
            heats=len(race.heats),
            seconds=time.monotonic() - self._start,
        )

    # --- what runs ----------------------------------------------------------------------------------------------------

    def _opened(self) -> Lanes:
        if self._lanes is None:
            log = self._folder / f"lanes-{self._heat:03d}.log"
            self._lanes = self._stack.enter_context(Lanes(self._asked.python, self._plan, self._threads, log))
        return self._lanes

    def _fresh(self) -> None:
        """The next question opens new lanes."""
        self._stack.close()
        self._lanes = None

    def _alike(self, axes: Axes) -> dict[str, Sequence[int]]:
        """The kinds that deliver what the plain loader does; what does not is out before anything is timed."""
        kept = {}
        for kind, counts in axes.workers.items():
            self._screen.doing(f"checking what {kind} delivers", self._left())
            setting = Setting(kind, max(counts), axes.prefetch[0], axes.batch_sizes[0], axes.pin[0])
            try:
                wrong = self._opened().unlike(setting)
            except LaneError as error:
                wrong = str(error)
            if wrong is None:
                kept[kind] = counts
            else:
                self._failed[kind] = wrong
                self._screen.note(f"{kind} is out: {wrong}")
        if not kept:
            raise CrewError("; ".join(f"{kind}: {why}" for kind, why in self._failed.items()))
        return kept

    def _laps(self, settings: Sequence[Setting], writer: store.Writer) -> dict[Setting, Lap | str]:
        if self._heat % HEATS_A_LANE == 0:
            self._fresh()
        self._heat += 1
        found: dict[Setting, Lap | str] = {}
        start = time.monotonic()
        for setting in settings:
            self._screen.doing(f"heat {self._heat}: {setting.name}", self._left())
            try:
                found[setting] = self._lap(setting, Feed.WARM, seed=self._heat)
            except LaneError as error:
                found[setting] = str(error)
                self._screen.note(f"{setting.name} is out: {error}")
        laps = {setting: lap for setting, lap in found.items() if isinstance(lap, Lap)}
        store.write_measurement(writer, self._measurement("race", laps, time.monotonic() - start))
        return found

    def _lap(self, setting: Setting, feed: Feed, *, seed: int, alone: bool = False) -> Lap:
        count = window_of(setting)
        return self._opened().lap(setting, feed, seed=seed, count=count, least_seconds=LEAST_SECONDS, alone=alone)

    def _best_of_kinds(self, race: Race) -> list[Setting]:
        best: dict[str, Setting] = {}
        for place in race.places():
            best.setdefault(race.runners[place.name].kind, race.runners[place.name])
        return list(best.values())

    def _against_one_core(self, best: Sequence[Setting], rates: dict[str, float], cores: int) -> dict[str, float]:
        """The best setting of each kind against one core's work times the cores, in turns; ``rates`` are filled in."""
        shares = {}
        for setting in best:
            own: list[float] = []
            ratios: list[float] = []
            try:
                for number in range(ROUNDS):
                    self._screen.doing(f"one core against {setting.kind}, {number + 1} of {ROUNDS}", self._left())
                    own.append(self._opened().one_core(setting, seed=number, count=4))
                    lap = self._lap(setting, Feed.WARM, seed=number, alone=True)
                    ratios.append(own[-1] / lap.seconds / cores)
            except LaneError as error:
                self._notes.append(f"no ceiling of {setting.kind}: {error}")
                continue
            rates[setting.kind] = 1 / median(own)
            shares[setting.name] = median(ratios)
        return shares

    def _taken_apart(self, answer: Setting) -> tuple[Headspace | None, float]:
        """The loop fed with nothing, with copies, with the loader and with a cold cache, in blocks of random order.

        Beside it the loader alone, in samples a second.
        """
        feeds = [feed for feed in Feed if feed is not Feed.CACHED or self._device == "cuda"]
        blocks: list[dict[Feed, float]] = []
        rates: list[float] = []
        cold = 0.0
        for number in range(BLOCKS):
            if number >= FEWEST_BLOCKS and self._left() <= 0:
                self._notes.append("the time budget was used up while the loop was taken apart: its bounds are wide")
                break
            if number % HEATS_A_LANE == 0:
                self._fresh()
            block = {}
            try:
                for feed in Random(number).sample(feeds, len(feeds)):
                    self._screen.doing(f"taking the loop apart, {number + 1} of {BLOCKS}: {feed}", self._left())
                    lap = self._lap(answer, feed, seed=number)
                    block[feed] = lap.seconds
                    cold += lap.readings.get("disk_bytes", 0.0) if feed is Feed.COLD else 0.0
                rates.append(1 / self._lap(answer, Feed.WARM, seed=number, alone=True).seconds)
            except LaneError as error:
                self._notes.append(f"the loop could not be taken apart: {error}")
                return None, median(rates) if rates else 0.0
            blocks.append(block)
        if not cold:
            blocks = [{feed: seconds for feed, seconds in block.items() if feed is not Feed.COLD} for block in blocks]
        return headspace(blocks), median(rates)

    # --- what it came to ----------------------------------------------------------------------------------------------

    def _ranked(self, race: Race, shares: Mapping[str, float]) -> tuple[Ranked, ...]:
        found = race.places()
        plateau = {place.name for place in level(found, self._asked.rule)}
        ranked = []
        for place in found:
            setting, laps = race.runners[place.name], race.results[place.name]
            seconds = race.median(setting)
            names = dict.fromkeys(name for lap in laps for name in lap.readings)
            readings = {name: median(lap.readings[name] for lap in laps if name in lap.readings) for name in names}
            ranked.append(
                Ranked(
                    setting, place.laps, place.ratio, place.low, place.high, place.behind, place.name in plateau,
                    seconds, readings, shares.get(place.name),
                )
            )  # fmt: skip
        return tuple(ranked)

    def _measurement(self, what: str, laps: Mapping[Setting, Lap], seconds: float) -> Measurement:
        trials = tuple(
            Trial(
                setting.name,
                iterations=1,
                samples={"seconds": (lap.seconds,), **{name: (value,) for name, value in lap.readings.items()}},
            )
            for setting, lap in laps.items()
        )
        return Measurement(f"tune::{what}", CLAIM.name, self._heat, trials=trials, seconds=seconds)

    def _tell(self, text: str) -> None:
        self._screen.doing(text, self._left())

    def _left(self) -> float:
        return self._start + self._asked.seconds - time.monotonic()

    def _late(self) -> bool:
        if self._left() > RESERVED * self._asked.seconds:
            return False
        self._notes.append("the time budget was used up before the race was over: the answer is less certain")
        return True
