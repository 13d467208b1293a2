"""Requests to a process about the variants that it holds, and the replies; `harness.workers.codec` carries
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from harness.measure.runner import Reading, Round
from harness.model import FunctionTime
from harness.workers.codec import Message, R, Request


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """No more requests come about this case."""


@dataclass(frozen=True, slots=True)
class Done(Message):
    """It was done."""


@dataclass(frozen=True, slots=True)
class FirstCallDone(Message):
    """What the first call took; its result is in the file that the request named.

    ``window_seconds`` is about how long a round takes that is a window; 0 for rounds of iterations.
    """

    seconds: float
    window_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RoundDone(Message):
    """A round of the variant."""

    round: Round


@dataclass(frozen=True, slots=True)
class ReadingTaken(Message):
    """A number and where it comes from; None where there is no such reading here."""

    reading: Reading | None


@dataclass(frozen=True, slots=True)
class SnapshotDone(Message):
    """The snapshot was written, or why there is none."""

    absent: str = ""


@dataclass(frozen=True, slots=True)
class FunctionsFound(Message):
    """Where an iteration spends its time, by Python function."""

    functions: tuple[FunctionTime, ...]


@dataclass(frozen=True, slots=True)
class HeldBytesFound(Message):
    """Bytes alive at the peak of an iteration, by the operator that allocated them."""

    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VariantRequest(Request[R], Generic[R]):
    """A request about one of the variants that a process holds."""

    variant: str


@dataclass(frozen=True, slots=True)
class RequestSetup(VariantRequest[Done]):
    """Set the variant up."""


@dataclass(frozen=True, slots=True)
class RequestFirstCall(VariantRequest[FirstCallDone]):
    """Run the first iteration; its result goes to ``path``, or is checked there where none is given."""

    path: Path | None = None


@dataclass(frozen=True, slots=True)
class RequestRound(VariantRequest[RoundDone]):
    """Run a round of ``iterations`` after an untimed lead-in of ``lead`` iterations."""

    iterations: int
    lead: int


@dataclass(frozen=True, slots=True)
class RequestReading(VariantRequest[ReadingTaken]):
    """Take one of `harness.measure.runner.READINGS`."""

    metric: str


@dataclass(frozen=True, slots=True)
class RequestSnapshot(VariantRequest[SnapshotDone]):
    """Write a snapshot of the allocator to ``path``."""

    path: Path


@dataclass(frozen=True, slots=True)
class RequestProfile(VariantRequest[Done]):
    """Make a traced pass, into ``path``."""

    path: Path


@dataclass(frozen=True, slots=True)
class FindFunctions(VariantRequest[FunctionsFound]):
    """Find the Python functions that an iteration spends its time in."""


@dataclass(frozen=True, slots=True)
class FindHeldBytes(VariantRequest[HeldBytesFound]):
    """Find what is alive at the peak of an iteration."""


@dataclass(frozen=True, slots=True)
class RequestTeardown(VariantRequest[Done]):
    """Tidy up."""
