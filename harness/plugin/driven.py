"""Sessions: what a pytest process does with the contests it is asked to hold."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest

from harness import store
from harness.contest.effort import Effort
from harness.contest.hold import failure
from harness.contest.measure import Asked, Terms, local, measure
from harness.contest.solo import solo
from harness.contest.turnstile import Seating, serve
from harness.contest.variant import Unavailable, Variant
from harness.launch import pytest_command
from harness.model import Claim, Measurement, Status
from harness.processes import Channel, Message


class Session:
    """What every session knows: the device and the data. Measures a contest and hands the measurement back."""

    def __init__(self, device: str = "auto", data: Path | None = None, effort: Effort | None = None) -> None:
        self._device_name = device
        self.data = data
        self._effort = effort or Effort()

    @cached_property
    def _device(self) -> Any:
        import torch

        name = self._device_name
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cuda" and not torch.cuda.is_available():
            raise pytest.UsageError("--device cuda was asked for, and torch sees no CUDA device here")
        return torch.device(name)

    def device(self) -> Any:
        """Where benchmarks run."""
        return self._device

    def begin(self, case: str) -> None:
        """A case is about to be set up."""

    def without_measurement(self, case: str, claim: Claim, *, skipped: bool, reason: str) -> None:
        """A case ended without a measurement; in plain pytest its own report says so."""

    def hold(self, case: str, claim: Claim, asked: Asked, target: str, root: Path) -> Measurement | None:
        """Measure with the standard effort, or just once; a variant that is wrong or fails fails the test."""
        terms = Terms(self.device(), self._effort, seed=Random().getrandbits(32), invocation=1,
                      seat=_seating(self, case, target, root))
        return measure(case, claim, asked, terms)


def plain(config: pytest.Config) -> Session:
    """The session of somebody who typed ``pytest benchmarks``."""
    data = config.getoption("--harness-data")
    # --benchmark-disable asks whether benchmarks run, not how fast: one block, and no rounds of 5 ms.
    quick = config.getoption("benchmark_disable", False)
    effort = Effort(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=1, warmup_limit=0.0) if quick else None
    return Session(config.getoption("--harness-device"), Path(data) if data else None, effort)


class Driven(Session):
    """A session that another process of ours drives over a channel."""

    broken: ClassVar[dict[str, str]] = {}

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._plan: Message = {}
        self._writer: store.Writer | None = None
        self._held: set[str] = set()

    def choose(self, items: Mapping[str, Any]) -> list[Any]:
        """Say what is here, wait for the plan, and give its items in the order to run."""
        self._channel.send(event="ready", cases=list(items), broken=self.broken)
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
        if plan["do"] == "measure":
            Random(plan["seed"]).shuffle(wanted)
        if plan["do"] in ("measure", "solo"):
            from harness.environment import fingerprint

            self._writer = store.open_invocation(
                Path(plan["folder"]), plan["name"], environment=fingerprint(), planned=plan["cases"]
            )
        elif plan["do"] == "roll call":
            from harness.environment import fingerprint, unusable_gpu

            self._channel.send(event="environment", environment=fingerprint(), unusable=unusable_gpu())
        return [items[case] for case in wanted]

    def begin(self, case: str) -> None:
        """Say which case comes now: whoever drives keeps its time limit."""
        if self._plan["do"] != "seat":
            self._channel.send(event="begins", case=case)

    def hold(self, case: str, claim: Claim, asked: Asked, target: str, root: Path) -> Measurement | None:
        """Do with the contest what the plan says.

        ``pytest.skip`` and the like pass through everything: the case then ends without a measurement.
        """
        match self._plan["do"]:
            case "roll call":
                self._note(case, claim, asked)
            case "seat":
                self._sit(claim, asked)
            case "solo":
                self._keep(solo(case, claim, asked, self._terms(case, target, root), self._plan["variant"]))
            case "measure":
                self._keep(measure(case, claim, asked, self._terms(case, target, root)))
        self._held.add(case)
        return None

    def without_measurement(self, case: str, claim: Claim, *, skipped: bool, reason: str) -> None:
        """Record a case that skipped or failed before its contest was over."""
        if case in self._held:
            return
        self._held.add(case)
        status = Status.SKIPPED if skipped else Status.FAILED
        if self._plan["do"] in ("roll call", "seat"):
            self._channel.send(event=str(status), case=case, error=reason)
        else:
            survey = self._plan["do"] == "solo"
            self._keep(Measurement(case, claim.name, self._plan["invocation"], status, reason, survey=survey))

    def _note(self, case: str, claim: Claim, asked: Asked) -> None:
        absent = {name: given.reason for name, given in asked.variants.items() if isinstance(given, Unavailable)}
        self._channel.send(event="case", case=case, claim=claim.name, variants=list(asked.variants), unavailable=absent)

    def _sit(self, claim: Claim, asked: Asked) -> None:
        name = self._plan["variant"]
        given = asked.variants[name]
        assert isinstance(given, Variant)
        serve(self._channel, local(name, given, claim, self.device()), failure)

    def _terms(self, case: str, target: str, root: Path) -> Terms:
        stated = self._plan["cases"][case]
        return Terms(
            device=self.device(),
            effort=Effort(**stated["effort"]),
            seed=self._plan["seed"],
            invocation=self._plan["invocation"],
            variants=stated["variants"],
            memory=stated["memory"],
            seat=_seating(self, case, target, root),
        )

    def _keep(self, measurement: Measurement) -> None:
        assert self._writer is not None
        try:
            store.write_measurement(self._writer, measurement)
        except store.StoreError as error:
            self._channel.send(event="error", reason=str(error))
            pytest.exit(str(error), returncode=2)
        self._channel.send(event="ends", case=measurement.case)


def _seating(session: Session, case: str, target: str, root: Path) -> Seating:
    """How to start a live process for one variant of this case: the same interpreter, the same file."""

    def seating(variant: str) -> tuple[list[str], Message]:
        plan = {"do": "seat", "cases": [case], "variant": variant, "device": session.device().type,
                "data": str(session.data) if session.data else None}
        return pytest_command(sys.executable, root, [target]), plan

    return seating
