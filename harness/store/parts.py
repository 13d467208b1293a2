"""A run in several parts: one that was resumed has further files of the same kinds, each with its number.

Nothing that an earlier part wrote is written to again. Moments are of the machine's monotonic clock, which
begins anew when the machine does, so those of a later part are moved to follow the part before it: no reading
falls into a block of another part, and the time between parts counts for nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from harness.model import Measurement, SensorSeries, Telemetry, Timeline
from harness.store.clock_events import annotate
from harness.store.files import GATE_FILE, RUN_FILE
from harness.store.lines import StoreError
from harness.store.telemetry import TELEMETRY_FILE
from harness.store.timeline import TIMELINE_FILE

_FILES = (RUN_FILE, GATE_FILE, TELEMETRY_FILE, TIMELINE_FILE)
_PART = re.compile(r"(?P<kind>run|gate|telemetry|timeline)-(?P<number>[1-9]\d{0,5})\.jsonl")


@dataclass(frozen=True, slots=True)
class Part:
    """What was seen during one part; ``after`` is the last invocation of the parts before it."""

    after: int = 0
    telemetry: Telemetry = field(default_factory=Telemetry)
    timeline: Timeline = field(default_factory=Timeline)


def part_file(name: str, number: int) -> str:
    """The file of that kind in a part of the run: ``run.jsonl`` is the first's, ``run-2.jsonl`` the
    second's."""
    path = PurePath(name)
    return name if number == 1 else f"{path.stem}-{number}{path.suffix}"


def kind_of_file(name: str) -> str:
    """The name that a file has in a first part; its own where parts do not distinguish it."""
    match = _PART.fullmatch(name)
    return f"{match['kind']}.jsonl" if match else name


def part_of(name: str, first: str = RUN_FILE) -> int:
    """The number of the part that a file begins, where ``first`` begins the first. Raises ValueError for a
    file that begins none."""
    match = _PART.fullmatch(name)
    if match is None or match["kind"] != PurePath(first).stem:
        raise ValueError(f"a part is begun in {part_file(first, 2)} or the like, not in {name}")
    return int(match["number"])


def next_part(folder: Path) -> int:
    """The number of the part that comes next; 1 for a folder without any."""
    numbers = [int(match["number"]) for path in folder.iterdir() if (match := _PART.fullmatch(path.name))]
    if any((folder / name).exists() for name in (RUN_FILE, GATE_FILE)):
        numbers.append(1)
    return max(numbers, default=0) + 1


def discard_part(folder: Path, number: int) -> None:
    """Remove the records of a part that measured nothing."""
    for name in _FILES:
        (folder / part_file(name, number)).unlink(missing_ok=True)


@contextmanager
def being_measured(folder: Path, first: str = RUN_FILE) -> Iterator[None]:
    """Mark a run, or what else ``first`` begins, as being measured by this process, for as long as it lives
    at the most.

    Raises StoreError where another process measures it. File systems without locks mark nothing.
    """
    try:
        descriptor = os.open(folder / first, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise StoreError(f"cannot read {folder / first}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{folder} is being measured by another process; wait for its end, or end it with Ctrl-C there"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def joined(
    parts: Sequence[Part], measurements: Iterable[Measurement]
) -> tuple[tuple[Measurement, ...], Telemetry, Timeline]:
    """All parts as one run: measurements with their clock events, in the order of their invocations."""
    given = sorted(measurements, key=lambda measurement: measurement.invocation)
    if len(parts) == 1:
        return annotate(given, parts[0].telemetry), parts[0].telemetry, parts[0].timeline
    found: list[Measurement] = []
    moved: list[Part] = []
    last: float | None = None
    ends = [part.after for part in parts[1:]]
    for part, end in zip(parts, [*ends, None], strict=True):
        own = [
            one
            for one in given
            if (one.invocation > part.after or part is parts[0]) and (end is None or one.invocation <= end)
        ]
        moments = [*_moments(part), *(moment for one in own for block in one.blocks for moment in block)]
        by = 0.0 if last is None or not moments else last - min(moments)
        last = max(moments) + by if moments else last
        moved.append(_moved(part, by))
        own = [
            replace(one, blocks=tuple((begin + by, after + by) for begin, after in one.blocks)) for one in own
        ]
        found += annotate(own, moved[-1].telemetry)
    return tuple(found), _one_telemetry(moved), _one_timeline(moved)


def _moments(part: Part) -> Iterator[float]:
    """The first and the last moment of each record of it."""
    for series in part.telemetry.series:
        if series.moments:
            yield min(series.moments)
            yield max(series.moments)
    if part.telemetry.hertz:
        yield part.telemetry.start
    if part.timeline != Timeline():
        yield part.timeline.start
        yield part.timeline.end


def _moved(part: Part, by: float) -> Part:
    if not by:
        return part
    seen, timeline = part.telemetry, part.timeline
    series = (
        replace(each, moments=array("d", (moment + by for moment in each.moments))) for each in seen.series
    )
    spans = (replace(span, begin=span.begin + by, end=span.end + by) for span in timeline.spans)
    return Part(
        part.after,
        replace(seen, start=seen.start + by, series=tuple(series)),
        Timeline(timeline.start + by, timeline.end + by, tuple(spans)),
    )


def _one_telemetry(parts: Sequence[Part]) -> Telemetry:
    seen = [part.telemetry for part in parts if part.telemetry != Telemetry()]
    if len(seen) < 2:
        return seen[0] if seen else Telemetry()
    series: dict[tuple[str, str, str, int], tuple[array[float], array[float]]] = {}
    for each in (each for one in seen for each in one.series):
        key = (each.device, each.quantity, each.case, each.invocation)
        moments, values = series.setdefault(key, (array("d"), array("d")))
        moments.extend(each.moments)
        values.extend(each.values)
    return Telemetry(
        max(one.hertz for one in seen),
        seen[0].start,
        tuple(
            SensorSeries(device, quantity, moments, values, case, invocation)
            for (device, quantity, case, invocation), (moments, values) in series.items()
        ),
        tuple(dict.fromkeys(other for one in seen for other in one.other_processes)),
        tuple(dict.fromkeys(text for one in seen for text in one.warnings)),
        max((one.cost for one in seen if one.cost is not None), default=None),
        tuple(dict.fromkeys(device for one in seen for device in one.devices)),
        next((one.no_nvml for one in seen if one.no_nvml), ""),
    )


def _one_timeline(parts: Sequence[Part]) -> Timeline:
    kept = [part.timeline for part in parts if part.timeline != Timeline()]
    if not kept:
        return Timeline()
    return Timeline(kept[0].start, kept[-1].end, tuple(span for one in kept for span in one.spans))
