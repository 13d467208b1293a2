"""The asking side of a live process: one request at a time; the process is stopped once it has answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.measure.correctness import WrongResult
from harness.measure.runner import Reading, Round
from harness.model import FunctionTime
from harness.probes import NoSnapshot
from harness.processes.cpu_limit import CpuLimit
from harness.processes.live import ChannelClosed, LiveProcess, Message, exit_reason
from harness.processes.logs import last_words
from harness.workers import codec, tensors
from harness.workers.codec import Failure, FailureKind, R, Request


class WorkerFailed(HarnessError):
    """What a variant in another process raised, or how that process ended.

    ``readings`` are numbers that came with it; ``file`` is the one that is to blame, where one is.
    ``refused`` says that what was asked for cannot be had on this machine.
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
    """A live process that runs only while it has a question to answer.

    ``place`` is where it may leave files, ``timeout`` the seconds an answer may take, ``name`` for messages.
    """

    def __init__(self, name: str, process: LiveProcess, place: Path, timeout: float) -> None:
        self.name = name
        self.pid = process.pid
        self.place = place
        self.timeout = timeout
        self._process = process

    @property
    def ended(self) -> bool:
        """Whether its process is known to have ended."""
        return self._process.ended

    def request(self, request: Request[R]) -> R:
        """Resume the process, send it a request, and stop it again when it has replied.

        Raises WorkerFailed, WrongResult, TimeoutError.
        """
        self._process.resume()
        try:
            codec.send(self._process.channel, request)
            reply = self.reply()
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        finally:
            self._process.pause()
        expected = codec.reply_type(request)
        if not isinstance(reply, expected):
            raise TypeError(f"{self.name} replied to {type(request).__name__} with {reply}, not {expected.__name__}")
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
                while (reply := codec.receive(self._process.channel, 0.0 if spent else 0.5)) is None and not spent:
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

    def ask(self, **question: Any) -> Message:
        """Let the process go on, ask, and stop it again when it has answered.

        Raises WorkerFailed, WrongResult, TimeoutError.
        """
        self._process.resume()
        try:
            self._process.channel.send(**question)
            return self.answer()
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        finally:
            self._process.pause()

    def tell(self, **what: Any) -> None:
        """Say something that asks for no answer yet; the process is stopped again at once. Raises WorkerFailed.

        It goes on while it is told: a pipe takes 64 KiB, and a stopped process reads nothing.
        """
        self._process.resume()
        try:
            self._process.channel.send(**what)
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        finally:
            self._process.pause()

    def hear(self) -> Message:
        """Let the process go on until it says something, and stop it again; ``timeout`` is CPU time here.

        Raises WorkerFailed, TimeoutError.
        """
        self._process.resume()
        try:
            return self.answer(CpuLimit(self.pid, self.timeout))
        finally:
            self._process.pause()

    def answer(self, allowance: CpuLimit | None = None) -> Message:
        """The next message. A process that says nothing in time is ended. Raises WorkerFailed, TimeoutError."""
        late = f"no answer from {self.name} in {self.timeout:g} s"
        try:
            if allowance is None:
                answer = self._process.channel.receive(self.timeout)
            else:
                spent = ""
                while (answer := self._process.channel.receive(0.0 if spent else 0.5)) is None and not spent:
                    spent = allowance.spent()
                late = f"no answer from {self.name}: {spent}"
        except ChannelClosed:
            raise WorkerFailed(self._last_words()) from None
        if answer is None:
            self._process.end()
            raise TimeoutError(f"{late}; its process was ended")
        if "error" in answer:
            if answer.get("wrong"):
                raise WrongResult(answer["error"])
            raise WorkerFailed(
                answer["error"], answer.get("readings"), answer.get("file"), refused=answer.get("refused", False)
            )
        return answer

    def _last_words(self) -> str:
        status = self._process.end()
        return f"{exit_reason(status)}: {last_words(self.place.with_suffix('.log'), killed=status < 0)}"


class RemoteRunner:
    """A variant in another process. ``tree`` (a ProcessTree), if given, watches that process from outside."""

    def __init__(self, name: str, client: WorkerClient, tree: Any = None) -> None:
        self.name = name
        self.client = client
        self._tree = tree

    @property
    def pid(self) -> int:
        """The process id."""
        return self.client.pid

    def setup(self) -> None:
        """Set the variant up there."""
        self._ask("setup")

    def first_call(self) -> tuple[float, object]:
        """The first iteration there; its result comes here as a file of tensors."""
        path = self.client.place.with_suffix(".pt")
        seconds = float(self._ask("first_call", path=str(path))["seconds"])
        result = tensors.load(path)
        path.unlink()
        return seconds, result

    def run_round(self, iterations: int, lead: int) -> Round:
        """A round there; what the process tree spent on it is read from outside, before and after."""
        before = self._tree.cpu_seconds() if self._tree else 0.0
        answer = self._ask("round", iterations=iterations, lead=lead)
        readings = answer["readings"]
        if self._tree:
            readings["cpu_seconds"] = max(0.0, self._tree.cpu_seconds() - before) / (iterations + lead)
            readings["cpu_seconds"] /= answer["part"]
        return Round(answer["seconds"], answer["host_seconds"], readings, answer["part"])

    def read(self, metric: str) -> Reading | None:
        """A reading taken there while the other processes are stopped; memory of its processes is read from outside."""
        if metric == "tree_bytes":
            return self._footprint()
        answer = self._ask("read", metric=metric)
        return (float(answer["value"]), str(answer["source"])) if answer["source"] else None

    def snapshot(self, path: Path) -> None:
        """A snapshot taken, and written, there."""
        if reason := self._ask("snapshot", path=str(path)).get("none"):
            raise NoSnapshot(reason)

    def _footprint(self) -> Reading:
        """The memory of its process tree, which holds this variant alone; it is stopped while it is read."""
        if self._tree is None:
            raise WorkerFailed("nobody watches this seat from outside")
        workers = {member.pid for member in self._tree.members()[1:]}
        bytes_held, source = self._tree.memory_with(workers)
        return float(bytes_held), f"{source}, after its first epoch, in a live process of its own"

    def profile(self, file: Path) -> None:
        """Have a traced pass made there, into ``file``."""
        self._ask("profile", path=str(file))

    def functions(self) -> tuple[FunctionTime, ...]:
        """Which Python functions an iteration there spends its time in."""
        return tuple(FunctionTime(**each) for each in self._ask("functions")["functions"])

    def held_at_peak(self) -> dict[str, int]:
        """Bytes alive at the peak of an iteration there, by the operator that allocated them."""
        return dict(self._ask("held")["held"])

    def teardown(self) -> None:
        """Tidy up there; a process that is gone already has nothing to tidy."""
        try:
            self._ask("teardown")
        except WorkerFailed:
            return

    def _ask(self, what: str, **details: Any) -> Message:
        return self.client.ask(do=what, variant=self.name, **details)
