"""What Slurm's own commands answer: the states of jobs, and the nodes of a partition."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.place import JobState, Phase
from harness.errors import HarnessError

ANSWERS = 60.0
"""Seconds after which a command that does not answer is given up: a busy scheduler takes many."""

_FIELDS = (("JobID", 24), ("State", 24), ("exit_code", 12), ("Reason", 80))
"""What is asked of squeue, in columns of these widths: texts may be empty."""

_OVER = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
     "REVOKED", "TIMEOUT")
)  # fmt: skip
_WAITING = frozenset(
    ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT")
)
_NEVER = frozenset(
    ("AccountNotAllowed", "AssocMaxWallDurationPerJobLimit", "BadConstraints", "DependencyNeverSatisfied",
     "InvalidAccount", "InvalidQOS", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "QOSNotAllowed",
     "QOSMaxWallDurationPerJobLimit")
)  # fmt: skip
"""Reasons for waiting that do not pass by themselves."""

_USABLE = frozenset(("idle", "mixed", "allocated", "completing", "planned"))


class QueueError(HarnessError):
    """A command of Slurm's that failed; the message is its own."""


@dataclass(frozen=True, slots=True)
class SlurmNode:
    """A node as sinfo shows it."""

    name: str
    state: str
    features: frozenset[str]

    @property
    def usable(self) -> bool:
        """Whether a job could begin there, now or after others."""
        word = re.match("[a-z_]*", self.state)
        return word is not None and word[0] in _USABLE and not set("*$") & set(self.state)


class Queue:
    """The commands, by their names: those that are on the PATH."""

    def __init__(self) -> None:
        self._accounts = True

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState] | None:
        """What squeue knows, by one question for all jobs of the user, and sacct of the others if it
        answers."""
        wanted = frozenset(ids)
        form = ",".join(f"{name}:{width}" for name, width in _FIELDS)
        try:
            found = read_squeue(
                _answer("squeue", "-h", "-a", "-t", "all", "-u", str(os.getuid()), "-O", form)
            )
        except QueueError:
            return None
        found = {name: state for name, state in found.items() if name in wanted}
        if (rest := wanted - found.keys()) and self._accounts:
            try:
                words = ("-n", "-X", "-P", "-o", "JobID,State,ExitCode", "-j", ",".join(sorted(rest)))
                found |= read_sacct(_answer("sacct", *words))
            except QueueError:
                self._accounts = False  # without accounting it never answers
        return found

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel these jobs. Raises QueueError."""
        _answer("scancel", *ids)

    def partitions(self) -> tuple[str, ...]:
        """The names of all partitions, the default one first. Raises QueueError."""
        names = _answer("sinfo", "-h", "-o", "%P").split()
        return tuple(
            dict.fromkeys(name.rstrip("*") for name in sorted(names, key=lambda name: name[-1:] != "*"))
        )

    def nodes(self, partition: str) -> tuple[SlurmNode, ...]:
        """The nodes of a partition, in the order of their names. Raises QueueError."""
        return read_sinfo(_answer("sinfo", "-h", "-N", "-p", partition, "-o", "%N|%T|%f"))


def read_squeue(text: str) -> dict[str, JobState]:
    """The states of jobs by their numbers, from squeue's columns."""
    found = {}
    for line in text.splitlines():
        cells, start = {}, 0
        for name, width in _FIELDS:
            cells[name] = line[start : start + width].strip()
            start += width
        if cells["JobID"].isdigit():
            code = int(cells["exit_code"]) if cells["exit_code"].isdigit() else 0
            # A wait status, as the operating system has it: the exit status above the signal.
            found[cells["JobID"]] = _state(cells["State"], cells["Reason"], code >> 8, code & 127)
    return found


def read_sacct(text: str) -> dict[str, JobState]:
    """The same from sacct's lines: ``12|CANCELLED by 0|0:15``."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition("|")
        state, _, codes = rest.partition("|")
        code, _, number = codes.partition(":")
        if name.isdigit() and state:
            codes_known = code.isdigit() and number.isdigit()
            found[name] = _state(state.split()[0], "", *((int(code), int(number)) if codes_known else (0, 0)))
    return found


def read_sinfo(text: str) -> tuple[SlurmNode, ...]:
    """The nodes of sinfo's lines ``name|state|features``."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition("|")
        state, _, features = rest.partition("|")
        if name:
            found[name] = SlurmNode(name, state, frozenset(features.replace("(null)", "").split(",")) - {""})
    return tuple(found[name] for name in sorted(found))


def _state(word: str, reason: str, code: int, number: int) -> JobState:
    if word in _OVER:
        return JobState(Phase.OVER, word, exit_code=code, signal=number)
    waits = word in _WAITING
    return JobState(
        Phase.WAITING if waits else Phase.RUNNING,
        word,
        reason if waits else "",
        stuck=waits and reason in _NEVER,
    )


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWERS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QueueError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise QueueError(
            " ".join(done.stderr.split()) or f"{command[0]} ended with exit status {done.returncode}"
        )
    return done.stdout
