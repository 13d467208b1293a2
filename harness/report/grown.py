"""What grew between two profiles, in a sentence: calls, times, waits, Python functions, bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model import FunctionTime, TraceSummary
from harness.profile.difference import ChangeOf, FunctionChange, ProfileChange, changes, slowed
from harness.report.format import digits, quantity, sanitize

MOST_NAMED = 3
"""Differences named in one sentence, and as many operators and calls of the host beside a GPU."""

LONGEST_NAME = 80
"""Characters of a kernel's or operator's name in a sentence."""

SMALL = 0.1
"""Share of the whole change, or of the largest one named, below which a change is not worth naming."""

MOST = 0.8
"""Share of the whole change that those named must reach; less is said to be less."""

_KINDS = {ChangeOf.KERNEL: "kernel ", ChangeOf.COPY: "copy "}


def difference(base: TraceSummary, head: TraceSummary) -> str:
    """What the head's iteration has more of than the base's, or less of where it is shorter, the largest
    first.

    ``aten::linear runs 2x instead of 1x, +1.20 ms``; a sentence that says so where nothing stands out. No
    more seconds are named than the profiles differ by.
    """
    by = head.wall_seconds / head.iterations - base.wall_seconds / base.iterations
    if by >= 0:
        return _sentence(changes(base, head), by, shrunk=False)
    # What the base has more of is what the head has less of.
    return _sentence(changes(head, base), -by, shrunk=True)


def growth(
    base: TraceSummary,
    head: TraceSummary,
    seconds: float,
    base_functions: Sequence[FunctionTime] = (),
    head_functions: Sequence[FunctionTime] = (),
) -> str:
    """What grew, of an iteration that was measured to take ``seconds`` more, whatever the profiles took as a
    whole.

    Profiles are slower than what was measured, so the seconds named are never more than those. With
    ``functions`` of both sides, the Python function in which most of the time outside operators was spent is
    named too.
    """
    return _sentence(
        changes(base, head, slowed(base_functions, head_functions)), max(0.0, seconds), shrunk=False
    )


def memory_growth(base: Mapping[str, int], head: Mapping[str, int], more: float) -> str:
    """Which operators hold more bytes when memory is at its peak, of ``more`` bytes in all; empty where none
    does."""
    grown = sorted(
        ((head[name] - base.get(name, 0), name) for name in head if head[name] > base.get(name, 0)),
        reverse=True,
    )
    left, text = max(0.0, more), []
    for bytes_more, name in grown[:MOST_NAMED]:
        if bytes_more < SMALL * grown[0][0] or left <= SMALL * more:
            break
        named = min(float(bytes_more), left)
        left -= named
        before, after = quantity(base.get(name, 0), "B"), quantity(head[name], "B")
        text.append(f"{_name(name)} holds {after} at the peak instead of {before}, +{quantity(named, 'B')}")
    return "; ".join(text)


def _sentence(found: Sequence[ProfileChange], by: float, *, shrunk: bool) -> str:
    grown = [change for change in found if change.more]
    timed, beside = [each for each in grown if each.timed], [each for each in grown if not each.timed]
    named: list[str] = []
    left = by
    # Where the profiles show less than was measured, it is a part of that which counts.
    small = SMALL * min(by, sum(max(0.0, change.seconds) for change in timed))
    for change in _ordered(timed):
        seconds = min(max(0.0, change.seconds), left)
        if len(named) == MOST_NAMED:
            break
        if seconds > small:
            left -= seconds
            named.append(_words(change, seconds, shrunk=shrunk))
        elif _extra(change):
            named.append(_words(change, 0.0, shrunk=shrunk))
    # Without seconds there is no share: what is called more often may be hidden by a slow base.
    if left < by and left > (1 - MOST) * by:
        named[-1] += f" ({digits(100 * (by - left) / by)} % of the difference)"
    # An operator in another one's place explains it.
    gone = [each for each in found if each.of is ChangeOf.OPERATOR and not each.head_calls and not each.more]
    counts = [each for each in beside if _extra(each)] + (gone if named else [])
    named += [_words(change, 0.0, shrunk=shrunk) for change in counts[:MOST_NAMED]]
    if not named:
        return f"the profiles show the same calls, none of them much {'shorter' if shrunk else 'longer'}"
    return "; ".join(named)


def _ordered(grown: Sequence[ProfileChange]) -> list[ProfileChange]:
    """Those first whose calls differ, which says what was changed; times alone may be the machine's.

    Operators come before Python functions, some of which are there for the operators.
    """
    least = SMALL * max(map(_weight, grown), default=0.0)

    def place(change: ProfileChange) -> tuple[bool, bool, float]:
        sure = _weight(change) >= least
        return not (change.other_calls and sure), not (change.counted and sure), -_weight(change)

    return sorted(grown, key=place)


def _weight(change: ProfileChange) -> float:
    """Its seconds, or what its additional calls took, where a slow base hides them."""
    additional = 1 - change.base_calls / change.head_calls if _extra(change) else 0.0
    return max(change.seconds, additional * change.head_seconds)


def _extra(change: ProfileChange) -> bool:
    return change.other_calls and change.head_calls > change.base_calls


def _words(change: ProfileChange, seconds: float, *, shrunk: bool) -> str:
    text = f"{_KINDS.get(change.of, '')}{_name(change.name)}"
    if change.other_calls:
        calls = (change.base_calls, change.head_calls)
        before, after = reversed(calls) if shrunk else calls
        text += f" runs {_times(after)} instead of {_times(before)}"
    if seconds > 0:
        more = f"{'-' if shrunk else '+'}{quantity(seconds, 's')}"
        text += f", {more}" if change.other_calls else f" {more}"
    return text if change.function is None else f"{text}, {_where(change.function)}"


def _where(found: FunctionChange) -> str:
    where = found.where
    place = sanitize(f"{where.file}:{where.line}", LONGEST_NAME)
    name = f"{_name(where.name)}, called by {_name(where.caller)} ({place})" if where.caller else (
        f"{_name(where.name)} ({place})"
    )  # fmt: skip
    most = "most of it" if found.share >= 0.5 else "the largest part of it"
    if found.other_calls:
        return (
            f"{most} in {name}, which runs {_times(found.head_calls)} instead of {_times(found.base_calls)}"
        )
    return f"{most} in {name}"


def _times(calls: float) -> str:
    whole = round(calls)
    return f"{whole if abs(calls - whole) < 0.005 else digits(calls)}x"


def _name(name: str) -> str:
    return sanitize(name, LONGEST_NAME) or "(no name)"
