"""Two summaries side by side: which operators and kernels one of them has more of, and where else its time went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from harness.model import Spent, TraceSummary

NOTICEABLE = 0.02
"""Share of the base's iteration that a change must have to be named. Where the number of calls differs it is enough
that either side's calls have it: profiles are noisy in their times, not in their counts."""

PARTS = {
    "idle_loader_seconds": "waiting for the loader",
    "idle_host_seconds": "the host",
    "idle_sync_seconds": "synchronisation",
    "idle_copy_seconds": "waiting for copies",
    "idle_other_seconds": "other idle time",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What differs, per iteration: calls on either side (0 both where it is a part of the time), and their seconds."""

    name: str
    base_calls: float
    head_calls: float
    base_seconds: float
    head_seconds: float
    kernel: bool = False

    @property
    def seconds(self) -> float:
        """Seconds more, by noisy profiles."""
        return self.head_seconds - self.base_seconds

    @property
    def more(self) -> bool:
        """Whether it grew: in its calls where these differ, else in its seconds."""
        return self.head_calls > self.base_calls if self.other_calls else self.seconds > 0

    @property
    def other_calls(self) -> bool:
        """Whether it is called more or less often, rather than taking longer."""
        return abs(self.head_calls - self.base_calls) > 0.01 * max(self.head_calls, self.base_calls)


def changes(base: TraceSummary, head: TraceSummary) -> tuple[Change, ...]:
    """Noticeable differences, the largest first: operators called by no other one, kernels, parts of the idle time.

    Where those operators are called as often on both sides, the ones inside them count.
    """
    step = base.wall_seconds / base.iterations
    if step <= 0:
        return ()
    outer = list(_noticed(_paired(base, head, lambda s: s.operators, _outer), step))
    if not any(change.other_calls for change in outer):
        inner = _noticed(_paired(base, head, lambda s: s.operators, _own), step)
        outer += [change for change in inner if change.other_calls]
    kernels = _noticed(_paired(base, head, lambda s: s.kernels, _own, kernel=True), step)
    found = [*outer, *kernels, *_parts(base, head, step)]
    return tuple(sorted(found, key=lambda change: -abs(change.seconds)))


def _outer(spent: Spent) -> tuple[float, float]:
    return spent.outer_calls, spent.outer_seconds


def _own(spent: Spent) -> tuple[float, float]:
    return spent.calls, spent.seconds


def _paired(
    base: TraceSummary,
    head: TraceSummary,
    of: Callable[[TraceSummary], Iterable[Spent]],
    count: Callable[[Spent], tuple[float, float]],
    *,
    kernel: bool = False,
) -> Iterator[Change]:
    before = {spent.name: count(spent) for spent in of(base)}
    after = {spent.name: count(spent) for spent in of(head)}
    for name in dict.fromkeys([*after, *before]):
        calls_before, seconds_before = before.get(name, (0.0, 0.0))
        calls_after, seconds_after = after.get(name, (0.0, 0.0))
        yield Change(
            name,
            calls_before / base.iterations,
            calls_after / head.iterations,
            seconds_before / base.iterations,
            seconds_after / head.iterations,
            kernel,
        )


def _noticed(found: Iterable[Change], step: float) -> Iterator[Change]:
    for change in found:
        large = max(change.base_seconds, change.head_seconds) if change.other_calls else abs(change.seconds)
        if large >= NOTICEABLE * step:
            yield change


def _parts(base: TraceSummary, head: TraceSummary, step: float) -> Iterator[Change]:
    for field, name in PARTS.items():
        before, after = getattr(base, field) / base.iterations, getattr(head, field) / head.iterations
        if abs(after - before) >= NOTICEABLE * step:
            yield Change(name, 0.0, 0.0, before, after)
