"""Where jobs run: the port that the driver knows, whatever runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from harness.cluster.job import NodeJob
from harness.errors import HarnessError


class SubmitError(HarnessError):
    """A job was not taken; the message has the reason for which it was refused."""


class Phase(StrEnum):
    """How far a job has come, by what runs it."""

    WAITING = "waiting"
    RUNNING = "running"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of a job: its scheduler's own ``word``, the reason for which it waits, and what its
    process ended with. One that is ``stuck`` would wait for ever."""

    phase: Phase = Phase.UNKNOWN
    word: str = ""
    reason: str = ""
    exit_code: int | None = None
    signal: int = 0
    stuck: bool = False

    @property
    def fault(self) -> bool:
        """Whether the node or the scheduler ended the job, and not what it did."""
        return self.word in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that was taken: its number there, and its log."""

    id: str
    log: Path


class Place(Protocol):
    """Where jobs run."""

    in_turn: bool
    """One job at a time: they would disturb each other on one machine."""

    poll: float
    """Seconds between two looks."""

    def submit(self, job: NodeJob) -> Submitted:
        """Have it run. Raises SubmitError."""

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState] | None:
        """What is known of these jobs, all by one question; None where nobody answers now."""

    def cancel(self, ids: Iterable[str]) -> None:
        """End these jobs as Ctrl-C would: they write the ends of their records."""

    def usable(self, node: str) -> bool:
        """Whether a job could begin on this node, now or after others."""
