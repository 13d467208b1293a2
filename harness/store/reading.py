"""Read what processes wrote: a whole run, or the beginning of one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from harness.model import Ceiling, Claim, Measurement, RunEnd, RunRequest, Telemetry, Timeline, Traced
from harness.store.files import RUN_FILE
from harness.store.lines import NOT_OURS, Record, StoreError, bad_line, kind_of, read_lines, record_in
from harness.store.parts import Part, joined, kind_of_file, part_file, part_of
from harness.store.records import (
    ceilings_in,
    claims_in,
    end_from,
    first_record,
    mapping,
    measurement_in,
    request_in,
    trace_in,
    unit_in,
)
from harness.store.repeats import Repeats
from harness.store.telemetry import TELEMETRY_FILE, read_telemetry
from harness.store.timeline import TIMELINE_FILE, read_timeline

_BESIDE = (TELEMETRY_FILE, TIMELINE_FILE)
"""Files with records of their own: what the machine and the processes did, and when."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that was saved of a run; its measurements have the clock events of their blocks, if any were
    read.

    ``planned`` has the cases its processes set out to measure; ``ended`` is why the run stopped. ``ceilings``
    are what this machine reaches at best, empty where that was not measured. ``resumed`` has the facts of
    each time it was gone on with; ``request`` is what that needs, None for runs that do not say.
    """

    folder: Path
    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    environment: Mapping[str, Any]
    measurements: tuple[Measurement, ...]
    planned: tuple[str, ...] = ()
    ended: RunEnd = field(default_factory=RunEnd)
    warnings: tuple[str, ...] = field(default=())
    telemetry: Telemetry = field(default_factory=Telemetry)
    ceilings: tuple[Ceiling, ...] = ()
    traces: tuple[Traced, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    resumed: tuple[Mapping[str, Any], ...] = ()
    request: RunRequest | None = None


def load(folder: Path, *, telemetry: bool = True) -> Run:
    """Read a run's folder. Raises StoreError naming file and line for anything that is not what a run writes.

    Without ``telemetry`` its file, which may be many times as long as all others, is not read.
    """
    if not (folder / RUN_FILE).is_file():
        raise StoreError(f"{folder} is not a run: it has no {RUN_FILE}; name a folder under results/")
    facts: Record = {}
    claims: tuple[Claim, ...] = ()
    environment: Mapping[str, Any] = {}
    measurements: list[Measurement] = []
    planned: dict[str, None] = {}
    ended = RunEnd()
    ceilings: tuple[Ceiling, ...] = ()
    warnings: list[str] = []
    parts = [_part(folder, 1, 0, warnings, telemetry)]
    request: RunRequest | None = None
    resumed: list[Record] = []
    traces: list[Traced] = []
    repeats = Repeats()
    for path in sorted(filter(Path.is_file, folder.glob("*.jsonl")), key=_reading_order):
        if kind_of_file(path.name) in _BESIDE:
            continue
        for number, line in read_lines(path, warnings):
            try:
                match kind_of(line):
                    case "measurement":
                        measurement = measurement_in(line)
                        if repeats.is_new(measurement, path, number, line):
                            measurements.append(measurement)
                    case "trace":
                        traces.append(trace_in(line))
                    case "ceilings":
                        ceilings = ceilings_in(line)
                    case "run":
                        facts = first_record(path, number, line)
                        claims = claims_in(facts.pop("claims"))
                        request = request_in(facts.pop("request", None))
                    case "resume":
                        more = first_record(path, number, line)
                        parts.append(_further(folder, path, more, parts[-1].after, warnings, telemetry))
                        resumed.append(more)
                        ended = RunEnd()
                    case "header":
                        header = first_record(path, number, line)
                        stated = mapping(header["environment"], "environment")
                        environment = environment or stated
                        planned.update(dict.fromkeys(map(str, header["planned"])))
                    case "end":
                        ended = end_from(record_in(line)["why"])
                    case kind:
                        raise ValueError(f"unknown record {kind[:50]!r}")
            except NOT_OURS as error:
                raise bad_line(path, number, error) from error
    warnings += repeats.warnings()
    found, watched, timeline = joined(parts, measurements)
    return Run(
        folder,
        facts,
        claims,
        environment,
        found,
        tuple(planned),
        ended,
        tuple(warnings),
        watched,
        ceilings,
        tuple(traces),
        timeline,
        tuple(resumed),
        request,
    )


def _part(folder: Path, number: int, after: int, warnings: list[str], telemetry: bool) -> Part:
    """What was seen during a part of the run."""
    watched = folder / part_file(TELEMETRY_FILE, number)
    return Part(
        after,
        read_telemetry(watched, warnings) if telemetry else Telemetry(),
        read_timeline(folder / part_file(TIMELINE_FILE, number), warnings),
    )


def _further(
    folder: Path, path: Path, record: Record, least: int, warnings: list[str], telemetry: bool
) -> Part:
    """The part that a record begins; it continues the invocations before it, ``least`` at the least."""
    return _part(folder, part_of(path.name), unit_in(record, least), warnings, telemetry)


def read_measurements(path: Path) -> list[Measurement]:
    """The finished measurements in one process's file, in the order they were written; none if there is no
    file."""
    if not path.is_file():
        return []
    return [measurement_in(line) for _, line in read_lines(path, []) if kind_of(line) == "measurement"]


def read_header(path: Path) -> Record:
    """The first line of one process's file, or an empty record where it wrote none."""
    if not path.is_file():
        return {}
    return next((record_in(line) for _, line in read_lines(path, []) if kind_of(line) == "header"), {})


def read_run_record(path: Path) -> Record:
    """The first line of a run or a gate, or an empty record where it wrote none. Raises StoreError."""
    try:
        for number, line in read_lines(path, []):
            try:
                return record_in(line)
            except NOT_OURS as error:
                raise bad_line(path, number, error) from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    return {}


def begun(folder: Path) -> bool:
    """Whether a run came as far as its first process: until then it has nothing but what it was asked for."""
    files = {path: kind_of_file(path.name) for path in folder.glob("*.jsonl")}
    if any(kind not in (RUN_FILE, *_BESIDE) for kind in files.values()):
        return True
    try:
        return any(
            kind_of(line) not in ("run", "resume", "end")
            for path, kind in files.items()
            if kind == RUN_FILE
            for _, line in islice(read_lines(path, []), 3)
        )
    except (OSError, StoreError, *NOT_OURS):  # it cannot be read, which the command that shows it reports
        return True


def _reading_order(path: Path) -> tuple[bool, list[object]]:
    numbers = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.stem)]
    return path.name != RUN_FILE, numbers
