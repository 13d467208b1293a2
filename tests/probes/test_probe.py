"""The list of probes: what a pass does with it, and that one which fails costs nothing but its own
readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch

from harness import probes
from harness.measure.case import MeasureOptions
from harness.measure.isolated import measure_isolated
from harness.measure.limits import RoundLimits
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import as_variant
from harness.model import BASELINE, METRICS, Claim, Expect, Measurement, Status, WarningCode, Work
from harness.probes import PROBES, Probe, ProbeReading, ProbeReadings, ProbeSubject, ProcessTree

CPU = torch.device("cpu")


def isolated(call: Callable[[], object] = lambda: 1) -> Measurement:
    """The isolated pass of a variant that does this."""
    spec = BenchmarkSpec(
        {BASELINE: as_variant(call)}, lambda expected, got: True, None, Work(), {BASELINE: Expect.LOWER}
    )
    options = MeasureOptions(CPU, RoundLimits(), 5, 1)
    return measure_isolated("p.py::bench_p", Claim("P", "A tip.", "p.py", "bench_p"), spec, options, BASELINE)


def test_every_metric_is_known_and_has_one_probe() -> None:
    """A reading without a unit, or one that two probes give, would mean nothing."""
    metrics = [metric for probe in PROBES for metric in probe.metrics]
    assert sorted(metrics) == sorted(set(metrics))
    assert set(metrics) <= set(METRICS)
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("make", PROBES, ids=lambda probe: probe.__name__)
def test_a_probe_gives_its_own_metrics_alone(make: type[Probe]) -> None:
    """Nor does one of a GPU fail where there is none."""
    probe = make(ProbeSubject(ProcessTree(), CPU))
    probe.before()
    probe.start()
    probe.stop()
    found = dict(probe.read())
    found |= probe.after()
    assert set(found) <= set(probe.metrics)


def test_probes_are_called_in_order_and_never_in_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the variant is set up, around its round, while it is alive and once it is gone; the last stops
    first."""
    seen: list[str] = []

    class First(Probe):
        name = "first"
        metrics: ClassVar[tuple[str, ...]] = ("minor_faults",)
        letter = "a"
        __hash__ = None  # type: ignore[assignment]  # as a dataclass that compares has none

        def before(self) -> None:
            seen.append(f"before {self.letter}")

        def start(self) -> None:
            seen.append(f"start {self.letter}")

        def stop(self) -> None:
            seen.append(f"stop {self.letter}")

        def read(self) -> ProbeReadings:
            seen.append(f"read {self.letter}")
            return {self.metrics[0]: ProbeReading(3.0, "a file")}

        def after(self) -> ProbeReadings:
            seen.append(f"after {self.letter}")
            return {}

    class Second(First):
        name = "second"
        metrics = ("major_faults",)
        letter = "b"

    monkeypatch.setattr(probes, "PROBES", (First, Second))
    (trial,) = isolated(lambda: seen.append("call")).trials
    assert trial.status is Status.MEASURED, trial.reason
    first, last = seen.index("start b"), seen.index("stop b")
    assert seen[:2] == ["before a", "before b"]
    assert set(seen[first + 1 : last]) == {"call"}
    assert seen[last:] == ["stop b", "stop a", "read a", "read b", "after a", "after b"]
    assert (trial.solo["minor_faults"], trial.sources["minor_faults"]) == (
        3.0,
        "a file, alone in a fresh process",
    )


@pytest.mark.parametrize("moment", ["before", "start", "stop", "read", "after"])
def test_a_probe_that_fails_is_a_warning(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it fails, the variant is measured, and the other probes give their readings."""

    class Broken(Probe):
        name = "fans"
        metrics = ("joules",)

    def fail(self: Probe) -> None:
        raise OSError("no such sensor")

    setattr(Broken, moment, fail)
    monkeypatch.setattr(probes, "PROBES", (Broken, *PROBES))
    found = isolated()
    (trial,) = found.trials
    assert trial.status is Status.MEASURED, trial.reason
    (warning,) = found.warnings
    assert (warning.code, warning.quantity) == (WarningCode.NOT_WATCHED, "joules")
    assert warning.detail == "no fans: OSError: no such sensor"
    assert {"pss_bytes", "threads_left", "minor_faults"} <= set(trial.solo)
    assert "joules" not in trial.solo


def test_probes_stop_where_the_variant_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that has started a thread ends it, whatever the round raises."""
    seen: list[str] = []

    class Started(Probe):
        name = "watch"
        metrics = ()

        def start(self) -> None:
            seen.append("start")

        def stop(self) -> None:
            seen.append("stop")

    calls = iter(range(100))

    def late() -> None:
        if next(calls):
            raise RuntimeError("late")

    monkeypatch.setattr(probes, "PROBES", (Started,))
    (trial,) = isolated(late).trials
    assert trial.status is Status.FAILED and "late" in trial.reason
    assert seen == ["start", "stop"]
