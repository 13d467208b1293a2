"""The near end of a live process: one request at a time; the process is stopped once it has replied."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path

from harness.errors import HarnessError
from harness.measure.correctness import WrongResult
from harness.measure.runner import Reading, Round, TreeUsage
from harness.model import FunctionTime
from harness.probes import NoSnapshot
from harness.processes.cpu_limit import CpuLimit
from harness.processes.live import ChannelClosed, LiveProcess, exit_reason
from harness.processes.logs import last_words
from harness.workers import codec, tensors
from harness.workers.codec import Failure, FailureKind, R, Request
from harness.workers.variant_requests import (
    FindFunctions,
    FindHeldBytes,
    RequestFirstCall,
    RequestProfile,
    RequestReading,
    RequestRound,
    RequestSetup,
    RequestSnapshot,
    RequestTeardown,
)


class WorkerFailed(HarnessError):
    """What a variant in another process raised, or how that process ended.

    ``readings`` are numbers that came with it; ``file`` is the one that is to blame, if any; ``refused`` is
    set where this machine cannot do what was requested.
    """

    def __init__(
        self,
        reason: str,
        readings: Mapping[str, float] | None = None,
        file: str | None = None,
        *,
        refused: bool = False,
    ) -> None:
        super().__init__(reason)
        self.readings = dict(readings or {})
        self.file = file
        self.refused = refused


class WorkerClient:
    """A live process that runs only while it has a request to reply to.

    ``place`` is where it may leave files, ``timeout`` the seconds that a reply may take, ``name`` is for
    messages. With ``cpu_time`` these are CPU-seconds of the process, and ``longest`` is how many of wall time
    there are.
    """

    def __init__(
        self, name: str, process: LiveProcess, place: Path, timeout: float, *, cpu_time: bool = False
    ) -> None:
        self.name = name
        self.pid = process.pid
        self.place = place
        self.timeout = timeout
        self.longest = inf
        self._cpu_time = cpu_time
        self._process = process

    @property
    def ended(self) -> bool:
        """Whether its process is known to have ended."""
        return self._process.ended

    def request(self, request: Request[R], limit: CpuLimit | None = None) -> R:
        """Resume the process, send it a request, and stop it again when it has replied.

        ``limit`` is as for `reply`. Raises WorkerFailed, WrongResult, TimeoutError.
        """
        self._process.resume()
        try:
            codec.send(self._process.channel, request)
            if limit is None and self._cpu_time:
                limit = CpuLimit(self.pid, self.timeout, longest=self.longest)
            reply = self.reply(limit)
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        finally:
            self._process.pause()
        expected = codec.reply_type(request)
        if not isinstance(reply, expected):
            raise TypeError(
                f"{self.name} replied to {type(request).__name__} with {reply}, not {expected.__name__}"
            )
        return reply

    def reply(self, limit: CpuLimit | None = None) -> codec.Message:
        """The next message, within ``timeout`` seconds, of CPU time where ``limit`` counts it.

        A process that sends nothing in time is ended. Raises WorkerFailed, WrongResult, TimeoutError.
        """
        spent = ""
        try:
            if limit is None:
                reply = codec.receive(self._process.channel, self.timeout)
            else:
                # Once more when it is spent: what was sent in time counts, however late we are ourselves.
                look = min(0.5, self.timeout)
                while (
                    reply := codec.receive(self._process.channel, 0.0 if spent else look)
                ) is None and not spent:
                    spent = limit.spent()
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        match reply:
            case None:
                self._process.end()
                late = f": {spent}" if spent else f" in {self.timeout:g} s"
                raise TimeoutError(f"no answer from {self.name}{late}; its process was ended")
            case Failure(reason, FailureKind.WRONG):
                raise WrongResult(reason)
            case Failure(reason, kind, readings, file):
                raise WorkerFailed(reason, readings, file, refused=kind is FailureKind.REFUSED)
        return reply

    def send(self, message: codec.Message) -> None:
        """Send what has no reply yet; the process is stopped again at once. Raises WorkerFailed.

        It runs meanwhile: a pipe takes 64 KiB, and a stopped process reads nothing.
        """
        self._process.resume()
        try:
            codec.send(self._process.channel, message)
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        finally:
            self._process.pause()

    def receive(self) -> codec.Message:
        """Resume the process until it sends something, and stop it again; ``timeout`` is CPU time here.

        Raises WorkerFailed, TimeoutError.
        """
        self._process.resume()
        try:
            return self.reply(CpuLimit(self.pid, self.timeout))
        finally:
            self._process.pause()

    def _last_words(self) -> str:
        status = self._process.end()
        return f"{exit_reason(status)}: {last_words(self.place.with_suffix('.log'), killed=status < 0)}"


class RemoteRunner:
    """A variant in another process; ``tree``, if given, watches that process from outside."""

    def __init__(self, name: str, client: WorkerClient, tree: TreeUsage | None = None) -> None:
        self.name = name
        self.client = client
        self._tree = tree
        self._window_seconds = 0.0

    @property
    def window_seconds(self) -> float:
        """What the variant states there."""
        return self._window_seconds

    @property
    def pid(self) -> int:
        """The process id."""
        return self.client.pid

    def setup(self) -> None:
        """Set the variant up there."""
        self.client.request(RequestSetup(self.name))

    def first_call(self) -> tuple[float, object]:
        """The first iteration there; its result comes here as a file of tensors."""
        path = self.client.place.with_suffix(".pt")
        seconds = self._call_first(path)
        result = tensors.load(path)
        path.unlink()
        return seconds, result

    def _call_first(self, path: Path | None) -> float:
        done = self.client.request(RequestFirstCall(self.name, path))
        self._window_seconds = done.window_seconds
        return done.seconds

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round there; what the process tree spent on it is read from outside, before and after.

        A window's is read there: its lead-in is none of it.
        """
        tree = None if self._window_seconds else self._tree
        before = tree.cpu_seconds() if tree else 0.0
        found = self.client.request(RequestRound(self.name, iterations, lead)).round
        if tree:
            spent = max(0.0, tree.cpu_seconds() - before) / (iterations + lead) / found.part
            found = replace(found, readings={**found.readings, "cpu_seconds": spent})
        return found

    def read(self, metric: str) -> Reading | None:
        """A reading taken there while the other processes are stopped; memory of its processes is read from
        outside."""
        if metric == "tree_bytes":
            return self._footprint()
        return self.client.request(RequestReading(self.name, metric)).reading

    def snapshot(self, path: Path) -> None:
        """A snapshot taken, and written, there."""
        if absent := self.client.request(RequestSnapshot(self.name, path)).absent:
            raise NoSnapshot(absent)

    def _footprint(self) -> Reading:
        """The memory of its process tree, which holds this variant alone; it is stopped while it is read."""
        if self._tree is None:
            raise WorkerFailed(f"the memory of {self.name} is not known: no process tree watches it")
        workers = {member.pid for member in self._tree.members()[1:]}
        bytes_held, source = self._tree.memory_with(workers)
        return float(bytes_held), f"{source}, after its first epoch, in a live process of its own"

    def profile(self, file: Path) -> None:
        """Have a traced pass made there, into ``file``."""
        self.client.request(RequestProfile(self.name, file))

    def functions(self) -> tuple[FunctionTime, ...]:
        """Which Python functions an iteration there spends its time in."""
        return self.client.request(FindFunctions(self.name)).functions

    def held_at_peak(self) -> dict[str, int]:
        """Bytes alive at the peak of an iteration there, by the operator that allocated them."""
        return dict(self.client.request(FindHeldBytes(self.name)).held)

    def teardown(self) -> None:
        """Tidy up there; a process that is gone already has nothing to tidy."""
        with suppress(WorkerFailed):
            self.client.request(RequestTeardown(self.name))
