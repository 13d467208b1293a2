"""The loader processes of a whole race: opened when they are needed, and replaced after some repetitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path

from harness.model import LoaderSample, Setting, StepInput
from harness.plural import counted
from harness.tune.client import REQUEST_LIMIT, LoaderClient, LoaderWorkerError
from harness.tune.messages import LoaderPlan, MeasureSample
from harness.workers.codec import R, Request
from harness.workers.collect import WorkerError

REPETITIONS_A_PROCESS = 2
"""Repetitions that one set of processes runs: starting them costs seconds, but no two are quite alike."""

STARTS = 0.1
"""The share of the time left that starting new processes may take; if it takes more, the old ones run on."""

BATCHES = 8
"""Batches in a window, at the least."""

LEAST_SECONDS = 1.0
"""Seconds that a window lasts at the least; starting workers and filling their queues takes longer than that.
"""

SLOWER = 3.0
"""A request that takes so many times longer than the longest sample so far is taken to hang."""

LEFT_OUT = 0.1
"""The share of images that may be left out because they cannot be decoded; with more, the data needs a look
first."""


class RaceWorkers:
    """Use as a context manager: no process outlives it.

    An image that cannot be decoded is no setting's fault: it is left out for all, and ``note`` is called.
    ``left`` gives the seconds that there are for a reply; ``borrowed`` is what `borrow_packages` made for a
    foreign interpreter.
    """

    def __init__(
        self,
        python: str,
        plan: LoaderPlan,
        folder: Path,
        *,
        note: Callable[[str], None] = lambda _: None,
        left: Callable[[], float] = lambda: inf,
        borrowed: Path | None = None,
    ) -> None:
        self._python = python
        self._plan = plan
        self._folder = folder
        self._note = note
        self._left = left
        self._borrowed = borrowed
        self._client: LoaderClient | None = None
        self._opened = 0
        self._repetitions_left = 0
        self._start_seconds = 0.0
        self._limit = REQUEST_LIMIT
        self.images = 0

    def __enter__(self) -> RaceWorkers:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def start_seconds(self) -> float:
        """How long it took to start a process; 0 before the first."""
        if self._client is not None and self._client.start_seconds is not None:
            self._start_seconds = self._client.start_seconds
        return self._start_seconds

    def client(self) -> LoaderClient:
        """The processes that are open, or new ones."""
        if self._client is None:
            self._opened += 1
            log = self._folder / f"loaders-{self._opened:03d}.log"
            self._client = LoaderClient(
                self._python, self._plan, log, borrowed=self._borrowed, left=self._left
            ).__enter__()
        self._client.limit = self._limit
        return self._client

    def ask(self, request: Request[R]) -> R:
        """The reply to a request, repeated without a damaged image if it comes across one.

        Raises LoaderWorkerError, and WorkerError if there are too many such images.
        """
        while True:
            try:
                return self.client().ask(request)
            except LoaderWorkerError as error:
                if error.file is None or error.file in self._plan.without:
                    raise
                self.leave_out({error.file: str(error)})

    def leave_out(self, damaged: Mapping[str, str]) -> None:
        """Leave out these images, for the reasons given, in open processes and in new ones. Raises
        WorkerError."""
        if not damaged:
            return
        self._plan = replace(self._plan, without=(*self._plan.without, *damaged))
        first = next(iter(damaged.values()))
        if len(self._plan.without) > max(1, LEFT_OUT * self.images):
            raise WorkerError(
                f"{len(self._plan.without)} of {counted(self.images, 'image')} cannot be decoded, more than "
                f"{LEFT_OUT:.0%}: {first}"
            )
        others = f", and {len(damaged) - 1} more that cannot be decoded" if len(damaged) > 1 else ""
        self._note(f"left out: {first}{others}")
        if self._client is not None:
            try:
                self._client.leave_out(damaged)
            except LoaderWorkerError:
                self.close()

    def close(self) -> None:
        """End the processes: the next request opens new ones."""
        self._repetitions_left = 0
        client, self._client = self._client, None
        if client is not None:
            client.__exit__()

    def begin_repetition(self, settings: Iterable[Setting], left: float = inf) -> None:
        """Have processes ready for a repetition of these settings: new ones after `REPETITIONS_A_PROCESS`.

        ``left`` is how many seconds there are for repetitions: if starting takes too much of it, nothing is
        replaced.
        """
        if not self._repetitions_left and self.start_seconds <= STARTS * left:
            self.close()
            self._repetitions_left = REPETITIONS_A_PROCESS
        self._repetitions_left = max(0, self._repetitions_left - 1)
        self.client().begin({setting.kind for setting in settings})

    def sample(
        self,
        setting: Setting,
        step_input: StepInput,
        *,
        seed: int,
        most_seconds: float = inf,
        alone: bool = False,
        short: bool = False,
    ) -> LoaderSample:
        """A sample of ``most_seconds`` at most, in a window that suits the setting, or a short one.

        Raises LoaderWorkerError.
        """
        count, least = window_of(setting, short=short), LEAST_SECONDS * (0.5 if short else 1.0)
        return self.ask(MeasureSample(setting, step_input, seed, count, least, most_seconds, alone)).sample

    def expect(self, seconds: float) -> None:
        """A sample took so long: others may take a few times that before they are taken to hang."""
        self._limit = max(self._limit, SLOWER * seconds)


def window_of(setting: Setting, *, short: bool = False) -> int:
    """Batches in a window: a multiple of the workers, for they deliver in turns, and at least three turns.

    A ``short`` one has half of the batches, and at least two turns.
    """
    workers = max(1, setting.workers)
    return workers * (max(2, -(-BATCHES // (2 * workers))) if short else max(3, -(-BATCHES // workers)))
