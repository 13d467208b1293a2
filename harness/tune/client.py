"""The asking end of the loader processes: they are started afresh for some repetitions, and stopped while
idle.

Kinds that fork and kinds with threads of their own live in separate processes: a fork takes no threads along,
and a lock that one of them holds is never released. No reply is waited for longer than there is time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path

from harness.errors import HarnessError
from harness.loading.loaders import LOADER_KINDS
from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import loader_command, measuring_environment
from harness.processes.live import LiveProcess, Reaper
from harness.tune.messages import LeaveOut, LoaderPlan, SettingRequest
from harness.workers.client import WorkerClient, WorkerFailed
from harness.workers.codec import R, Request

START_LIMIT = 180.0
"""CPU-seconds in which a loader process must have imported torch and found the images."""

REQUEST_LIMIT = 600.0
"""Seconds that one request may take as long as nothing is known to take longer."""


class LoaderWorkerError(HarnessError):
    """A loader process that cannot start, or a request that failed; the message is one line for people.

    ``file`` is the image that cannot be decoded, if that is the reason. ``refused`` means that this machine
    lacks what was requested, a device for instance.
    """

    def __init__(self, reason: str, file: str | None = None, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.file = file
        self.refused = refused


class OutOfTime(LoaderWorkerError):
    """There is no time for a request, or time ran out while it was answered. No setting is at fault."""


class LoaderClient:
    """The loader processes of some repetitions. Use as a context manager: no process outlives it.

    ``plan`` is the first message to each process. ``borrowed`` is what `borrow_packages` made for another
    interpreter. ``left`` gives the seconds that there are; ``limit`` is how many of them one request may
    take. ``start_seconds`` is how long it took to start the last process; None before the first.
    """

    def __init__(
        self,
        python: str,
        plan: LoaderPlan,
        log: Path,
        *,
        borrowed: Path | None = None,
        left: Callable[[], float] = lambda: inf,
    ) -> None:
        self._python = python
        self._plan = plan
        self._log = log
        self._borrowed = borrowed
        self._left = left
        self.limit = REQUEST_LIMIT
        self.start_seconds: float | None = None
        self._stack = ExitStack()
        self._clients: dict[bool, WorkerClient] = {}

    def __enter__(self) -> LoaderClient:
        self._guard = self._stack.enter_context(Reaper())
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def begin(self, kinds: Iterable[str]) -> None:
        """Start the processes that these kinds need and that do not run yet, side by side: importing torch
        takes seconds.

        A process that cannot start raises nothing here; the next request to it does.
        """
        wanted = {LOADER_KINDS[kind].threads for kind in kinds} - self._clients.keys()
        started = {threads: (self._launch(), time.monotonic()) for threads in wanted if self._left() > 0}
        for threads, (process, at) in started.items():
            with suppress(WorkerFailed, TimeoutError):
                self._open(threads, process, at)

    def ask(self, request: Request[R]) -> R:
        """The reply of the process that the request is for, started if it does not run. Raises
        LoaderWorkerError."""
        threads = isinstance(request, SettingRequest) and LOADER_KINDS[request.setting.kind].threads
        return self._send(threads, request)

    def leave_out(self, files: Iterable[str]) -> None:
        """Do without these images from now on, in all processes that run. Raises LoaderWorkerError."""
        for threads in list(self._clients):
            self._send(threads, LeaveOut(tuple(files)))

    def _send(self, threads: bool, request: Request[R]) -> R:
        if self._left() <= 0:
            raise OutOfTime("no time was left")
        try:
            client = self._clients.get(threads) or self._open(threads, self._launch(), time.monotonic())
            client.timeout = self._within(self.limit)
            return client.request(request)
        except (WorkerFailed, TimeoutError) as error:
            # A process that has ended is started again for the next request.
            if (ended := self._clients.get(threads)) is not None and ended.ended:
                del self._clients[threads]
            if isinstance(error, TimeoutError) and self._left() <= 0:
                raise OutOfTime("no time was left") from None
            raise LoaderWorkerError(
                str(error), getattr(error, "file", None), refused=getattr(error, "refused", False)
            ) from None

    def _within(self, seconds: float) -> float:
        """So many seconds, or those that are left."""
        return min(seconds, max(0.0, self._left()))

    def _launch(self) -> LiveProcess:
        process = LiveProcess(
            loader_command(self._python),
            guard=self._guard,
            environment=measuring_environment(self._borrowed),
            log=self._log,
        )
        self._stack.callback(process.end)
        return process

    def _open(self, threads: bool, process: LiveProcess, launched: float) -> WorkerClient:
        folder = self._guard.folder
        place = folder / f"loaders-{len(list(folder.glob('loaders-*.log')))}"
        place.with_suffix(".log").symlink_to(self._log.resolve())
        client = WorkerClient("a loader process", process, place, self._within(self.limit))
        client.request(self._plan, CpuLimit(process.pid, START_LIMIT, longest=max(0.0, self._left())))
        self.start_seconds = time.monotonic() - launched
        self._clients[threads] = client
        return client
