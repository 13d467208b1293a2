"""A run whose measuring processes are a script: it takes milliseconds, and writes what a real one writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from faults.independent import Key, key
from harness import store
from harness.bench import run as module
from harness.bench.run import bench
from harness.bench.settings import Settings
from harness.model import BASELINE, Claim, Measurement, Trial
from harness.store.lines import Writer
from harness.workers.collect import Collection
from harness.workers.pool import CaseRequest, WorkerReport
from harness.workers.spare import WorkerSettings

SOURCE = '@claim("{name}")\ndef bench_{name}(compare): pass\n'
CASES = tuple(f"bench_{name}.py::bench_{name}" for name in "ab")
ENVIRONMENT = {"machine_id": "0123456789ab", "gpus": []}
CONTENT = {"unit": 3}


@dataclass
class ScriptedPool:
    """In the place of the pool: each case takes no time, and its tip half of the baseline's."""

    folder: Path
    interrupt_at: int
    import_seconds: float = 0.0

    def __enter__(self) -> ScriptedPool:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def collect(self, _: object) -> Collection:
        """Every case has two variants."""
        return Collection(environment=dict(ENVIRONMENT), cases=dict.fromkeys(CASES, (BASELINE, "tip")))

    def measure(self, invocation: int, cases: Mapping[str, CaseRequest], **_: object) -> WorkerReport:
        """One invocation in a file of its own; what was written is what counts, as in a real one."""
        return self._written(invocation, [_measurement(case, invocation) for case in cases])

    def count(
        self, invocation: int, cases: Mapping[str, tuple[Claim, tuple[str, ...]]], *_: object, **__: object
    ) -> WorkerReport:
        """One pass of its own."""
        found = [
            Measurement(case, case, invocation, trials=tuple(map(Trial, names)), survey=True)
            for case, (_, names) in cases.items()
        ]
        return self._written(invocation, found)

    def _written(self, invocation: int, found: list[Measurement]) -> WorkerReport:
        if invocation == self.interrupt_at:
            raise KeyboardInterrupt
        name, error = f"invocation-{invocation:03d}", ""
        try:
            writer = store.open_invocation(self.folder, name, environment=ENVIRONMENT, planned=[])
            try:
                for measurement in found:
                    store.write_measurement(writer, measurement)
            finally:
                writer.close()
        except store.StoreError as failure:
            error = str(failure)
        there = store.read_measurements(self.folder / f"{name}.jsonl")
        # As the pool has it: a run does not go on with processes that measure nothing.
        return WorkerReport(there, error=error or ("" if there else "an invocation measured nothing"))


def _measurement(case: str, invocation: int) -> Measurement:
    wobble = 1e-3 * (1 + 0.001 * (invocation % 3))
    trials = (
        Trial(BASELINE, samples={"seconds": (wobble,) * 6}),
        Trial("tip", samples={"seconds": (wobble / 2,) * 6}),
    )
    return Measurement(case, case, invocation, trials=trials, seconds=0.1)


class Screen:
    """A display that shows nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@dataclass
class Outcome:
    """What a run acknowledged, how it ended, and where it lies."""

    acknowledged: set[Key] = field(default_factory=set)
    raised: list[BaseException] = field(default_factory=list)


@contextmanager
def observed(outcome: Outcome) -> Iterator[None]:
    """Note each measurement whose write returned."""
    write = Writer.write

    def noted(self: Writer, kind: str, **content: Any) -> None:
        write(self, kind, **content)
        if kind in ("measurement", "pairing"):
            outcome.acknowledged.add(key(content))

    with patch.object(Writer, "write", noted):
        yield


def scenario(place: Path) -> Outcome:
    """A run that is interrupted, is resumed to its end, and is given a name. ``place`` has the benchmarks."""
    outcome = Outcome()
    settings = Settings(place / "benchmarks", place / "results", budget=1000.0, watch=0.0)
    at = [2, 0]

    def pool(given: WorkerSettings, **_: object) -> ScriptedPool:
        return ScriptedPool(given.folder, at.pop(0))

    with (
        observed(outcome),
        patch.object(module, "WorkerPool", pool),
        patch.object(module, "affordable", lambda *_, **__: None),
    ):
        _try(outcome, lambda: bench(settings, Screen(), width=1))
        for folder in store.run_folders(place / "results"):
            _try(outcome, lambda: bench(settings, Screen(), width=1, resumed=store.load(folder)))  # noqa: B023
            _try(outcome, lambda: _named(folder))  # noqa: B023
    return outcome


def prepared(place: Path) -> Path:
    """A folder with the benchmarks of the scenario."""
    for name in "ab":
        file = place / "benchmarks" / f"bench_{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOURCE.format(name=name))
    return place


def _named(folder: Path) -> None:
    from harness.store.run_labels import label
    from harness.store.runs import find

    label(find(folder, folder.parent), name="kept")


def _try(outcome: Outcome, work: Any) -> None:
    try:
        work()
    except (KeyboardInterrupt, Exception) as error:
        outcome.raised.append(error)
