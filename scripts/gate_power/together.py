"""Base and head as two variants in one process: measured live by the harness's own contest, judged by the gate's rule.

This is what the gate could do if both sides fitted into one process. They do not where builds differ; it is the
yardstick for what taking turns between two processes costs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gate_power.live import Call, Decision, Experiment
from gate_power.neighbour import busy
from gate_power.repository import make_together
from harness.claims import read
from harness.compare.evidence import evidence
from harness.compare.gate import GateThresholds, clear, rule, rule_for, status_of
from harness.loading.machine.cores import usable_cores
from harness.model import Gated, GateVerdict, Measurement
from harness.run.crew import Crew
from harness.run.gate import effort_for

HEAD = "head"
LIMIT = 1800.0
"""Seconds a call may take."""


def hold_together(experiment: Experiment, times: int, copies: int) -> Iterable[Call]:
    """Hold the experiment so often, each time from new processes; cases of each of 10 kinds, one decision each."""
    with TemporaryDirectory(prefix="gate-power-") as scratch, ExitStack() as stack:
        benchmarks = make_together(Path(scratch), experiment.slowdown, copies=copies)
        stack.enter_context(_as_in_the_gate(benchmarks))
        stack.enter_context(busy(experiment.neighbours))
        for number in range(times):
            folder = Path(scratch) / f"run-{number}"
            folder.mkdir()
            yield call_together(benchmarks, folder, GateThresholds(target=experiment.target or GateThresholds().target))


def call_together(benchmarks: Path, folder: Path, thresholds: GateThresholds) -> Call:
    """Invocation after invocation of every case that is open, until all are decided; with the wall time of it all.

    Raises RuntimeError where a contest did not come to its end, and CrewError.
    """
    start = time.perf_counter()
    (claim,) = read(benchmarks)
    effort = {even: effort_for(claim, thresholds.target, clear=even) for even in (False, True)}
    evenly: set[str] = set()
    measured: dict[str, list[Measurement]] = {}
    decided: dict[str, Decision] = {}
    with Crew(sys.executable, benchmarks, folder, device="cpu", data=None, width=2) as crew:
        called = crew.roll_call([claim.path])
        cases = list(called.cases)
        if not cases:
            raise RuntimeError(f"no case of {claim.path}: {called.broken or called.failed}")
        for unit in range(1, thresholds.cap + 1):
            wanted = {case: (claim, effort[case in evenly], None, False) for case in cases if case not in decided}
            if not wanted:
                break
            report = crew.measure(unit, wanted, deadline=time.monotonic() + LIMIT, ahead=2)
            for measurement in report.measurements:
                if not measurement.trials or not all(trial.samples for trial in measurement.trials):
                    raise RuntimeError(f"{measurement.case} {measurement.status}: {measurement.reason}")
                measured.setdefault(measurement.case, []).append(measurement)
            decided |= _decide(measured, decided, thresholds, len(cases), evenly)
    for case in cases:
        decided.setdefault(case, Decision(case, HEAD, "seconds", Gated.INCONCLUSIVE, 0, None, 0.0))
    decisions = tuple(decided.values())
    verdicts = [GateVerdict(one.case, claim.name, HEAD, one.metric, one.outcome) for one in decisions]
    return Call(status_of(verdicts), time.perf_counter() - start, decisions)


def _decide(
    measured: Mapping[str, list[Measurement]],
    decided: Mapping[str, Decision],
    thresholds: GateThresholds,
    decisions: int,
    evenly: set[str],
) -> dict[str, Decision]:
    """The decisions that fall now; what regresses hands its share of alpha on. Keeps account of who is evenly far."""
    found: dict[str, Decision] = {}
    while True:
        regressed = sum(one.outcome is Gated.REGRESSED for one in (*decided.values(), *found.values()))
        before = len(found)
        for case in measured.keys() - decided.keys() - found.keys():
            by = rule_for(thresholds, decisions, regressed=regressed)
            units = evidence(measured[case], HEAD, "seconds", thresholds.keep).units
            ruling = rule(units, by)
            (evenly.add if clear(units, by) and not ruling.unsteady else evenly.discard)(case)
            if ruling.outcome is not None:
                seconds = sum(one.seconds for one in measured[case])
                found[case] = Decision(case, HEAD, "seconds", ruling.outcome, ruling.units, ruling.ratio, seconds)
        if len(found) == before:
            return found


@contextmanager
def _as_in_the_gate(folder: Path) -> Iterator[None]:
    """The work under test can be imported, and on the CPU torch has all cores but one."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    changes = {"OMP_NUM_THREADS": str(max(1, usable_cores() - 1)), "PYTHONPATH": path}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
