"""Runs of one command on several nodes: what was planned, which jobs there were, and how each ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.model.run_end import EndReason, RunEnd


class JobOutcome(StrEnum):
    """How a job ended, by its run's own record first: a scheduler's word alone proves nothing."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """An error ended the run, which says so in its record."""

    CANCELLED = "cancelled"
    """The run was interrupted, and has that in its record: Ctrl-C, scancel, preemption, a time limit."""

    LOST = "lost"
    """Its processes are gone, and its run has no last line."""

    REFUSED = "refused"
    """The scheduler did not take it, or would never have started it."""


def outcome_of(end: RunEnd | None) -> JobOutcome:
    """The outcome of a job by the end of its run; None for a run without one."""
    if end is None:
        return JobOutcome.LOST
    if end.reason is EndReason.INTERRUPTED:
        return JobOutcome.CANCELLED
    return JobOutcome.STOPPED if end.reason is EndReason.STOPPED else JobOutcome.FINISHED


@dataclass(frozen=True, slots=True)
class SetPlan:
    """What a set was to be, written once. ``on`` is where its jobs run, ``started`` an ISO date.

    ``nodes`` are in the order of their names. With ``each``, every node measures every case; otherwise each
    case has its node.
    """

    on: str
    nodes: tuple[str, ...]
    each: bool
    started: str
    command: tuple[str, ...]
    budget: float
    profile: str


@dataclass(frozen=True, slots=True)
class SetJob:
    """A job as it was submitted: its ``name`` is that of its run's folder, ``id`` the scheduler's."""

    name: str
    node: str
    id: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended.

    ``state`` is the scheduler's word, ``exit_code`` the status of the job's process and ``signal`` the one
    that ended it, as far as they are known. ``host`` is the machine that it ran on, empty where it never
    began. ``reason`` is the scheduler's, ``tail`` the end of the log. ``retried`` says that another job took
    its place. ``clock_off`` is by how many seconds the node's clock is ahead of that of the machine that
    submitted.
    """

    name: str
    outcome: JobOutcome
    state: str = ""
    exit_code: int | None = None
    signal: int = 0
    host: str = ""
    reason: str = ""
    tail: tuple[str, ...] = ()
    retried: bool = False
    clock_off: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeNote:
    """What a job writes on its node: where and when (the node's clock) it began, and its exit status, or the
    signal that ended it, once it is over."""

    host: str
    began: float
    exit_code: int | None = None
    signal: int = 0
