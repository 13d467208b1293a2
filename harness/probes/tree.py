"""Memory, CPU time, threads and processes of a process and everything it started, from the outside."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.errors import HarnessError
from harness.probes.probe import Probe, ProbeReading, ProbeReadings

PSS = "PSS of the process tree"
TOGETHER = "RSS of the process and what its workers hold alone"
RSS = "RSS, which counts shared pages again (its PSS may not be read)"
_PRIVATE = ("Private_Clean:", "Private_Dirty:")

SETTLING = 1.0
"""Seconds that a thread may take to end by itself: torch closes a queue, and DALI frees a pipeline, without
waiting for the thread behind it."""

_INTERVAL = 0.005


class ProcessTree:
    """A process and its descendants, looked up at every reading. What has gone in the meantime
    counts as nothing.

    ``pid`` is this process where None. ``proc`` is where the kernel shows processes.
    """

    def __init__(self, pid: int | None = None, *, proc: Path = Path("/proc")) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._proc = proc
        self._root: psutil.Process | None = None
        # One object for life: it knows the start time, so that a process which takes over the
        # number is not mistaken.
        with suppress(psutil.Error):
            self._root = psutil.Process(self.pid)

    def members(self) -> list[psutil.Process]:
        """The process itself first, then its descendants; empty when it is gone."""
        try:
            if self._root is None or not self._root.is_running():
                return []
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []

    def memory(self) -> tuple[int, str]:
        """Bytes of memory of the tree, and the source: PSS, or RSS for those members whose PSS may
        not be read.
        """
        total, refused = 0, 0
        for member in self.members():
            share = _rollup(self._proc / str(member.pid), "Pss:")
            if share is None:
                refused += 1
                share = int(sum(_each(lambda member: member.memory_info().rss, [member])))
            total += share
        return total, f"{PSS}; {refused} x {RSS}" if refused else PSS

    def unshared(self) -> int | None:
        """Bytes of memory that would be free without the tree: what each member maps alone; None
        where unknown.
        """
        shares = [_rollup(self._proc / str(member.pid), *_PRIVATE) for member in self.members()]
        return None if None in shares else sum(share or 0 for share in shares)

    def memory_with(self, workers: Collection[int]) -> tuple[int, str]:
        """Bytes of this process and those of its workers that are named, whether or not others
        share their pages.

        All that the process holds, and what each worker holds alone: a forked worker's other pages
        are the process's. Unlike PSS this does not shrink where other workers, or other programs,
        use the same pages.
        """
        total = 0
        for member in self.members():
            if member.pid == self.pid:
                total += int(sum(_each(lambda member: member.memory_info().rss, [member])))
            elif member.pid in workers:
                total += _rollup(self._proc / str(member.pid), *_PRIVATE) or 0
        return total, TOGETHER

    def cpu_seconds(self) -> float:
        """User and system seconds of the tree so far, in steps of a clock tick (10 ms).

        Children that have exited are in their parent's account from the moment it waited for them.
        """
        return sum(_each(lambda member: sum(member.cpu_times()[:4]), self.members()))

    def alive(self) -> dict[psutil.Process, int]:
        """The threads of each process that is alive in the tree, this one included, zombies not."""
        found = {}
        for member in self.members():
            with suppress(psutil.Error):
                if _alive(member):
                    found[member] = member.num_threads()
        return found

    def left_since(
        self, before: dict[psutil.Process, int], *, settling: float = SETTLING
    ) -> dict[str, float]:
        """``threads_left`` and ``processes_left`` since ``alive`` returned ``before``.

        Counted are this process's new threads, and its new descendants with all of theirs. A
        descendant that was there before is left out: its threads come and go for its own reasons.
        A thread of this process has ``settling`` seconds to end; what is in a descendant counts at once.
        """
        new = {member: threads for member, threads in self.alive().items() if member not in before}
        own = self._new_threads(before)
        end = time.monotonic() + settling
        while own and time.monotonic() < end:
            time.sleep(_INTERVAL)
            own = self._new_threads(before)
        return {"threads_left": float(own + sum(new.values())), "processes_left": float(len(new))}

    def _new_threads(self, before: dict[psutil.Process, int]) -> int:
        """How many threads more this process has than before, at least 0."""
        if self._root is None:
            return 0
        with suppress(psutil.Error):
            threads: int = self._root.num_threads()
            return max(0, threads - before.get(self._root, threads))
        return 0


def _rollup(folder: Path, *fields: str) -> int | None:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except ProcessLookupError:
        return 0  # it has ended, or is about to: its pages are gone
    except OSError:
        return None if folder.exists() else 0
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith(fields)]
    return sum(found) if found else None


def _alive(member: psutil.Process) -> bool:
    try:
        return bool(member.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.Error:
        return False


def _each(read: Callable[[psutil.Process], float], members: list[psutil.Process]) -> Iterator[float]:
    for member in members:
        try:
            yield read(member)
        except psutil.Error:
            continue


@dataclass(slots=True)
class TreeWatch:
    """What a watch has seen so far: bytes at most, CPU-seconds since it began, how often it looked.

    ``warning`` is why nothing, or not all, could be seen; a watch never fails.
    """

    peak_bytes: int | None = None
    source: str = ""
    cpu_seconds: float | None = None
    samples: int = 0
    warning: str = ""


class _Watcher(threading.Thread):
    def __init__(self, tree: ProcessTree, interval: float, seen: TreeWatch) -> None:
        super().__init__(name="tipbench-tree-watch", daemon=True)
        self.tree = tree
        self.interval = interval
        self.seen = seen
        self.ended = threading.Event()
        self._cpu_at_start = 0.0

    def __enter__(self) -> None:
        try:
            self._cpu_at_start = self.tree.cpu_seconds()
            if not self.tree.alive():
                self.seen.warning = f"no process {self.tree.pid} to watch"
                return
            self.look()
            self.start()
        except Exception as error:
            self.seen.warning = f"the process tree cannot be watched: {error!r}"

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.ident is not None:
            self.join()
            self.look()

    def run(self) -> None:
        while not self.ended.wait(self.interval):
            self.look()

    def look(self) -> None:
        """Take one sample; a reading that fails leaves a warning and the earlier ones."""
        try:
            used, source = self.tree.memory()
            # The account only goes down when a member has gone without being waited for: keep the
            # highest reading.
            if (spent := self.tree.cpu_seconds() - self._cpu_at_start) >= (self.seen.cpu_seconds or 0.0):
                self.seen.cpu_seconds = spent
            if used > (self.seen.peak_bytes or 0):
                self.seen.peak_bytes = used
            if not self.seen.source or source != PSS:
                self.seen.source = source
            self.seen.samples += 1
        except Exception as error:
            self.seen.warning = f"the process tree could not be read: {error!r}"


@contextmanager
def watch_tree(
    interval: float = 0.2, pid: int | None = None, *, tree: ProcessTree | None = None
) -> Iterator[TreeWatch]:
    """Watch the tree of process ``pid`` (None: this one) from a thread, every ``interval`` seconds,
    until the end.

    Yields the TreeWatch, which is complete after the block. It looks once at the start and once at
    the end too. The thread belongs to this process: to keep its cost out of a variant's account,
    watch from another process.
    """
    seen = TreeWatch()
    with _Watcher(tree or ProcessTree(pid), interval, seen):
        yield seen


class MemoryProbe(Probe):
    """Memory of the process tree: the most it held in the round, and what would be free without it
    afterwards.
    """

    name = "memory of the process tree"
    metrics = ("pss_bytes", "uss_bytes")

    def start(self) -> None:
        """Watch from a thread."""
        self._context = watch_tree(tree=self.subject.tree)
        self._seen = self._context.__enter__()

    def stop(self) -> None:
        """End the thread."""
        self._context.__exit__(None, None, None)

    def read(self) -> ProbeReadings:
        """PSS from the watch, and USS now. Raises HarnessError where nothing could be watched."""
        found = {}
        if self._seen.peak_bytes:
            source = "; ".join(filter(None, (self._seen.source, self._seen.warning)))
            found["pss_bytes"] = ProbeReading(float(self._seen.peak_bytes), source)
        elif self._seen.warning:
            raise HarnessError(self._seen.warning)
        if (unshared := self.subject.tree.unshared()) is not None:
            found["uss_bytes"] = ProbeReading(float(unshared))
        return found


class LeftoversProbe(Probe):
    """Threads and processes that are still alive after the variant is gone."""

    name = "leftovers"
    metrics = ("threads_left", "processes_left")

    def before(self) -> None:
        """Note what is alive."""
        self._living = self.subject.tree.alive()

    def after(self) -> ProbeReadings:
        """Count what is new."""
        return {
            name: ProbeReading(count) for name, count in self.subject.tree.left_since(self._living).items()
        }
