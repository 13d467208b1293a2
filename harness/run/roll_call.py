"""The roll call: what the benchmarks say when they are called by name, before anything is measured."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.model import Claim, Measurement, Status
from harness.processes import Message


class CrewError(Exception):
    """No process could be made to measure; the message has its last words."""


@dataclass(slots=True)
class RollCall:
    """What the benchmarks said when they were called by name, before anything was measured."""

    environment: dict[str, Any] = field(default_factory=dict)
    unusable_gpu: str = ""
    cases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unavailable: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def answered(self) -> set[str]:
        """The cases of which anything is known."""
        return {*self.cases, *self.skipped, *self.failed}

    def keep(self, functions: Container[str]) -> None:
        """Forget the cases of other functions (``path::function``): a file's other benchmarks were called, too."""
        for cases in (self.cases, self.skipped, self.failed):
            for case in [case for case in cases if case.partition("[")[0] not in functions]:
                del cases[case]

    def absent(self, claims: Sequence[Claim]) -> list[Measurement]:
        """The record of what will not be measured: cases that were skipped or failed, files that cannot be imported."""
        by_function = {f"{claim.path}::{claim.function}": claim for claim in claims}
        absent = [
            Measurement(case, by_function[case.partition("[")[0]].name, 0, status, reason)
            for status, cases in ((Status.SKIPPED, self.skipped), (Status.FAILED, self.failed))
            for case, reason in cases.items()
        ]
        return absent + [
            Measurement(function, claim.name, 0, Status.FAILED, self.broken[claim.path])
            for function, claim in by_function.items()
            if claim.path in self.broken
        ]

    def hear(self, message: Message) -> None:
        """Take in what a process said. Raises CrewError where it said that nothing can be measured."""
        match message.get("event"):
            case "error":
                raise CrewError(message["reason"])
            case "environment":
                self.environment = message["environment"]
                self.unusable_gpu = message["unusable"] or ""
            case "case":
                self.cases[message["case"]] = tuple(message["variants"])
                self.unavailable[message["case"]] = message["unavailable"]
            case "skipped":
                self.skipped[message["case"]] = message["error"]
            case "failed":
                self.failed[message["case"]] = message["error"]
