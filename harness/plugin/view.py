"""The pytest-benchmark view: one entry for each variant, in its table and its JSON, by its public interface
alone.

pytest-benchmark times nothing here. The baseline's recorded rounds are replayed to it on a clock of ours, so
that it writes the very numbers we measured; the other variants' entries are added by its hooks. It sees only
finished measurements. Nothing is decided in this view: one session is one invocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.stats import Stats

from harness.model import BASELINE, Measurement, Status, Trial
from harness.plugin.fixture import Compare


class EntryNames(TypedDict):
    """What an entry of pytest-benchmark's is called, without and with its file."""

    name: str
    fullname: str


class PytestBenchmarkEntry(EntryNames):
    """A benchmark in pytest-benchmark's JSON, as far as it is read or written here."""

    stats: dict[str, object]
    extra_info: dict[str, object]


class PytestBenchmarkFile(TypedDict):
    """pytest-benchmark's JSON, as far as it is read or written here."""

    benchmarks: list[PytestBenchmarkEntry]


class Replay:
    """A clock on which recorded durations pass again."""

    def __init__(self) -> None:
        self._durations: list[float] = []
        self._now = 0.0

    def load(self, durations: tuple[float, ...]) -> None:
        """What is to be played, in seconds."""
        self._durations = list(reversed(durations))

    def now(self) -> float:
        """The time on this clock."""
        return self._now

    def reset(self) -> None:
        """Start at zero, where differences are exact."""
        self._now = 0.0

    def play(self) -> None:
        """Let the next recorded duration pass."""
        if self._durations:
            self._now += self._durations.pop()


REPLAY = pytest.StashKey[Replay]()


class View:
    """Registered as a plug-in where pytest-benchmark is active; brings the compare fixture that feeds it."""

    def __init__(self) -> None:
        self._measured: dict[str, tuple[Measurement, tuple[Trial, ...]]] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Give each benchmark a clock of its own; pytest-benchmark takes it from the marker before the test
        runs."""
        if "compare" in getattr(item, "fixturenames", ()):
            if item.config.getoption("benchmark_compare_fail", None):
                raise pytest.UsageError(
                    "--benchmark-compare-fail sees only the baseline of each case, never its variants; drop it, and "
                    "compare JSON files with: pytest-benchmark compare"
                )
            item.stash[REPLAY] = replay = Replay()
            item.add_marker(pytest.mark.benchmark(timer=replay.now, group=item.name))

    @pytest.fixture
    def compare(self, request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Compare:
        """Measures the variants it is called with, and shows them through pytest-benchmark."""
        from harness.plugin import compare_for

        def finished(measurement: Measurement) -> None:
            self._show(request.node, benchmark, measurement)

        return compare_for(request, finished)

    def _show(self, item: pytest.Item, benchmark: BenchmarkFixture, measurement: Measurement) -> None:
        if measurement.status is Status.SKIPPED:
            pytest.skip(measurement.reason)
        if measurement.status is not Status.MEASURED:
            pytest.fail(f"{measurement.status}: {measurement.reason}", pytrace=False)
        baseline = measurement.trial(BASELINE)
        assert baseline is not None
        replay, rounds = item.stash[REPLAY], baseline.samples["seconds"]
        replay.load(rounds)
        benchmark.extra_info.update(_facts(measurement, baseline))
        benchmark.pedantic(replay.play, setup=replay.reset, rounds=len(rounds), iterations=1)
        others = [trial for trial in measurement.trials if trial.variant != BASELINE]
        self._measured[benchmark.fullname] = (
            measurement,
            tuple(t for t in others if t.status is Status.MEASURED),
        )
        fine = (Status.MEASURED, Status.SKIPPED)
        bad = [
            f"{trial.variant} is {trial.status}: {trial.reason}"
            for trial in others
            if trial.status not in fine
        ]
        if bad:
            pytest.fail("; ".join(bad), pytrace=False)

    def pytest_benchmark_update_json(self, output_json: PytestBenchmarkFile) -> None:
        """Add an entry for each variant behind its baseline's."""
        with_data = any("data" in entry["stats"] for entry in output_json["benchmarks"])
        entries: list[PytestBenchmarkEntry] = []
        for entry in output_json["benchmarks"]:
            entries.append(entry)
            measurement, trials = self._measured.get(entry["fullname"], (None, ()))
            for trial in trials:
                assert measurement is not None
                stats = _stats(trial)
                shown: dict[str, object] = {**stats.as_dict(), "iterations": 1}
                if with_data:
                    shown["data"] = list(stats.data)
                facts = _facts(measurement, trial)
                names = _names(entry, trial)
                entries.append({**entry, **names, "extra_info": facts, "stats": shown})
        output_json["benchmarks"] = entries

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_group_stats(self, benchmarks: list[dict[str, object]]) -> None:
        """Add a row for each variant to the table; grouping comes after us."""
        for row in list(benchmarks):
            if row.get("path"):
                continue  # a row of an older file that is compared with
            measurement, trials = self._measured.get(str(row["fullname"]), (None, ()))
            for trial in trials:
                assert measurement is not None
                facts = {"extra_info": _facts(measurement, trial), "iterations": 1}
                benchmarks.append({**row, **_names(row, trial), **facts, **_stats(trial).as_dict()})


def _stats(trial: Trial) -> Stats:
    stats = Stats()
    for seconds in trial.samples["seconds"]:
        stats.update(seconds)
    return stats


def _names(entry: Mapping[str, object], trial: Trial) -> EntryNames:
    name, fullname = (f"{entry[key]}:{trial.variant}" for key in ("name", "fullname"))
    return {"name": name, "fullname": fullname}


def _facts(measurement: Measurement, trial: Trial) -> dict[str, object]:
    """What the entry has beside its times: seconds are per iteration, rounds hold ``iterations`` of them."""
    return {
        "claim": measurement.claim,
        "case": measurement.case,
        "variant": trial.variant,
        "iterations_per_round": trial.iterations,
        **trial.exact,
    }
