"""Measuring processes before their turn: a few import torch side by side, and wait, stopped, for their
plans."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import SystemRandom

from harness.model import Activity, Claim, Collected, Span
from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import measuring_environment, pytest_command
from harness.processes.live import ChannelClosed, LiveProcess, Reaper, exit_reason
from harness.processes.logs import last_words
from harness.workers.codec import Message, receive
from harness.workers.collect import FileLost, WorkerError
from harness.workers.protocol import Importing, Ready


def _unseen(_: Span) -> None:
    """What a process did is of no interest."""


START_LIMIT = 180.0
"""CPU-seconds a process may take to import a benchmark file."""

SHORTEST = 30.0
"""Seconds that a file or a call may do nothing in any case: torch is read from a disk that may be slow."""


@dataclass(frozen=True, slots=True)
class SpareWorker:
    """A measuring process, the benchmark files that it imports, and the log of what it prints.

    ``kept`` is whether the log outlives the command; ``number`` is that of the log.
    """

    process: LiveProcess
    files: frozenset[str]
    log: Path
    kept: bool = True
    number: int = 0

    def ending(self, status: int) -> str:
        """Why it ended with that exit status, as far as its log shows."""
        return f"{exit_reason(status)}: {last_words(self.log, killed=status < 0)}{self.where(' (see {})')}"

    def where(self, words: str = "; see {}") -> str:
        """Where the rest is to be read; empty where the log is gone by then."""
        return words.format(self.log) if self.kept else ""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How measuring processes are started, and on what they work.

    ``python`` is their interpreter, ``root`` the folder of benchmarks, ``folder`` where logs and records go,
    which outlives the command if ``keeps_logs``. ``device`` is ``auto``, ``cpu`` or ``cuda``, ``data`` an
    image folder or None; ``width`` is how many start side by side; ``snapshots`` asks for the allocator's.
    ``borrowed`` is what `borrow_packages` made for a foreign interpreter, ``variables`` are added to the
    environment. ``first`` is the number of the first log: those of an earlier part of a run are kept.
    ``time_limits`` are those of benchmark files, by `file_limits`.
    """

    python: str
    root: Path
    folder: Path
    device: str
    data: Path | None
    width: int = 1
    snapshots: bool = False
    keeps_logs: bool = True
    borrowed: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    first: int = 0
    time_limits: Mapping[str, float] = field(default_factory=dict)

    def idle_limit(self, file: str) -> float | None:
        """Seconds that a process may do nothing while it imports a file, or calls a benchmark of it; None: as
        many as it may work."""
        limit = self.time_limits.get(file)
        return None if limit is None else max(SHORTEST, limit)


def file_limits(claims: Iterable[Claim]) -> dict[str, float]:
    """The time limit of each file: that of the benchmark in it that may take longest."""
    limits: dict[str, float] = {}
    for claim in claims:
        limits[claim.path] = max(limits.get(claim.path, 0.0), claim.time_limit)
    return limits


class SpareWorkers:
    """Starts as many processes at a time as the settings say, and ends those that were not taken.

    Use as a context manager. ``spans`` is called with what a process did, when it has done it.
    """

    def __init__(
        self, settings: WorkerSettings, tick: Callable[[], None], spans: Callable[[Span], object] = _unseen
    ) -> None:
        self._settings = settings
        self._tick = tick
        self._spans = spans
        self._since: dict[int, float] = {}
        self._waiting: list[SpareWorker] = []
        self._started = settings.first
        self._random = SystemRandom()

    def __enter__(self) -> SpareWorkers:
        self._guard = Reaper()
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()
        self._guard.close()

    def start(self, files: frozenset[str]) -> tuple[SpareWorker, Collected]:
        """One process beside those that wait, running, and what it found in the files. Raises WorkerError,
        FileLost where one of them is to blame."""
        worker = self._launch(files, self._settings.first)
        return worker, self._ready(worker)

    def acquire(self, files: frozenset[str], ahead: int, also: frozenset[str] = frozenset()) -> SpareWorker:
        """A process that has imported these files, stopped; started now, with others, where none is waiting.

        ``ahead`` is how many are likely to be taken; those that are started import ``also`` what later ones
        need. Raises WorkerError.
        """
        for index, worker in enumerate(self._waiting):
            if files <= worker.files:
                return self._taken(self._waiting.pop(index))
        self.close()
        count = max(1, min(self._settings.width, ahead))
        started = [self._launch(files | also, self._started + 1 + index) for index in range(count)]
        self._started += count
        for worker in started:
            try:
                self._ready(worker)
            except WorkerError:
                for other in started:
                    other.process.end()
                raise
            worker.process.pause()
            self._waiting.append(worker)
        return self._taken(self._waiting.pop(0))

    def _taken(self, worker: SpareWorker) -> SpareWorker:
        """It waits no longer."""
        self._span(worker, Activity.WAITING)
        return worker

    def _span(self, worker: SpareWorker, activity: Activity) -> None:
        """What it did since it was last looked at."""
        now = time.monotonic()
        begin, self._since[worker.process.pid] = self._since.get(worker.process.pid, now), now
        self._spans(Span(worker.number, activity, begin, now))

    def receive(self, worker: SpareWorker, limit: float) -> Message | None:
        """The next message before ``limit`` (monotonic seconds); the screen is kept up to date once a second.

        Raises ChannelClosed.
        """
        while True:
            left = limit - time.monotonic()
            # At the limit too: what was sent in time counts, however late we are ourselves.
            message = receive(worker.process.channel, min(1.0, max(0.0, left)))
            if message is not None or left <= 0:
                return message
            self._tick()

    def await_message(
        self, worker: SpareWorker, seconds: float, until: float = inf, idle: float | None = None
    ) -> tuple[Message | None, str]:
        """The next message before the process has used that many CPU-seconds, or hangs; else none, and why.

        ``until`` (monotonic seconds) ends it, too; ``idle`` is as for `CpuLimit`. Raises ChannelClosed.
        """
        left = until - time.monotonic()
        allowance = CpuLimit(worker.process.pid, seconds, longest=max(0.0, left), idle=idle)
        spent = ""
        while True:
            # When it is spent, too: what was sent in time counts, however late we are ourselves.
            message = receive(worker.process.channel, 0.0 if spent else min(1.0, max(0.0, left)))
            if message is not None or spent:
                return message, spent
            self._tick()
            spent = allowance.spent()
            left = until - time.monotonic()

    def close(self) -> None:
        """End the processes that wait."""
        for worker in self._waiting:
            self._span(worker, Activity.WAITING)
            worker.process.end()
        self._waiting.clear()

    @property
    def pids(self) -> list[int]:
        """The processes that wait."""
        return [worker.process.pid for worker in self._waiting]

    def _launch(self, files: frozenset[str], number: int) -> SpareWorker:
        settings = self._settings
        log = settings.folder / f"process-{number:03d}.log"
        targets = [str(settings.root / file) for file in sorted(files)]
        seed = {"PYTHONHASHSEED": str(self._random.getrandbits(32))}
        begin = time.monotonic()
        process = LiveProcess(
            pytest_command(settings.python, settings.root, targets),
            guard=self._guard,
            environment={**measuring_environment(settings.borrowed), **settings.variables, **seed},
            log=log,
        )
        self._since[process.pid] = begin
        return SpareWorker(process, files, log, settings.keeps_logs, number)

    def _ready(self, worker: SpareWorker) -> Collected:
        file = ""
        while True:
            try:
                message, spent = self.await_message(worker, START_LIMIT, idle=self._settings.idle_limit(file))
            except ChannelClosed:
                ending = worker.ending(worker.process.end())
                if file:
                    raise FileLost(file, ending, f"no process can import {file}: {ending}") from None
                raise WorkerError(f"no process can measure: {ending}") from None
            match message:
                case Importing(begins):
                    file = begins
                case Ready(collected):
                    self._span(worker, Activity.IMPORT)
                    return collected
                case None:
                    worker.process.end()
                    why = f"a process did not import {file or 'the benchmarks'}: {spent}{worker.where()}"
                    raise FileLost(file, spent, why) if file else WorkerError(why)
                case _:
                    raise AssertionError(message)
