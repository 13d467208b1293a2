"""The events of a trace that a summary needs, in columns: names, kinds, threads, starts, durations,
correlations.

Only the fields that are looked at are ever decoded, and events of other kinds (Python functions, flows,
memory) are dropped as they are read: a trace is gigabytes of text, and what is kept of it is 40 bytes an
event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.profile.chunks import MOST_BYTES, Pieces, TraceError
from harness.profile.decoding import DecodedEvent, EventArguments, decoders
from harness.profile.intervals import Times

MOST_EVENTS = 20_000_000
"""Events that are kept of one trace at the most: about a gigabyte."""

LONGEST_NAME = 500
"""Characters kept of a name: mangled templates of kernels reach thousands."""


class EventKind(IntEnum):
    """What an event is."""

    OPERATOR = 0
    CALL = 1
    MARK = 2
    KERNEL = 3
    COPY = 4
    FILL = 5


KINDS = {
    "cpu_op": EventKind.OPERATOR,
    "operator": EventKind.OPERATOR,
    "cuda_runtime": EventKind.CALL,
    "cuda_driver": EventKind.CALL,
    "runtime": EventKind.CALL,
    "user_annotation": EventKind.MARK,
    "kernel": EventKind.KERNEL,
    "gpu_memcpy": EventKind.COPY,
    "memcpy": EventKind.COPY,
    "gpu_memset": EventKind.FILL,
    "memset": EventKind.FILL,
}
"""Kinds by Kineto's categories, today's and those of its first years."""

NONE = -1


@dataclass(frozen=True, slots=True)
class TraceEvents:
    """Equal index means the same event. ``start`` and ``seconds`` are in seconds, from the first event that
    was kept.

    ``name``, ``thread`` (of the host) and ``device`` are places in ``names``, ``threads`` and ``devices``, or
    -1; ``correlation`` ties a call of the host to what it put on a device, -1 where there is none.
    """

    names: tuple[str, ...]
    threads: tuple[tuple[object, object], ...]
    devices: tuple[object, ...]
    kind: npt.NDArray[np.int8]
    name: npt.NDArray[np.int32]
    thread: npt.NDArray[np.int32]
    device: npt.NDArray[np.int32]
    correlation: npt.NDArray[np.int64]
    start: Times
    seconds: Times

    @property
    def end(self) -> Times:
        """When each ended."""
        return self.start + self.seconds

    def chosen(self, mask: npt.NDArray[np.bool_]) -> TraceEvents:
        """Those events alone."""
        return TraceEvents(
            self.names, self.threads, self.devices, self.kind[mask], self.name[mask], self.thread[mask],
            self.device[mask], self.correlation[mask], self.start[mask], self.seconds[mask],
        )  # fmt: skip

    def named(self, *prefixes: str) -> npt.NDArray[np.bool_]:
        """Which events have a name that begins like one of these."""
        return self.like(lambda name: name.startswith(prefixes))

    def like(self, wanted: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """Which events have a name that is wanted."""
        table = np.fromiter((wanted(name) for name in self.names), bool, len(self.names))
        return table[self.name] if len(table) else np.zeros(len(self.name), bool)


def read(path: Path, most_bytes: int = MOST_BYTES, most_events: int = MOST_EVENTS) -> TraceEvents:
    """The events of a Chrome trace, gzip or not. Raises TraceError naming the file, for what is larger,
    too."""
    decode, check = decoders(path)
    table = _Table()
    for events in Pieces(path, decode, check, most_bytes):
        table.add(events)
        if table.count > most_events:
            raise TraceError(
                f"{path} has more than the {most_events:,} events that are read: trace fewer iterations"
            )
    return table.events()


class _Table:
    """Columns that grow piece by piece."""

    def __init__(self) -> None:
        self.count = 0
        self._names: dict[str, int] = {}
        self._threads: dict[tuple[object, object], int] = {}
        self._devices: dict[object, int] = {}
        self._columns: list[tuple[npt.NDArray[Any], ...]] = []

    def add(self, events: Sequence[DecodedEvent]) -> None:
        kinds: dict[str | None, int] = dict(KINDS.items())
        for event in events:
            if event.cat not in kinds:
                kinds[event.cat] = KINDS.get(str(event.cat).lower(), NONE)
        kept = [
            event
            for event in events
            if event.ph == "X" and event.dur is not None and event.ts is not None and kinds[event.cat] != NONE
        ]
        if not kept:
            return
        names, threads, devices = self._names, self._threads, self._devices
        count = len(kept)
        kind = np.fromiter((kinds[event.cat] for event in kept), np.int8, count)
        on_device = kind >= EventKind.KERNEL
        self._columns.append(
            (
                kind,
                np.fromiter((names.setdefault(event.name, len(names)) for event in kept), np.int32, count),
                np.fromiter(
                    (threads.setdefault((event.pid, event.tid), len(threads)) for event in kept),
                    np.int32,
                    count,
                ),
                np.fromiter(
                    (
                        devices.setdefault(_device(event), len(devices)) if there else NONE
                        for event, there in zip(kept, on_device.tolist(), strict=True)
                    ),
                    np.int32,
                    count,
                ),
                np.fromiter((_correlation(event.args) for event in kept), np.int64, count),
                np.fromiter((event.ts for event in kept), np.float64, count),
                np.fromiter((event.dur for event in kept), np.float64, count),
            )
        )
        self.count += count

    def events(self) -> TraceEvents:
        types = (np.int8, np.int32, np.int32, np.int32, np.int64, np.float64, np.float64)
        columns: list[npt.NDArray[Any]] = [
            np.concatenate([piece[index] for piece in self._columns]) if self._columns else np.empty(0, kind)
            for index, kind in enumerate(types)
        ]
        self._columns.clear()
        kind, name, thread, device, correlation, start, duration = columns
        # Microseconds since the machine started, or since 1970: the difference keeps more digits.
        first = start.min() if len(start) else 0.0
        names = tuple(name[:LONGEST_NAME] for name in self._names)
        return TraceEvents(
            names, tuple(self._threads), tuple(self._devices), kind, name, thread, device, correlation,
            (start - first) * 1e-6, np.maximum(duration, 0.0) * 1e-6,
        )  # fmt: skip


def _device(event: DecodedEvent) -> object:
    return event.pid if event.args is None or event.args.device is None else event.args.device


def _correlation(arguments: EventArguments | None) -> int:
    return NONE if arguments is None or arguments.correlation is None else arguments.correlation
