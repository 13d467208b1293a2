"""Collection: what is known of every case before anything is measured."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import HarnessError
from harness.model import (
    FIXTURE,
    CaseWarning,
    Claim,
    Collected,
    Measurement,
    Status,
    WarningCode,
    benchmark_of,
)
from harness.workers.codec import Failure, Message
from harness.workers.protocol import CaseAbsent, CaseFound, EnvironmentFound, ResultSketch

NO_CASE = "the file was imported, and pytest found no such function in it: is it deleted, or replaced, further down?"
"""Why a benchmark has no case that its file's text has."""


NO_TEST = "pytest collects no such test"
"""The same of a test that uses pytest-benchmark: what its class, or a condition, hides from pytest is no
test."""


def absent_case(claim: Claim) -> tuple[Status, str]:
    """What became of a benchmark whose file was imported and that has no case in it."""
    return (Status.SKIPPED, NO_TEST) if claim.fixture == FIXTURE else (Status.FAILED, NO_CASE)


class WorkerError(HarnessError):
    """No process could be made to measure; the message has its last words."""


class FileLost(WorkerError):
    """A process did not get past the import of a file, for this ``reason``."""

    def __init__(self, file: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.reason = reason


class Refused(WorkerError):
    """This machine cannot measure what was requested (a device that it lacks, say); nothing was begun."""


@dataclass(slots=True)
class Collection:
    """What became of every case when its benchmark was called up to its measurement."""

    environment: dict[str, Any] = field(default_factory=dict)
    unusable_gpu: str = ""
    cases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unavailable: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    collected: Collected = field(default_factory=Collected)
    results: dict[str, ResultSketch] = field(default_factory=dict)
    without_case: set[str] = field(default_factory=set)

    @property
    def answered(self) -> set[str]:
        """The cases of which something is known."""
        return {*self.cases, *self.skipped, *self.failed}

    def keep(self, functions: Container[str]) -> None:
        """Forget the cases of other functions (``path::function``): all benchmarks of a file were called."""
        self.keep_cases(lambda case: benchmark_of(case) in functions)

    def keep_cases(self, wanted: Callable[[str], bool]) -> None:
        """Forget all cases but those that are wanted."""
        for cases in (self.cases, self.skipped, self.failed):
            for case in [case for case in cases if not wanted(case)]:
                del cases[case]

    def account_for(self, claims: Sequence[Claim]) -> None:
        """Give every benchmark without a case its reason: what became of its file, or that pytest found none
        in it."""
        found = {benchmark_of(case) for case in self.answered}
        for claim in claims:
            function = f"{claim.path}::{claim.function}"
            if function not in found:
                known = self.collected.why_absent(function)
                status, reason = known or absent_case(claim)
                (self.skipped if status is Status.SKIPPED else self.failed)[function] = reason
                if known is None or function in self.collected.removed:
                    self.without_case.add(function)

    def absent(self, claims: Sequence[Claim]) -> list[Measurement]:
        """The record of what will not be measured: cases that were skipped or failed."""
        by_function = {f"{claim.path}::{claim.function}": claim for claim in claims}
        return [
            Measurement(
                case,
                by_function[benchmark_of(case)].name,
                0,
                status,
                reason,
                warnings=(CaseWarning(WarningCode.NO_CASE, detail=reason),)
                if status is Status.SKIPPED and case in self.without_case
                else (),
            )
            for status, cases in ((Status.SKIPPED, self.skipped), (Status.FAILED, self.failed))
            for case, reason in cases.items()
        ]

    def take(self, message: Message) -> None:
        """Take in what a process reported. Raises Refused where nothing can be measured."""
        match message:
            case Failure(reason):
                raise Refused(reason)
            case EnvironmentFound(environment, unusable):
                self.environment, self.unusable_gpu = dict(environment), unusable
            case CaseFound(case, variants, unavailable, result):
                self.cases[case], self.unavailable[case] = variants, dict(unavailable)
                if result is not None:
                    self.results[case] = result
            case CaseAbsent(case, Status.SKIPPED, reason):
                self.skipped[case] = reason
            case CaseAbsent(case, _, reason):
                self.failed[case] = reason
