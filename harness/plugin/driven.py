"""Sessions that another process of ours drives: it says over a channel what to measure, and hears what became of it."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness import store
from harness.measure.case import MeasureOptions, local, measure, placement
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.counting import count
from harness.measure.failure import logged
from harness.measure.isolated import measure_isolated
from harness.measure.limits import RoundLimits
from harness.measure.shared_state import innocent
from harness.measure.spec import BenchmarkSpec
from harness.measure.traced import traced
from harness.measure.variant import Unavailable, Variant
from harness.model import BASELINE, Claim, Collected, Measurement, Status
from harness.plugin.digests import digests
from harness.plugin.session import Session, launch
from harness.processes.live import Channel, Message
from harness.workers.server import REWARM, REWARM_PAIR, serve
from harness.workers.turns import own_processes

POISONED = 70
"""Exit status of a process that gave up because its CUDA context had failed."""

RECORDED = ("measure", "solo", "count")
"""Plans whose measurements go to a file of the run."""


class DrivenSession(Session):
    """A session that another process of ours drives over a channel."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._plan: Message = {}
        self._writer: store.Writer | None = None
        self._held: set[str] = set()
        self._digests: dict[str, dict[str, str]] = {}
        self._broken: dict[str, str] = {}
        self._skipped: dict[str, str] = {}

    def not_collected(self, place: str, *, skipped: bool, reason: str) -> None:
        """Remember it, to be said when everything was collected."""
        (self._skipped if skipped else self._broken)[place] = reason

    def choose(self, items: Mapping[str, Any]) -> list[Any]:
        """Say what is here, wait for the plan, and give its items in the order to run."""
        # What was imported stays: collecting before every measurement need not look through it again. Done before
        # anybody is told: several processes start side by side.
        gc.collect()
        gc.freeze()
        gc.enable()
        collected = Collected(tuple(items), self._broken, self._skipped)
        self._channel.send(event="ready", **collected.message())
        plan = self._channel.receive()
        assert plan is not None
        self._plan = plan
        self._device_name = plan.get("device", "auto")
        self.data = Path(plan["data"]) if plan.get("data") else None
        try:
            self.device()
        except pytest.UsageError as error:
            self._channel.send(event="error", reason=str(error))
            pytest.exit(str(error), returncode=2)
        wanted = [case for case in plan["cases"] if case in items]
        # Before anything runs: a benchmark may change what it was given.
        self._digests = {case: digests(items[case]) for case in wanted}
        if plan["do"] == "measure":
            Random(plan["seed"]).shuffle(wanted)
        if plan["do"] in RECORDED:
            with self._or_give_up():
                self._writer = store.open_invocation(
                    Path(plan["folder"]), plan["name"], environment=self._environment(), planned=plan["cases"]
                )
        elif plan["do"] == "gate":
            if self.device().type == "cuda":
                share_device(self.device())
            wanted = sorted(wanted, key=plan["cases"].index)
            if plan["introduce"]:
                self._introduce(plan["under_test"])
        elif plan["do"] == "roll call":
            from harness.environment import unusable_gpu

            self._channel.send(event="environment", environment=self._environment(), unusable=unusable_gpu())
        return [items[case] for case in wanted]

    def _environment(self) -> dict[str, Any]:
        """The fingerprint, and on what of it this process measures."""
        from harness.environment import fingerprint, measured_on

        return {**fingerprint(), "device": measured_on(self.device())}

    def begin(self, case: str) -> None:
        """Say which case comes now: whoever drives keeps its time limit."""
        if self._plan["do"] not in ("variant", "gate"):
            self._channel.send(event="begins", case=case)

    def hold(self, case: str, claim: Claim, asked: BenchmarkSpec, target: str, root: Path) -> Measurement | None:
        """Measure the case as the plan says.

        ``pytest.skip`` and the like pass through everything: the case then ends without a measurement.
        """
        claim = self._named(case, claim)
        match self._plan["do"]:
            case "roll call":
                self._note(case, claim, asked)
            case "variant":
                self._sit(claim, asked)
            case "gate":
                self._stand(case, claim, asked)
            case "solo":
                self._keep(measure_isolated(case, claim, asked, self._terms(case, target, root), self._plan["variant"]))
            case "count":
                self._keep(count(case, claim, asked, self._terms(case, target, root), self._plan["reading"]))
            case "trace":
                file = Path(self._plan["file"])
                told = traced(claim, asked, self._plan["variant"], self.device(), file)
                self._channel.send(event="traced", case=case, **told)
            case "measure":
                self._keep(measure(case, claim, asked, self._terms(case, target, root)))
        self._held.add(case)
        return None

    def raised(self, error: BaseException) -> None:
        """Have its traceback in the log at once: pytest says it at the end, before which this process may be killed."""
        traceback.print_exception(error)

    def without_measurement(self, case: str, claim: Claim, *, skipped: bool, reason: str) -> None:
        """Record a case that skipped or failed before its measurement was over."""
        if case in self._held:
            return
        self._held.add(case)
        claim = self._named(case, claim)
        status = Status.SKIPPED if skipped else Status.FAILED
        if self._plan["do"] in ("roll call", "gate"):
            self._channel.send(event=str(status), case=case, reason=reason)
        elif self._plan["do"] == "variant":
            # The answer to a question that is still to come.
            self._channel.send(error=reason)
        elif self._plan["do"] == "trace":
            self._channel.send(event="traced", case=case, reason=reason)
        else:
            survey = self._plan["do"] != "measure"
            self._keep(Measurement(case, claim.name, self._plan["invocation"], status, reason, survey=survey))

    def _named(self, case: str, claim: Claim) -> Claim:
        """The claim under the name that it has among those of all files: whoever drives has read them."""
        return replace(claim, name=self._plan.get("claims", {}).get(case, claim.name))

    def _note(self, case: str, claim: Claim, asked: BenchmarkSpec) -> None:
        absent = {name: given.reason for name, given in asked.variants.items() if isinstance(given, Unavailable)}
        self._channel.send(event="case", case=case, claim=claim.name, variants=list(asked.variants), unavailable=absent)

    def _sit(self, claim: Claim, asked: BenchmarkSpec) -> None:
        name = self._plan["variant"]
        given = asked.variants[name]
        assert isinstance(given, Variant)
        with ExitStack() as stack:
            settle = placement(claim, stack)
            runner = local(name, given, claim, self.device(), rewarm=REWARM, settle=settle)
            self._channel.send(ready=True)
            serve(self._channel, {name: runner}, logged)

    def _stand(self, case: str, claim: Claim, asked: BenchmarkSpec) -> None:
        """One side of a gate: say what is here, then answer for every variant until told to stop.

        A first result is checked against this side's own baseline, where that was opened before.
        """
        absent = {name: given.reason for name, given in asked.variants.items() if isinstance(given, Unavailable)}
        present = {name: given for name, given in asked.variants.items() if isinstance(given, Variant)}
        self._channel.send(event="case", case=case, variants=list(present), absent=absent)
        agreement = Agreement(asked.same)
        comparable = asked.reference is not None
        if asked.reference is not None:
            agreement.expected = asked.reference()

        def check(name: str, result: object) -> None:
            nonlocal comparable
            if name == BASELINE and asked.reference is None:
                agreement.expected, comparable = result, True
            elif comparable:
                try:
                    agreement.check(result)
                except WrongResult:
                    if asked.anew is None or claim.apart or claim.loader or not innocent(asked, name):
                        raise

        with ExitStack() as stack:
            settle = placement(claim, stack, self._plan["core"])
            runners = {
                name: local(name, given, claim, self.device(), rewarm=REWARM_PAIR, settle=settle)
                for name, given in present.items()
            }
            for runner in runners.values():
                stack.callback(runner.teardown)
            # Also where there is a single variant: whoever leads both sides says when it is time for the next case.
            serve(self._channel, runners, logged, check, keep_alive=True)

    def _introduce(self, names: Sequence[str]) -> None:
        """Say what this side of a gate runs on, and where it takes the packages under test from."""
        from harness.environment import unusable_gpu
        from harness.environment.packages import installed, packages

        found = packages(names)
        environment = {**self._environment(), "packages": installed()}
        self._channel.send(event="gate", environment=environment, unusable=unusable_gpu() or "", packages=found)

    def _terms(self, case: str, target: str, root: Path) -> MeasureOptions:
        stated = self._plan["cases"][case]
        return MeasureOptions(
            device=self.device(),
            effort=RoundLimits(**stated["effort"]),
            seed=self._plan["seed"],
            invocation=self._plan["invocation"],
            variants=stated["variants"],
            memory=stated["memory"],
            snapshots=Path(self._plan["folder"]) if self._plan.get("snapshots") else None,
            own_processes=own_processes(launch(self, case, target, root)),
        )

    def _keep(self, measurement: Measurement) -> None:
        assert self._writer is not None
        measurement = replace(measurement, digests=self._digests[measurement.case])
        with self._or_give_up():
            store.write_measurement(self._writer, measurement)
        self._channel.send(event="ends", case=measurement.case)
        if any(trial.status is Status.FAILED for trial in measurement.trials) and poisoned(self.device()):
            # Whatever came next in this process would fail too; the next process measures it instead.
            os._exit(POISONED)

    @contextmanager
    def _or_give_up(self) -> Iterator[None]:
        """Records that cannot be kept (a full disk) end the session: whoever drives is told why."""
        try:
            yield
        except store.StoreError as error:
            self._channel.send(event="error", reason=str(error))
            pytest.exit(str(error), returncode=2)


def share_device(device: Any) -> None:
    """Leave the other side of a gate its half of the device's memory: both hold theirs all the time."""
    import torch

    torch.cuda.set_per_process_memory_fraction(0.48, device)


def poisoned(device: Any) -> bool:
    """Whether the CUDA context of this process has failed for good, as after a device-side assertion."""
    if device.type != "cuda":
        return False
    import torch

    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
