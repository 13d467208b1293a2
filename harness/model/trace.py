"""The nouns of profiler traces: what a traced pass showed, summarised, and where the trace lies."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_MARK = "tipbench: window"
ITERATION_MARK = "tipbench: iteration"
WAIT_MARK = "tipbench: next"
"""Names of the spans that a traced pass marks: all that counts, one iteration, one wait for a batch."""

TRACES = "traces"
"""The folder in a run's folder where traces lie."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What went to one operator or kernel, by its name.

    ``seconds`` is its own time, without what it called; ``outer_calls`` and ``outer_seconds`` count the calls
    that no other operator made, with everything inside them (of a kernel, all calls).
    """

    name: str
    calls: int
    seconds: float
    outer_calls: int
    outer_seconds: float


@dataclass(frozen=True, slots=True)
class FunctionTime:
    """Calls and own seconds of one Python function in one iteration, by a deterministic profiler.

    ``name`` is qualified as in its source. ``file`` is relative to what it is imported from
    (``package/module.py``), so that it is the same wherever the code lies; ``line`` is where the function
    begins. A built-in function has the file and line of the Python function that called it, and that one's
    name as ``caller``, which is empty otherwise.
    """

    name: str
    file: str
    line: int
    calls: float
    seconds: float
    caller: str = ""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """Where the time of a trace's window went, in seconds of the whole window, which holds ``iterations``
    iterations.

    With a GPU in the trace (``gpu``) busy is the union of its kernels, copies and fills, and idle is split by
    what it waited for; without one busy is the time inside operators on the main thread, and what remains is
    waiting for the loader, or for the host: Python and whatever has no operator. The parts and
    ``busy_seconds`` add up to ``wall_seconds``. ``kernel_seconds`` and ``copy_seconds`` are sums over all
    streams; ``overlap`` is the share of the time in copies during which a kernel ran; ``tensor_core_share``
    the share of the kernels' time in kernels whose names say that they use tensor cores. ``copies`` are the
    GPU's copies and fills, ``calls`` the host's calls of the GPU's library that synchronise or copy. All
    names come with the most expensive first.
    """

    gpu: bool
    iterations: int
    wall_seconds: float
    busy_seconds: float
    idle_loader_seconds: float
    idle_host_seconds: float
    idle_sync_seconds: float
    idle_copy_seconds: float
    idle_other_seconds: float
    kernel_seconds: float
    copy_seconds: float
    overlap: float | None
    launches: int
    tensor_core_share: float | None
    operators: tuple[Spent, ...]
    kernels: tuple[Spent, ...]
    copies: tuple[Spent, ...] = ()
    calls: tuple[Spent, ...] = ()


@dataclass(frozen=True, slots=True)
class Traced:
    """The traced pass of one variant of one case.

    ``file`` is relative to the run's folder, empty where no trace was kept; ``note`` says why. ``seconds``
    and ``traced_seconds`` are of one iteration without and with the profiler, measured beside each other;
    ``cause`` is one sentence that names what the time goes to. ``summary`` is None where there is no trace,
    or none that can be read.
    """

    case: str
    claim: str
    variant: str
    invocation: int
    file: str = ""
    file_bytes: int = 0
    seconds: float = 0.0
    traced_seconds: float = 0.0
    cause: str = ""
    note: str = ""
    summary: TraceSummary | None = None

    @property
    def slow_down(self) -> float | None:
        """How many times as long an iteration took under the profiler."""
        return self.traced_seconds / self.seconds if self.seconds > 0 and self.traced_seconds > 0 else None
