"""Which operators allocated what is alive when one call's memory is at its peak."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from harness.probes.peak import MARK, TraceEvent, memory_events

if TYPE_CHECKING:
    import torch

CPU, CUDA = 0, 1
"""Torch's numbers for the types of devices, as memory events have them."""

NO_OPERATOR = "code outside torch's operators"

Span = tuple[float, float, str]


def held_at_peak(call: Callable[[], object], device: torch.device) -> dict[str, int]:
    """Bytes alive at the peak of one ``call`` by the outermost operator that allocated them, the most first.

    The call is made twice and the second one is looked at; what lived before it is left out. ``device`` is a
    ``torch.device``, CPU or CUDA. Raises whatever the call or torch's profiler raises.
    """
    import torch

    if getattr(device, "type", "cpu") != "cuda":
        return held(memory_events(call), CPU)
    return held(memory_events(call, lambda: torch.cuda.synchronize(device)), CUDA)


def held(events: Iterable[TraceEvent], device: int) -> dict[str, int]:
    """The same from the events of a Chrome trace, of one type of device. Raises ValueError where
    nothing is marked.
    """
    memory: list[tuple[float, int, int, object]] = []
    spans: dict[object, list[Span]] = {}
    start = None
    for event in events:
        name, args = event.get("name"), event.get("args", {})
        if name == "[memory]" and args.get("Device Type", CPU) == device:
            memory.append((event["ts"], int(args["Bytes"]), int(args.get("Addr", 0)), event.get("tid")))
        elif name == MARK and event.get("ph") == "X":
            start = event["ts"]
        elif event.get("cat") == "cpu_op" and event.get("ph") == "X":
            spans.setdefault(event.get("tid"), []).append(
                (event["ts"], event["ts"] + event["dur"], str(name))
            )
    if start is None:
        raise ValueError("torch's profile does not hold the call that was to be looked at")
    outermost = {thread: _outermost(own) for thread, own in spans.items()}
    # A stable sort by time alone: events of the same instant stay in the order in which they were recorded.
    memory = sorted((change for change in memory if change[0] >= start), key=lambda change: change[0])
    levels = list(accumulate(change for _, change, _, _ in memory))
    top = max(levels, default=0)
    alive: dict[int, tuple[str, int]] = {}
    for moment, change, address, thread in memory[: levels.index(top) + 1] if top > 0 else ():
        if change < 0:
            alive.pop(address, None)
        else:
            alive[address] = (_operator(outermost.get(thread, []), moment), change)
    found: Counter[str] = Counter()
    for name, size in alive.values():
        found[name] += size
    return dict(found.most_common())


def _outermost(spans: list[Span]) -> list[Span]:
    """Those of a thread that lie in no other one, by start."""
    outer: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        if not outer or span[0] >= outer[-1][1]:
            outer.append(span)
    return outer


def _operator(outer: list[Span], moment: float) -> str:
    place = bisect_right(outer, moment, key=lambda span: span[0]) - 1
    return outer[place][2] if place >= 0 and moment <= outer[place][1] else NO_OPERATOR
