"""Sessions that another process of ours drives: it sends a plan, and receives what became of each case."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NoReturn, TypeVar

import pytest

from harness import store
from harness.measure.case import MeasureOptions, measure
from harness.measure.counting import count
from harness.measure.device import poisoned, share_device
from harness.measure.failure import logged
from harness.measure.isolated import measure_isolated
from harness.measure.limits import RoundLimits
from harness.measure.process_state import ProcessState
from harness.measure.spec import BenchmarkSpec
from harness.measure.traced import traced
from harness.measure.variant import Unavailable
from harness.model import FIXTURE, Claim, Collected, Measurement, Package, Status
from harness.plugin.digests import digests
from harness.plugin.results import sketch
from harness.plugin.served import serve_side, serve_variant
from harness.plugin.session import Session, launch
from harness.processes.fork_server import ForkServer, available, fork_server
from harness.processes.live import Channel
from harness.workers.codec import Failure, FailureKind, Message, must_receive, send
from harness.workers.protocol import (
    CaseAbsent,
    CaseBegins,
    CaseEnds,
    CaseFound,
    CaseOptions,
    CaseTraced,
    CollectPlan,
    CountPlan,
    EnvironmentFound,
    Importing,
    IsolatedPlan,
    MeasurePlan,
    Plan,
    Ready,
    RecordedPlan,
    ResultSketch,
    SideInfo,
    SidePlan,
    TracePlan,
    VariantPlan,
)
from harness.workers.turns import own_processes

POISONED = 70
"""Exit status of a process that gave up: its CUDA context had failed, or its state
cannot be put back."""

Item = TypeVar("Item")


class DrivenSession(Session):
    """A session that another process of ours drives over a channel."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._channel = channel
        self._plan = Plan((), "auto", None)
        self._writer: store.Writer | None = None
        self._done: set[str] = set()
        self._called: dict[str, BenchmarkSpec] = {}
        self._results: dict[str, ResultSketch] = {}
        self._digests: dict[str, dict[str, str]] = {}
        self._broken: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._removed: dict[str, str] = {}
        self._forks: ForkServer | None = None
        self._imported = 0

    def not_collected(self, place: str, *, skipped: bool, reason: str) -> None:
        """Keep it until everything was collected."""
        (self._skipped if skipped else self._broken)[place] = reason

    def removed(self, function: str, reason: str) -> None:
        """A benchmark (``path::function``) has no case, and does not say that it is to be skipped."""
        self._removed[function] = reason

    def imports(self, place: str) -> None:
        """Report which file comes now: the driver keeps its time limit, and knows what it was if this process
        dies."""
        self._send(Importing(place))

    def choose(self, items: Mapping[str, Item], apart: Collection[str] = ()) -> list[Item]:
        """Report what is here, wait for the plan, and give its items in the order to run.

        ``apart`` are the cases whose variants have processes of their own. Such processes are forked here,
        before anything runs, and this returns in each of them, too.
        """
        # Before it is reported: several processes start side by side.
        self._freeze_imported()
        gc.enable()
        self._send(Ready(Collected(tuple(items), self._broken, self._skipped, self._removed)))
        plan = self._planned()
        if isinstance(plan, MeasurePlan) and not {*apart}.isdisjoint(plan.cases) and self._can_fork():
            forks = fork_server()
            if isinstance(forks, Channel):
                self._channel, self._pid = forks, os.getpid()
                plan = self._planned()
            else:
                self._forks = forks
        wanted = [case for case in plan.cases if case in items]
        # Before anything runs: a benchmark may change what it was given.
        self._digests = {case: digests(items[case]) for case in wanted}
        match plan:
            case RecordedPlan(recording=recording):
                if isinstance(plan, MeasurePlan):
                    Random(recording.seed).shuffle(wanted)
                with self._or_give_up():
                    self._writer = store.open_invocation(
                        recording.folder, recording.name, environment=self._environment(), planned=plan.cases
                    )
            case SidePlan():
                if self.device().type == "cuda":
                    share_device(self.device())
                if plan.introduce:
                    self._introduce(plan.under_test)
            case CollectPlan():
                from harness.environment import unusable_gpu

                self._send(EnvironmentFound(self._environment(), unusable_gpu() or ""))
        return [items[case] for case in wanted]

    def _planned(self) -> Plan:
        """Wait for the plan, and find the device that it names."""
        plan = must_receive(self._channel)
        assert isinstance(plan, Plan), plan
        self._plan, self._device_name, self.data = plan, plan.device, plan.data
        try:
            self.device()
        except pytest.UsageError as error:
            self._refuse(error)
        return plan

    def _can_fork(self) -> bool:
        return self.device().type == "cpu" and available()

    def close(self) -> None:
        """End what this session started."""
        if self._forks is not None:
            self._forks.close()
            self._forks = None

    def _environment(self) -> dict[str, Any]:
        """The fingerprint, and on what of it this process measures."""
        from harness.environment import fingerprint, measured_on

        return {**fingerprint(), "device": measured_on(self.device())}

    def _freeze_imported(self) -> None:
        """Keep collections, of which every measurement begins with one, from looking through what was
        imported; again once a benchmark has imported more: torch.compile, for example, imports 300,000
        objects."""
        if len(sys.modules) > self._imported:
            gc.collect()
            gc.freeze()
            self._imported = len(sys.modules)

    def begin(self, case: str) -> None:
        """Report which case comes now, where the driver keeps its time limit."""
        self._freeze_imported()
        if not isinstance(self._plan, VariantPlan | SidePlan):
            self._send(CaseBegins(case))

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Measure the case as the plan states.

        ``pytest.skip`` and the like pass through everything: the case then ends without a measurement.
        """
        claim = self._named(case, claim)
        match self._plan:
            case CollectPlan() if claim.fixture == FIXTURE:
                # What it asserts of the result comes first: a wrong result has no time.
                self._called[case] = spec
                return None
            case CollectPlan():
                self._send(_found(case, spec))
            case VariantPlan(variant=name):
                serve_variant(self._channel, claim, spec, name, self.device())
            case SidePlan() as plan:
                self._send(_found(case, spec))
                serve_side(self._channel, claim, spec, self.device(), plan.core)
            case IsolatedPlan(variant=name) as plan:
                self._keep(measure_isolated(case, claim, spec, self._options(plan, case, target, root), name))
            case CountPlan(reading=reading) as plan:
                self._keep(count(case, claim, spec, self._options(plan, case, target, root), reading))
            case TracePlan(variant=name, file=file):
                self._trace(case, claim, spec, name, file)
            case MeasurePlan() as plan:
                before = ProcessState()
                found = measure(case, claim, spec, self._options(plan, case, target, root))
                self._keep(replace(found, warnings=(*found.warnings, *before.warnings())))
        self._done.add(case)
        return None

    def returned(self, case: str, result: object) -> None:
        """Keep a sketch of what the test's call returned, where cases are collected."""
        if isinstance(self._plan, CollectPlan):
            self._results[case] = sketch(result)

    def passed(self, case: str, claim: Claim) -> None:
        """Report a test that was called to its end; one that called nothing has failed."""
        if case in self._called:
            self._done.add(case)
            self._send(replace(_found(case, self._called[case]), result=self._results.get(case)))
        else:
            reason = f"it ended without a call of {claim.fixture}"
            self.without_measurement(case, claim, skipped=False, reason=reason)

    def raised(self, error: BaseException) -> None:
        """Log its traceback at once: pytest prints it at its end, before which this process may be killed."""
        traceback.print_exception(error)

    def without_measurement(self, case: str, claim: Claim, *, skipped: bool, reason: str) -> None:
        """Record a case that skipped or failed before its measurement was over."""
        if case in self._done:
            return
        self._done.add(case)
        status = Status.SKIPPED if skipped else Status.FAILED
        match self._plan:
            case CollectPlan() | SidePlan():
                self._send(CaseAbsent(case, status, reason))
            case VariantPlan():
                # The reply to a request that is still to come.
                self._send(Failure(reason))
            case TracePlan():
                self._send(CaseTraced(case, reason=reason))
            case RecordedPlan() as plan:
                name, invocation = self._named(case, claim).name, plan.recording.invocation
                survey = not isinstance(plan, MeasurePlan)
                self._keep(Measurement(case, name, invocation, status, reason, survey=survey))

    def _send(self, message: Message) -> None:
        self._leave_if_forked()
        send(self._channel, message)

    def _named(self, case: str, claim: Claim) -> Claim:
        """The claim under the name that it has among those of all files, which the driver has read."""
        return replace(claim, name=self._plan.claims.get(case, claim.name))

    def _trace(self, case: str, claim: Claim, spec: BenchmarkSpec, name: str, file: Path) -> None:
        try:
            found = traced(claim, spec, name, self.device(), file)
        except Exception as error:
            self._send(CaseTraced(case, reason=logged(error)))
        else:
            self._send(CaseTraced(case, found.seconds, found.traced_seconds))

    def _introduce(self, names: Sequence[str]) -> None:
        """Report what this side of a gate runs on, and where it takes the packages under test from."""
        from harness.environment import unusable_gpu
        from harness.environment.packages import installed, packages

        environment = {**self._environment(), "packages": installed()}
        self._send(
            SideInfo(environment, tuple(Package(**each) for each in packages(names)), unusable_gpu() or "")
        )

    def _options(self, plan: RecordedPlan, case: str, target: str, root: Path) -> MeasureOptions:
        options, snapshots = CaseOptions(RoundLimits(), None, memory=False), None
        if isinstance(plan, CountPlan):
            options = replace(options, variants=plan.variants[case])
            snapshots = plan.recording.folder if plan.snapshots else None
        elif isinstance(plan, MeasurePlan):
            options, snapshots = plan.options[case], plan.recording.folder if plan.snapshots else None
        return MeasureOptions(
            device=self.device(),
            limits=options.limits,
            seed=plan.recording.seed,
            invocation=plan.recording.invocation,
            variants=options.variants,
            memory=options.memory,
            first=options.first,
            snapshots=snapshots,
            own_processes=own_processes(launch(self, case, target, root), self._forks),
        )

    def _leave_if_forked(self) -> None:
        """End a copy of this process that a benchmark has forked: there is one record of each case."""
        if os.getpid() != self._pid:
            os._exit(POISONED)

    def _keep(self, measurement: Measurement) -> None:
        self._leave_if_forked()
        assert self._writer is not None
        measurement = replace(measurement, digests=self._digests[measurement.case])
        with self._or_give_up():
            store.write_measurement(self._writer, measurement)
        self._send(CaseEnds(measurement.case))
        if any(trial.status is Status.FAILED for trial in measurement.trials) and poisoned(self.device()):
            # Whatever came next in this process would fail too; the next process measures it instead.
            os._exit(POISONED)

    @contextmanager
    def _or_give_up(self) -> Iterator[None]:
        """Records that cannot be kept (a full disk) end the session, and the driver receives the reason."""
        try:
            yield
        except store.StoreError as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        self._send(Failure(str(error), FailureKind.REFUSED))
        pytest.exit(str(error), returncode=2)


def _found(case: str, spec: BenchmarkSpec) -> CaseFound:
    unavailable = {
        name: given.reason for name, given in spec.variants.items() if isinstance(given, Unavailable)
    }
    return CaseFound(case, tuple(spec.variants), unavailable)
