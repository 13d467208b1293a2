"""Two summaries side by side: which operators, kernels, copies and calls one of them has more of, and which
waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.model import FunctionTime, Spent, TraceSummary

NOTICEABLE = 0.02
"""Share of the base's iteration that a change must have to be named. Where the number of calls differs it is
enough that either side's calls have it: profiles are noisy in their times, not in their counts."""

WORTH_NAMING = 0.2
"""Share of the time gained outside operators that a Python function must have to be named as its place."""

PARTS = {
    "idle_loader_seconds": "waiting for the loader",
    "idle_host_seconds": "waiting for the host",
    "idle_sync_seconds": "waiting for synchronisation",
    "idle_copy_seconds": "waiting for copies",
    "idle_other_seconds": "other idle time",
}

OUTSIDE = "code outside torch's operators"
"""What the host's part is called where there is no GPU that waits for it."""


class ChangeOf(StrEnum):
    """What a change is a change of."""

    OPERATOR = "operator"
    KERNEL = "kernel"
    COPY = "copy"
    CALL = "call"
    PART = "part"


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What differs, per iteration: calls on either side (0 both where it is a part of the time), and their
    seconds.

    The seconds of what is ``timed`` are a part of the iteration's time, and no two share any. Those of the
    rest, the host's work beside a busy GPU, are not. ``function`` is the Python function in which most of the
    change is, where that is known.
    """

    name: str
    of: ChangeOf
    base_calls: float
    head_calls: float
    base_seconds: float
    head_seconds: float
    timed: bool = True
    function: FunctionChange | None = None

    @property
    def seconds(self) -> float:
        """Seconds more, by noisy profiles."""
        return self.head_seconds - self.base_seconds

    @property
    def more(self) -> bool:
        """Whether its calls grew, or its seconds: fewer calls may take longer."""
        return self.seconds > 0 or (self.other_calls and self.head_calls > self.base_calls)

    @property
    def other_calls(self) -> bool:
        """Whether it is called more or less often, rather than taking longer."""
        return _differ(self.base_calls, self.head_calls)

    @property
    def counted(self) -> bool:
        """Whether the numbers of calls, which are not noisy, show that it changed."""
        return self.other_calls or (self.function is not None and self.function.other_calls)


@dataclass(frozen=True, slots=True)
class FunctionChange:
    """The Python function that gained most: where it is, its calls on either side, and its share of what was
    gained.

    The share is of the seconds of all functions that take longer, or of the whole time outside operators,
    whichever gained more.
    """

    where: FunctionTime
    base_calls: float
    head_calls: float
    gained: float
    gained_in_all: float

    @property
    def share(self) -> float:
        """Its part of what was gained."""
        return self.gained / self.gained_in_all

    @property
    def other_calls(self) -> bool:
        """Whether it is called more or less often."""
        return _differ(self.base_calls, self.head_calls)


def changes(
    base: TraceSummary, head: TraceSummary, functions: FunctionChange | None = None
) -> tuple[ProfileChange, ...]:
    """Noticeable differences, the largest first: operators called by no other one, kernels, copies, idle
    time, calls.

    Where those operators are called as often on both sides, and ones inside them are not, the operators' own
    times count instead. With a GPU in both traces operators and calls of the host are there if their numbers
    differ.
    """
    step = base.wall_seconds / base.iterations
    if step <= 0:
        return ()
    timed = not (base.gpu and head.gpu)
    found = [
        *_operators(base, head, step, timed=timed),
        *_noticed(_paired(base, head, ChangeOf.KERNEL, lambda s: s.kernels, _own), step),
        *_noticed(_paired(base, head, ChangeOf.COPY, lambda s: s.copies, _own), step),
        *(
            each
            for each in _paired(base, head, ChangeOf.CALL, lambda s: s.calls, _own, timed=False)
            if each.other_calls
        ),
        *_parts(base, head, step, functions),
    ]
    return tuple(sorted(found, key=lambda change: -abs(change.seconds)))


def slowed(base: Sequence[FunctionTime], head: Sequence[FunctionTime]) -> FunctionChange | None:
    """The Python function that takes longest beyond its time in the base; None where none takes longer.

    One whose number of calls differs comes before others that gained up to three times as much.
    """
    before, after = _by_place(base), _by_place(head)
    grown = []
    for key, where in after.items():
        was = before.get(key)
        more = where.seconds - (was.seconds if was else 0.0)
        if more > 0:
            calls = was.calls if was else 0.0
            grown.append((more, _differ(calls, where.calls), where, calls))
    if not grown:
        return None
    most = max(more for more, *_ in grown)
    more, _, where, calls = max(grown, key=lambda one: (one[1] and one[0] > most / 3, one[0]))
    return FunctionChange(where, calls, where.calls, more, sum(more for more, *_ in grown))


def _by_place(functions: Iterable[FunctionTime]) -> dict[tuple[str, str, str], FunctionTime]:
    """By name and file: lines move when anything above them changes. Several of one name count together."""
    found: dict[tuple[str, str, str], FunctionTime] = {}
    for each in functions:
        key = each.file, each.caller, each.name
        same = found.get(key)
        found[key] = each if same is None else replace(
            same, calls=same.calls + each.calls, seconds=same.seconds + each.seconds
        )  # fmt: skip
    return found


def _differ(base_calls: float, head_calls: float) -> bool:
    return abs(head_calls - base_calls) > 0.01 * max(head_calls, base_calls)


def _operators(base: TraceSummary, head: TraceSummary, step: float, *, timed: bool) -> list[ProfileChange]:
    if not timed:
        # Beside a busy GPU the host's time is not the iteration's: a large part of the host's own work is
        # enough.
        step = sum(spent.outer_seconds for spent in base.operators) / base.iterations
    outer = list(
        _noticed(_paired(base, head, ChangeOf.OPERATOR, lambda s: s.operators, _outer, timed=timed), step)
    )
    if not any(change.other_calls for change in outer):
        inner = list(
            _noticed(_paired(base, head, ChangeOf.OPERATOR, lambda s: s.operators, _own, timed=timed), step)
        )
        if any(change.other_calls for change in inner):
            outer = inner
    return [change for change in outer if timed or change.other_calls]


def _outer(spent: Spent) -> tuple[float, float]:
    return spent.outer_calls, spent.outer_seconds


def _own(spent: Spent) -> tuple[float, float]:
    return spent.calls, spent.seconds


def _paired(
    base: TraceSummary,
    head: TraceSummary,
    what: ChangeOf,
    of: Callable[[TraceSummary], Iterable[Spent]],
    count: Callable[[Spent], tuple[float, float]],
    *,
    timed: bool = True,
) -> Iterator[ProfileChange]:
    before = {spent.name: count(spent) for spent in of(base)}
    after = {spent.name: count(spent) for spent in of(head)}
    for name in dict.fromkeys([*after, *before]):
        calls_before, seconds_before = before.get(name, (0.0, 0.0))
        calls_after, seconds_after = after.get(name, (0.0, 0.0))
        yield ProfileChange(
            name,
            what,
            calls_before / base.iterations,
            calls_after / head.iterations,
            seconds_before / base.iterations,
            seconds_after / head.iterations,
            timed,
        )


def _noticed(found: Iterable[ProfileChange], step: float) -> Iterator[ProfileChange]:
    for change in found:
        large = max(change.base_seconds, change.head_seconds) if change.other_calls else abs(change.seconds)
        if large >= NOTICEABLE * step:
            yield change


def _parts(
    base: TraceSummary, head: TraceSummary, step: float, functions: FunctionChange | None
) -> Iterator[ProfileChange]:
    for field, name in PARTS.items():
        before, after = getattr(base, field) / base.iterations, getattr(head, field) / head.iterations
        if abs(after - before) < NOTICEABLE * step:
            continue
        host = field == "idle_host_seconds"
        own = OUTSIDE if host and not (base.gpu or head.gpu) else name
        function = _function_of(functions, after - before) if host else None
        yield ProfileChange(own, ChangeOf.PART, 0.0, 0.0, before, after, function=function)


def _function_of(found: FunctionChange | None, gained: float) -> FunctionChange | None:
    """The function where it has a part worth naming of what the time outside operators gained."""
    if found is None or gained <= 0:
        return None
    own = replace(found, gained_in_all=max(found.gained_in_all, gained))
    return own if own.share >= WORTH_NAMING else None
