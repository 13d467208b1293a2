"""Measuring processes before their turn: a few import torch side by side, and wait, stopped, to be told what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import measuring_environment, pytest_command
from harness.processes.live import ChannelClosed, LiveProcess, Message, Reaper, exit_reason
from harness.processes.logs import last_words
from harness.workers.collect import WorkerError

START_LIMIT = 180.0
"""CPU-seconds a process may take to import the benchmarks."""


@dataclass(frozen=True, slots=True)
class SpareWorker:
    """A measuring process, the benchmark files that it imports, and the log of what it says.

    ``kept`` says whether the log outlives the command.
    """

    process: LiveProcess
    files: frozenset[str]
    log: Path
    kept: bool = True

    def ending(self, status: int) -> str:
        """Why it ended with that exit status, as far as its log says."""
        return f"{exit_reason(status)}: {last_words(self.log, killed=status < 0)}{self.where(' (see {})')}"

    def where(self, words: str = "; see {}") -> str:
        """Where the rest stands; nothing where that is gone by the time anybody reads it."""
        return words.format(self.log) if self.kept else ""


class SpareWorkers:
    """Starts processes, ``width`` at a time, and ends those that nobody took. Use as a context manager."""

    def __init__(
        self,
        python: str,
        root: Path,
        folder: Path,
        *,
        width: int,
        lent: Path | None,
        tick: Callable[[], None],
        variables: Mapping[str, str],
        keeps_logs: bool = True,
    ) -> None:
        self._python = python
        self._root = root
        self._folder = folder
        self._width = width
        self._lent = lent
        self._tick = tick
        self._variables = dict(variables)
        self._keeps_logs = keeps_logs
        self._waiting: list[SpareWorker] = []
        self._started = 0
        self._random = SystemRandom()

    def __enter__(self) -> SpareWorkers:
        self._guard = Reaper()
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()
        self._guard.close()

    def start(self, files: frozenset[str]) -> tuple[SpareWorker, Message]:
        """One process beside those that wait, running, and what it said when it was ready. Raises WorkerError."""
        recruit = self._launch(files, 0)
        return recruit, self._ready(recruit)

    def acquire(self, files: frozenset[str], ahead: int) -> SpareWorker:
        """A process that has imported these files, stopped; started now, with company, where none is waiting.

        ``ahead`` is how many are likely to be taken. Raises WorkerError.
        """
        for index, recruit in enumerate(self._waiting):
            if files <= recruit.files:
                return self._waiting.pop(index)
        self.close()
        count = max(1, min(self._width, ahead))
        started = [self._launch(files, self._started + 1 + index) for index in range(count)]
        self._started += count
        for recruit in started:
            try:
                self._ready(recruit)
            except WorkerError:
                for other in started:
                    other.process.end()
                raise
            recruit.process.pause()
            self._waiting.append(recruit)
        return self._waiting.pop(0)

    def receive(self, recruit: SpareWorker, limit: float) -> Message | None:
        """The next message before ``limit`` (monotonic seconds); the screen is kept up to date once a second.

        Raises ChannelClosed.
        """
        while True:
            left = limit - time.monotonic()
            # At the limit too: what was said in time counts, however late we are ourselves.
            message = recruit.process.channel.receive(min(1.0, max(0.0, left)))
            if message is not None or left <= 0:
                return message
            self._tick()

    def await_message(self, recruit: SpareWorker, seconds: float) -> tuple[Message | None, str]:
        """The next message before the process has used that many CPU-seconds, or hangs; else none, and why.

        Raises ChannelClosed.
        """
        allowance = CpuLimit(recruit.process.pid, seconds)
        while True:
            spent = allowance.spent()
            # When it is spent, too: what was said in time counts, however late we are ourselves.
            message = recruit.process.channel.receive(0.0 if spent else 1.0)
            if message is not None or spent:
                return message, spent
            self._tick()

    def close(self) -> None:
        """End whoever waits."""
        for recruit in self._waiting:
            recruit.process.end()
        self._waiting.clear()

    @property
    def pids(self) -> list[int]:
        """The processes that wait."""
        return [recruit.process.pid for recruit in self._waiting]

    def _launch(self, files: frozenset[str], number: int) -> SpareWorker:
        log = self._folder / f"process-{number:03d}.log"
        command = pytest_command(self._python, self._root, [str(self._root / file) for file in sorted(files)])
        seed = {"PYTHONHASHSEED": str(self._random.getrandbits(32))}
        environment = {**measuring_environment(self._lent), **self._variables, **seed}
        process = LiveProcess(command, guard=self._guard, environment=environment, log=log)
        return SpareWorker(process, files, log, self._keeps_logs)

    def _ready(self, recruit: SpareWorker) -> Message:
        try:
            message, spent = self.await_message(recruit, START_LIMIT)
        except ChannelClosed:
            raise WorkerError(f"no process can measure: {recruit.ending(recruit.process.end())}") from None
        if message is None:
            recruit.process.end()
            raise WorkerError(f"a process did not import the benchmarks: {spent}{recruit.where()}")
        return message
