"""Resuming a gate that was killed, interrupted or out of time: what it has, and whether it can go on here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.bench.resume import check_same
from harness.errors import UsageError
from harness.gate.builds.prepare import CACHES
from harness.gate.settings import GateSettings
from harness.model import Measurement, Side
from harness.plural import counted
from harness.program import advised
from harness.store.gates import GateJournal
from harness.store.parts import discard_part, next_part
from harness.workers.protocol import SideInfo

_UNIT_LOG = re.compile(r"unit-(\d{1,9})-(?:base|head)\.log")


@dataclass(frozen=True, slots=True)
class GateResumption:
    """A gate that is resumed, the number of the part that is to come, and of its last unit."""

    journal: GateJournal
    part: int
    unit: int

    @classmethod
    def of(cls, journal: GateJournal) -> GateResumption:
        """What comes after all that is in the gate's folder. Raises UsageError for one that does not say what
        it compared."""
        if not journal.request:
            raise UsageError(
                f"--resume: {journal.folder} does not say what it compared, as gates of earlier versions and "
                f"those that were killed at once do not; gate again: {advised('gate')}"
            )
        units = [pair.invocation for _, pair in journal.pairs]
        units += [
            int(match[1]) for path in journal.folder.iterdir() if (match := _UNIT_LOG.fullmatch(path.name))
        ]
        return cls(journal, next_part(journal.folder), max(units, default=0))

    def check_request(self, request: Mapping[str, object]) -> None:
        """Raises OtherEnvironment if something else is to be compared, or in another way."""
        check_same(self.journal.request, request, self.journal.folder, _anew())

    def check_sides(self, info: Mapping[Side, SideInfo]) -> None:
        """Raises OtherEnvironment if a side is not what it was, as far as the record says what that was."""
        for name, now in reported(info).items():
            then = self.journal.header.get(name, {})
            check_same(_lasting(then), _lasting(now), self.journal.folder, _anew())

    def known(self) -> dict[tuple[str, str], list[Measurement]]:
        """What was measured of each variant of each case, by what the case is judged on."""
        found: dict[tuple[str, str], list[Measurement]] = {
            (case, variant): [] for case, variants in self.journal.variants.items() for variant in variants
        }
        for variant, pair in self.journal.pairs:
            found.setdefault((pair.case, variant), []).append(pair)
        return found

    def described(self, decided: int, decisions: int) -> str:
        """What is there already, in one line."""
        pairs = counted(len(self.journal.pairs), "pair")
        return f"going on with {self.journal.folder}: it has {pairs} of samples, {decided} of {decisions} decided"

    def discard(self) -> None:
        """Remove what a part that measured nothing has left: the gate is as it was."""
        discard_part(self.journal.folder, self.part)
        for path in self.journal.folder.iterdir():
            if (match := _UNIT_LOG.fullmatch(path.name)) and int(match[1]) > self.unit:
                path.unlink()


_ENVIRONMENTS = {Side.BASE: "base_environment", Side.HEAD: "environment"}


def _lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    """An environment without the folders for caches, which are made for one gate."""
    variables = environment.get("variables")
    if not isinstance(variables, Mapping):
        return dict(environment)
    kept = {name: value for name, value in variables.items() if name not in CACHES}
    return {**environment, "variables": kept}


def _anew() -> str:
    return f"gate again: {advised('gate')}"


def reported(info: Mapping[Side, SideInfo]) -> dict[str, Any]:
    """What both sides report of themselves, as the record has it: where packages lie is another place each
    time."""
    # Sides reply in any order, and what differs is named in that of the record.
    sides = [(side, info[side]) for side in Side if side in info]
    found: dict[str, Any] = {_ENVIRONMENTS[side]: dict(one.environment) for side, one in sides}
    packages = {str(side): {each.name: each.digest for each in one.packages} for side, one in sides}
    return {**found, "packages": packages}


def request_of(settings: GateSettings, sources: Mapping[str, str]) -> dict[str, Any]:
    """What a gate is to compare, and how: all that must be the same where it is resumed.

    ``sources`` are digests of the benchmark files.
    """
    sides: Sequence[Any] = [
        # What was built has another interpreter each time; its version is in the environment.
        {"variables": dict(one.shown), **({} if settings.under_test else {"python": one.python})}
        for one in settings.sides
    ]
    return {
        "benchmarks": str(settings.benchmarks),
        "sources": dict(sources),
        "claims": {f"{claim.path}::{claim.function}": asdict(claim) for claim in settings.claims},
        "thresholds": asdict(settings.thresholds),
        "device": settings.device,
        "data": str(settings.data or ""),
        "accepted": sorted(settings.accepted),
        "under_test": list(settings.under_test),
        "sides": dict(zip(map(str, Side), sides, strict=True)),
    }
