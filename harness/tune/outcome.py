"""The outcome of a race, as it is recorded and ranked."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from harness.judge.racing import level
from harness.model import (
    CaseWarning,
    Claim,
    LoaderSample,
    Measurement,
    Ranked,
    Setting,
    Trial,
    WarningCode,
)
from harness.tune.race import Race

CLAIM = Claim(
    "tune", "The best loader setting for this data, this step and this machine.", "tune", "tune", loader=True
)
RACE_CASE = "tune::race"
"""The case of a repetition's record; the monitor's case of a sample has the setting's name behind it, in
brackets."""


def best_of_kinds(race: Race) -> list[Setting]:
    """The fastest setting of each kind that ran, the fastest kind first."""
    best: dict[str, Setting] = {}
    for place in race.places():
        best.setdefault(race.settings[place.name].kind, race.settings[place.name])
    return list(best.values())


def ranked_in(race: Race) -> tuple[Ranked, ...]:
    """Every setting that ran, the fastest first."""
    found = race.places()
    plateau = {place.name for place in level(found)}
    ranked = []
    for place in found:
        setting, samples = race.settings[place.name], race.results[place.name]
        seconds = race.median(setting)
        names = dict.fromkeys(name for sample in samples for name in sample.readings)
        readings = {
            name: median(each.readings[name] for each in samples if name in each.readings) for name in names
        }
        ranked.append(
            Ranked(
                setting, place.samples, place.ratio, place.low, place.high, place.eliminated, place.name in plateau,
                seconds, readings,
            )
        )  # fmt: skip
    return tuple(ranked)


def measurement(
    samples: Mapping[Setting, LoaderSample], repetition: int, start: float, end: float
) -> Measurement:
    """A repetition as a record: a sample of every setting, one after the other, from ``start`` to ``end``."""
    trials = tuple(
        Trial(
            setting.name,
            iterations=1,
            samples={
                "seconds": (sample.seconds,),
                **{name: (value,) for name, value in sample.readings.items()},
            },
        )
        for setting, sample in samples.items()
    )
    cut = tuple(
        CaseWarning(WarningCode.WINDOW_CUT, setting.name) for setting, sample in samples.items() if sample.cut
    )
    return Measurement(
        RACE_CASE,
        CLAIM.name,
        repetition,
        trials=trials,
        seconds=end - start,
        blocks=((start, end),),
        warnings=cut,
    )
