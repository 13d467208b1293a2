"""Base and head as two variants in one process, measured live by the harness and judged by the gate's rule.

This is what the gate could do if both sides fitted into one process. They do not where builds differ; it is
the yardstick for what taking turns between two processes costs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gate_power.live import Call, Experiment, LiveDecision
from gate_power.neighbour import busy
from gate_power.repository import make_together
from harness.claims.folder import read
from harness.gate.decision import HEAD, Decision, judge
from harness.gate.limits import effort_for
from harness.judge.regression import GateThresholds, status_of
from harness.loading.machine.cores import usable_cores
from harness.model import GateOutcome, GateVerdict
from harness.workers.pool import CaseRequest, WorkerPool
from harness.workers.spare import WorkerSettings

LIMIT = 1800.0
"""Seconds a call may take."""


def run_together(experiment: Experiment, times: int, copies: int) -> Iterable[Call]:
    """Run the experiment so often, each time from new processes; cases of each of 10 kinds, one decision
    each."""
    with TemporaryDirectory(prefix="gate-power-") as scratch, ExitStack() as stack:
        benchmarks = make_together(Path(scratch), experiment.slowdown, copies=copies)
        stack.enter_context(_as_in_the_gate(benchmarks))
        stack.enter_context(busy(experiment.neighbours))
        for number in range(times):
            folder = Path(scratch) / f"run-{number}"
            folder.mkdir()
            yield call_together(
                benchmarks, folder, GateThresholds(target=experiment.target or GateThresholds().target)
            )


def call_together(benchmarks: Path, folder: Path, thresholds: GateThresholds) -> Call:
    """Invocation after invocation of every case that is open, until all are decided; with the wall time of it
    all.

    Raises RuntimeError where a measurement did not come to its end, and WorkerError.
    """
    start = time.perf_counter()
    (claim,) = read(benchmarks).claims
    effort = {clear: effort_for(claim, thresholds.target, clear=clear) for clear in (False, True)}
    with WorkerPool(WorkerSettings(sys.executable, benchmarks, folder, "cpu", None, width=2)) as pool:
        found = pool.collect([claim.path])
        open_decisions = {case: Decision(case, claim, HEAD) for case in found.cases}
        if not open_decisions:
            raise RuntimeError(f"no case of {claim.path}: {found.collected.broken or found.failed}")
        for unit in range(1, thresholds.cap + 1):
            wanted = {
                case: CaseRequest(claim, effort[one.clear], None, memory=False)
                for case, one in open_decisions.items()
                if one.open
            }
            if not wanted:
                break
            report = pool.measure(unit, wanted, deadline=time.monotonic() + LIMIT, ahead=2)
            for measurement in report.measurements:
                if not measurement.trials or not all(trial.samples for trial in measurement.trials):
                    raise RuntimeError(f"{measurement.case} {measurement.status}: {measurement.reason}")
                open_decisions[measurement.case].measurements.append(measurement)
            judge(open_decisions.values(), thresholds)
    decisions = tuple(map(_decision, open_decisions.values()))
    verdicts = [GateVerdict(one.case, claim.name, HEAD, one.metric, one.outcome) for one in decisions]
    return Call(status_of(verdicts), time.perf_counter() - start, decisions)


def _decision(decision: Decision) -> LiveDecision:
    ruling, seconds = decision.ruling, sum(one.seconds for one in decision.measurements)
    if ruling is None or decision.outcome is None:
        return LiveDecision(decision.case, HEAD, "seconds", GateOutcome.INCONCLUSIVE, 0, None, seconds)
    found = ruling.comparison
    return LiveDecision(decision.case, HEAD, "seconds", decision.outcome, found.units, found.ratio, seconds)


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
