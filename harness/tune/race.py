"""The race: which settings each repetition measures, which are added or eliminated, and when it is over.

Kinds come first, each with as many workers as there are cores; then worker counts of the kinds that are not
hopeless; then what is kept ready, for the settings that remain; page-locked memory and other batch sizes
last. So most of the grid is never run. If time is short, fewer settings are added rather than each measured
once: one sample says little.
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
"""A kind that is certainly this many times slower than the best kind is not tried with other settings."""

FEW = 3
"""Settings, at the most, that other values of an axis are tried on."""

FINALISTS = 3
"""Settings, at the most, in the repetitions after all were measured: samples are expensive."""

FINAL_REPETITIONS = 5
"""Repetitions of the finalists, at the most."""

PREFETCH = (2, 1, 4)
"""Batches that each worker keeps ready; the first one is torch's own default, and what is raced first."""

LEAST = 2
"""Samples that a setting has before it counts as known."""

Measure = Callable[[Sequence[Setting]], Mapping[Setting, LoaderSample | str]]
"""One repetition: a sample of each setting, or why there is none; settings for which no time was left are
absent."""

Room = Callable[[Sequence[Setting]], int]
"""How many of these settings, in this order, there is time to measure; called after the first repetition."""


@dataclass(frozen=True, slots=True)
class SettingsGrid:
    """The grid: kinds with their worker counts, what is kept ready per worker, pinned memory or not, batch
    sizes."""

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

    measure: Measure
    axes: SettingsGrid
    rule: RaceRule = field(default_factory=RaceRule)
    room: Room = len
    progress: Callable[[str], None] = lambda _: None
    settings: dict[str, Setting] = field(default_factory=dict)
    repetitions: list[dict[str, float]] = field(default_factory=list)
    results: dict[str, list[LoaderSample]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, Setting] = field(default_factory=dict)
    _eliminated: set[str] = field(default_factory=set)
    _tried: bool = False

    def run(self) -> None:
        """Run it to its end, or until there is no more time."""
        self._kinds()
        self._add(self._worker_counts())
        self._until(LEAST)
        self._tried = not self.skipped and all(setting.name in self.results for setting in self._remaining())
        self._add(
            self._other(lambda setting: [replace(setting, prefetch=ahead) for ahead in self.axes.prefetch])
        )
        self._add(self._other(lambda setting: [replace(setting, pin=pin) for pin in self.axes.pin]))
        self._until(1)
        self._add(
            self._other(
                lambda setting: [replace(setting, batch_size=n) for n in self.axes.batch_sizes], few=1
            )
        )
        self._until(2)
        for _ in range(FINAL_REPETITIONS):
            if not self._undecided() or not self._repeat(self._remaining()[:FINALISTS]):
                break

    def places(self) -> tuple[RacePlace, ...]:
        """The places of all settings that ran, the best first."""
        return places(self.repetitions, self.rule) if self.repetitions else ()

    def answer(self) -> Setting | None:
        """The smallest setting that is as good as the best; of equally small ones the faster."""
        plateau = level(self.places())
        if not plateau:
            return None
        return min((self.settings[place.name] for place in plateau), key=lambda setting: setting.cost)

    def certainty(self) -> Certainty:
        """How sure the answer is."""
        answer = self.answer()
        samples = self.results.get(answer.name, []) if answer is not None else []
        if len(samples) < LEAST or any(sample.cut for sample in samples) or not self._tried:
            return Certainty.PROVISIONAL
        return Certainty.CLOSE if self._undecided() else Certainty.DECIDED

    def wanted(self) -> list[Setting]:
        """The samples that are missing for an answer that is sure."""
        few = [
            setting
            for setting in self._remaining()
            for _ in range(LEAST - len(self.results.get(setting.name, ())))
        ]
        finals = self._remaining()[:FINALISTS] * FINAL_REPETITIONS if self._undecided() else []
        return [*few, *self.skipped.values(), *self.skipped.values(), *finals]

    def median(self, setting: Setting) -> float:
        """The median of its samples' seconds."""
        return median(sample.seconds for sample in self.results[setting.name])

    def _kinds(self) -> None:
        first = [self._start(kind) for kind in self.axes.workers]
        self._add(setting for setting in first if setting is not None)
        # A single kind is measured too: its sample shows how many more there is time for.
        self._repeat()
        for place in self.places():
            if place.low > HOPELESS:
                self._eliminated.add(place.name)

    def _start(self, kind: str) -> Setting | None:
        """The kind with the worker count nearest to the number of cores."""
        fitting = [
            setting
            for count in sorted(
                self.axes.workers[kind], key=lambda count: (abs(count - self.axes.cores), count)
            )
            if self.axes.fits(setting := self._typical(kind, count))
        ]
        return fitting[0] if fitting else None

    def _typical(self, kind: str, count: int) -> Setting:
        return Setting(
            kind, count, self.axes.prefetch[0] if count else 0, self.axes.batch_sizes[0], self.axes.pin[0]
        )

    def _worker_counts(self) -> list[Setting]:
        kept = {setting.kind for setting in self._remaining()}
        kinds = {kind: counts for kind, counts in self.axes.workers.items() if kind in kept}
        near = [
            (abs(count - self.axes.cores), kind, count) for kind, counts in kinds.items() for count in counts
        ]
        return [self._typical(kind, count) for _, kind, count in sorted(near, key=lambda each: each[0])]

    def _other(self, values: Callable[[Setting], list[Setting]], few: int = FEW) -> list[Setting]:
        """The best few of the remaining settings, with other values of an axis."""
        best = self._remaining()[:few]
        return [
            other for setting in best for other in values(setting) if setting.workers or not other.prefetch
        ]

    def _add(self, settings: Iterable[Setting]) -> None:
        """Add these settings, as many as there is time to know."""
        ahead = [
            each
            for each in self._remaining()
            for _ in range(max(1, LEAST - len(self.results.get(each.name, ()))))
        ]
        for setting in settings:
            if setting.name in self.settings or not self.axes.fits(setting):
                continue
            longer = [*ahead, *[setting] * LEAST]
            if self.repetitions and self.room(longer) < len(longer):
                self.skipped[setting.name] = setting
                continue
            self.settings[setting.name] = setting
            ahead = longer

    def _remaining(self) -> list[Setting]:
        """The settings that were not eliminated, the best first; those that have not run yet come last."""
        order = {place.name: number for number, place in enumerate(self.places())}
        names = [name for name in self.settings if name not in self._eliminated]
        return [self.settings[name] for name in sorted(names, key=lambda name: order.get(name, len(order)))]

    def _undecided(self) -> bool:
        """Whether a remaining setting may be better than the answer by more than the margin."""
        answer = self.answer()
        if answer is None:
            return False
        names = {setting.name for setting in self._remaining()}
        return any(
            place.ahead for place in places(self.repetitions, self.rule, answer.name) if place.name in names
        )

    def _until(self, least: int) -> None:
        """Repeat until every remaining setting has so many samples at least; once whatever the time."""
        while any(len(self.results.get(s.name, ())) < least for s in self._remaining()):
            if not self._repeat():
                break

    def _repeat(self, among: Sequence[Setting] | None = None) -> bool:
        """One repetition of the settings for which there is time; False if there is none."""
        running = self._affordable(self._remaining() if among is None else among)
        best = running[:1]
        Random(len(self.repetitions)).shuffle(running)
        if best and len(self.results.get(best[0].name, ())) < LEAST:
            # The others are compared with it: it is measured before time may be up.
            running.sort(key=lambda setting: setting != best[0])
        found = self.measure(running) if running else {}
        for setting, sample in found.items():
            if isinstance(sample, str):
                self.failed[setting.name] = sample
                self._eliminated.add(setting.name)
        samples = {setting.name: each for setting, each in found.items() if isinstance(each, LoaderSample)}
        # Time may be up before a setting was measured that connects the others with earlier repetitions.
        if samples and (not self.repetitions or samples.keys() & self.results.keys()):
            self.repetitions.append({name: each.seconds for name, each in samples.items()})
            for name, each in samples.items():
                self.results.setdefault(name, []).append(each)
        for place in self.places():
            if place.eliminated:
                self._eliminated.add(place.name)
        self.progress(
            f"repetition {len(self.repetitions)}: {counted(len(found), 'setting')} ran, {len(self._remaining())} remain"
        )
        return bool(found)

    def _affordable(self, wanted: Sequence[Setting]) -> list[Setting]:
        """The settings for which there is time: the best, and then those with the fewest samples."""
        if not self.repetitions or self.room(wanted) >= len(wanted):
            return list(wanted)
        best, *others = wanted
        order = [best, *sorted(others, key=lambda setting: len(self.results.get(setting.name, ())))]
        some = order[: self.room(order)]
        # A sample of one setting alone would be compared with nothing.
        return some if len(some) > 1 else []
