"""The race: which settings run in a heat, who joins, who leaves, and when it is over.

Kinds first, each with as many workers as there are cores; then worker counts of the kinds that are not hopeless; then
what is kept ready, for those still in; page-locked memory and other batch sizes last. So most of the grid is never run.
Where time is short, fewer settings join rather than each running once: a single lap says little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from harness.judge.racing import RacePlace, RaceRule, level, places
from harness.model import Certainty, LoaderSample, Setting
from harness.plural import counted

HOPELESS = 1.25
"""A kind that is certainly this many times slower than the best kind does not get to try other settings."""

FEW = 3
"""Settings, at the most, that other values of an axis are tried on."""

FINALISTS = 3
"""Settings, at the most, that run the heats after everybody had a turn: laps are dear."""

FINAL_HEATS = 5
"""Heats of the finalists, after which the answer is what it is."""

PREFETCH = (2, 1, 4)
"""Batches that each worker keeps ready; the first one is torch's own default, and what is raced first."""

LEAST = 2
"""Laps that a setting has before it counts as known."""

Laps = Callable[[Sequence[Setting]], Mapping[Setting, LoaderSample | str]]
"""One heat: a lap of each setting, or why there is none; a setting for which no time was left is not among them."""

Room = Callable[[Sequence[Setting]], int]
"""How many of these settings, in this order, there is time for a lap of; called when some have run."""


@dataclass(frozen=True, slots=True)
class SettingsGrid:
    """The grid: kinds with their worker counts, what is kept ready per worker, pinned memory or not, batch sizes."""

    workers: Mapping[str, Sequence[int]]
    prefetch: Sequence[int] = PREFETCH
    pin: Sequence[bool] = (False,)
    batch_sizes: Sequence[int] = (64,)
    cores: int = 1
    fits: Callable[[Setting], bool] = lambda _: True

    def grid(self) -> list[Setting]:
        """All of it, what does not fit left out."""
        return [
            setting
            for kind, counts in self.workers.items()
            for count in counts
            for ahead in (self.prefetch if count else (0,))
            for pin in self.pin
            for size in self.batch_sizes
            if self.fits(setting := Setting(kind, count, ahead, size, pin))
        ]


@dataclass(slots=True)
class Race:
    """A race in progress. ``skipped`` are the settings that it would have tried if there had been time."""

    laps: Laps
    axes: SettingsGrid
    rule: RaceRule = field(default_factory=RaceRule)
    room: Room = len
    tell: Callable[[str], None] = lambda _: None
    runners: dict[str, Setting] = field(default_factory=dict)
    heats: list[dict[str, float]] = field(default_factory=list)
    results: dict[str, list[LoaderSample]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, Setting] = field(default_factory=dict)
    _out: set[str] = field(default_factory=set)
    _tried: bool = False

    def run(self) -> None:
        """Run it to its end, or until there is no more time."""
        self._kinds()
        self._join(self._worker_counts())
        self._heats(LEAST)
        self._tried = not self.skipped and all(setting.name in self.results for setting in self._alive())
        self._join(self._other(lambda setting: [replace(setting, prefetch=ahead) for ahead in self.axes.prefetch]))
        self._join(self._other(lambda setting: [replace(setting, pin=pin) for pin in self.axes.pin]))
        self._heats(1)
        self._join(self._other(lambda setting: [replace(setting, batch_size=n) for n in self.axes.batch_sizes], few=1))
        self._heats(2)
        for _ in range(FINAL_HEATS):
            if not self._open() or not self._heat(self._alive()[:FINALISTS]):
                break

    def places(self) -> tuple[RacePlace, ...]:
        """Where everybody stands who ran, the best first."""
        return places(self.heats, self.rule) if self.heats else ()

    def answer(self) -> Setting | None:
        """The smallest setting that is as good as the best; of equally small ones the faster."""
        plateau = level(self.places())
        if not plateau:
            return None
        return min((self.runners[place.name] for place in plateau), key=lambda setting: setting.cost)

    def certainty(self) -> Certainty:
        """How sure the answer is."""
        answer = self.answer()
        laps = self.results.get(answer.name, []) if answer is not None else []
        if len(laps) < LEAST or any(lap.cut for lap in laps) or not self._tried:
            return Certainty.PROVISIONAL
        return Certainty.CLOSE if self._open() else Certainty.DECIDED

    def wanted(self) -> list[Setting]:
        """The laps that are missing for an answer that is sure."""
        few = [setting for setting in self._alive() for _ in range(LEAST - len(self.results.get(setting.name, ())))]
        finals = self._alive()[:FINALISTS] * FINAL_HEATS if self._open() else []
        return [*few, *self.skipped.values(), *self.skipped.values(), *finals]

    def median(self, setting: Setting) -> float:
        """Median seconds a sample of its laps."""
        return median(lap.seconds for lap in self.results[setting.name])

    def _kinds(self) -> None:
        first = [self._start(kind) for kind in self.axes.workers]
        self._join(setting for setting in first if setting is not None)
        # Of a single kind, too, a lap says how many more there is time for.
        self._heat()
        for place in self.places():
            if place.low > HOPELESS:
                self._out.add(place.name)

    def _start(self, kind: str) -> Setting | None:
        """The kind with the worker count next to the cores that there is."""
        fitting = [
            setting
            for count in sorted(self.axes.workers[kind], key=lambda count: (abs(count - self.axes.cores), count))
            if self.axes.fits(setting := self._typical(kind, count))
        ]
        return fitting[0] if fitting else None

    def _typical(self, kind: str, count: int) -> Setting:
        return Setting(kind, count, self.axes.prefetch[0] if count else 0, self.axes.batch_sizes[0], self.axes.pin[0])

    def _worker_counts(self) -> list[Setting]:
        alive = {setting.kind for setting in self._alive()}
        kinds = {kind: counts for kind, counts in self.axes.workers.items() if kind in alive}
        near = [(abs(count - self.axes.cores), kind, count) for kind, counts in kinds.items() for count in counts]
        return [self._typical(kind, count) for _, kind, count in sorted(near, key=lambda each: each[0])]

    def _other(self, values: Callable[[Setting], list[Setting]], few: int = FEW) -> list[Setting]:
        """Those still in, the best few of them, with other values of an axis."""
        alive = self._alive()[:few]
        return [other for setting in alive for other in values(setting) if setting.workers or not other.prefetch]

    def _join(self, settings: Iterable[Setting]) -> None:
        """Let them run, as many of them as there is time to get to know."""
        laps = [each for each in self._alive() for _ in range(max(1, LEAST - len(self.results.get(each.name, ()))))]
        for setting in settings:
            if setting.name in self.runners or not self.axes.fits(setting):
                continue
            longer = [*laps, *[setting] * LEAST]
            if self.heats and self.room(longer) < len(longer):
                self.skipped[setting.name] = setting
                continue
            self.runners[setting.name] = setting
            laps = longer

    def _alive(self) -> list[Setting]:
        """Those still in, the best first; who has not run yet comes last."""
        order = {place.name: number for number, place in enumerate(self.places())}
        names = [name for name in self.runners if name not in self._out]
        return [self.runners[name] for name in sorted(names, key=lambda name: order.get(name, len(order)))]

    def _open(self) -> bool:
        """Whether somebody still in may be better than the answer by more than the margin."""
        answer = self.answer()
        if answer is None:
            return False
        alive = {setting.name for setting in self._alive()}
        return any(place.ahead for place in places(self.heats, self.rule, answer.name) if place.name in alive)

    def _heats(self, least: int) -> None:
        """Heats until everyone still in has so many laps at least; one of them whatever the time."""
        while any(len(self.results.get(s.name, ())) < least for s in self._alive()):
            if not self._heat():
                break

    def _heat(self, among: Sequence[Setting] | None = None) -> bool:
        """One heat of those for which there is time; False where there is none."""
        running = self._affordable(self._alive() if among is None else among)
        best = running[:1]
        Random(len(self.heats)).shuffle(running)
        if best and len(self.results.get(best[0].name, ())) < LEAST:
            # Others are compared with it: it has its lap before time may be up.
            running.sort(key=lambda setting: setting != best[0])
        found = self.laps(running) if running else {}
        for setting, lap in found.items():
            if isinstance(lap, str):
                self.failed[setting.name] = lap
                self._out.add(setting.name)
        laps = {setting.name: lap for setting, lap in found.items() if isinstance(lap, LoaderSample)}
        # Time may be up before any of those had its lap that others can be compared by.
        if laps and (not self.heats or laps.keys() & self.results.keys()):
            self.heats.append({name: lap.seconds for name, lap in laps.items()})
            for name, lap in laps.items():
                self.results.setdefault(name, []).append(lap)
        for place in self.places():
            if place.behind:
                self._out.add(place.name)
        self.tell(f"heat {len(self.heats)}: {counted(len(found), 'setting')} ran, {len(self._alive())} still in")
        return bool(found)

    def _affordable(self, wanted: Sequence[Setting]) -> list[Setting]:
        """Those of them, the best first, that there is time for: the best, and then who has run least often."""
        if not self.heats or self.room(wanted) >= len(wanted):
            return list(wanted)
        best, *others = wanted
        order = [best, *sorted(others, key=lambda setting: len(self.results.get(setting.name, ())))]
        some = order[: self.room(order)]
        # A lap of one alone would be compared with nothing.
        return some if len(some) > 1 else []
