"""What a race came to, as it is recorded and ranked."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from harness.judge.racing import level
from harness.model import Claim, LoaderSample, Measurement, Ranked, Setting, Trial
from harness.tune.race import Race

CLAIM = Claim("tune", "The best loader setting for this data, this step and this machine.", "tune", "tune", loader=True)
RACE_CASE = "tune::race"
"""The case of a heat's record; while it is watched, that of a lap has the setting's name behind it, in brackets."""


def best_of_kinds(race: Race) -> list[Setting]:
    """The fastest setting of each kind that ran, the fastest kind first."""
    best: dict[str, Setting] = {}
    for place in race.places():
        best.setdefault(race.runners[place.name].kind, race.runners[place.name])
    return list(best.values())


def ranked_in(race: Race) -> tuple[Ranked, ...]:
    """Every setting that ran, the fastest first."""
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
                setting, place.laps, place.ratio, place.low, place.high, place.behind, place.name in plateau, seconds,
                readings,
            )
        )  # fmt: skip
    return tuple(ranked)


def measurement(laps: Mapping[Setting, LoaderSample], heat: int, start: float, end: float) -> Measurement:
    """A heat as a record: one lap of every setting, one after the other in random order, from ``start`` to ``end``."""
    trials = tuple(
        Trial(
            setting.name,
            iterations=1,
            samples={"seconds": (lap.seconds,), **{name: (value,) for name, value in lap.readings.items()}},
        )
        for setting, lap in laps.items()
    )
    return Measurement(RACE_CASE, CLAIM.name, heat, trials=trials, seconds=end - start, blocks=((start, end),))
