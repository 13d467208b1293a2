"""Append and read records: the only file that touches results/.

A run is a folder. Each process writes one file of JSON lines in it: first a header, then a line for each
thing that is finished, each with one write and one fsync, so that whatever dies costs at most what was in
flight. A torn last line is dropped with a warning; any other bad line is an error that names file and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

from harness.model import SCHEMA, TRACES, Ceiling, Claim, Measurement, RunEnd, Telemetry, Traced
from harness.store.clock_events import annotate
from harness.store.codec import from_json, to_json
from harness.store.lines import (
    LONGEST_LINE,
    NOT_OURS,
    Record,
    StoreError,
    Writer,
    bad_line,
    kind_of,
    read_lines,
    record_in,
)
from harness.store.records import (
    ceiling_from,
    ceilings_in,
    claims_in,
    end_from,
    end_text,
    first_record,
    mapping,
    measurement_in,
    trace_in,
)
from harness.store.snapshots import SNAPSHOTS, snapshot_file, write_snapshot
from harness.store.telemetry import TELEMETRY_FILE, TelemetryWriter, read_telemetry

__all__ = [
    "GATE",
    "GATE_FILE",
    "LONGEST_LINE",
    "RESULT_FILE",
    "RUN_FILE",
    "SNAPSHOTS",
    "TELEMETRY_FILE",
    "TUNE",
    "TUNED_FILE",
    "Record",
    "Run",
    "StoreError",
    "TelemetryWriter",
    "Writer",
    "begun",
    "ceiling_from",
    "from_json",
    "load",
    "new_run_folder",
    "open_gate",
    "open_invocation",
    "open_run",
    "read_header",
    "read_measurements",
    "read_run_record",
    "result_files",
    "run_folders",
    "snapshot_file",
    "to_json",
    "trace_name",
    "write_ceilings",
    "write_end",
    "write_measurement",
    "write_pairing",
    "write_result",
    "write_snapshot",
    "write_trace",
    "write_tuned",
]

RUN_FILE = "run.jsonl"
GATE_FILE = "gate.jsonl"
RESULT_FILE = "gate.json"
TUNED_FILE = "tune.json"
TUNE = "tune"
"""The profile that a tuning writes in its run's record."""
GATE = "gate"
"""The profile that a gate against a stored run writes in its run's record."""


def open_invocation(
    folder: Path, name: str, *, environment: Mapping[str, Any], planned: Sequence[str]
) -> Writer:
    """Start the record of one measuring process: the environment and what it plans to measure come first."""
    writer = Writer(folder / f"{name}.jsonl")
    writer.write("header", schema=SCHEMA, environment=environment, planned=list(planned))
    return writer


def open_run(folder: Path, claims: Sequence[Claim], **facts: object) -> Writer:
    """Start the record of a run: what was requested, and the claims it is about."""
    writer = Writer(folder / RUN_FILE)
    writer.write("run", schema=SCHEMA, claims=[asdict(claim) for claim in claims], **facts)
    return writer


def write_measurement(writer: Writer, measurement: Measurement) -> None:
    """Append a finished measurement."""
    writer.write("measurement", **asdict(measurement))


def write_ceilings(writer: Writer, ceilings: Sequence[Ceiling], measured: str) -> None:
    """Append what this machine reaches at best, and when (an ISO date) it was measured."""
    writer.write("ceilings", ceilings=[asdict(ceiling) for ceiling in ceilings], measured=measured)


def write_end(writer: Writer, end: RunEnd, **facts: object) -> None:
    """Append why the run ended: its last record."""
    writer.write("end", why=end_text(end), **facts)


def write_trace(writer: Writer, traced: Traced) -> None:
    """Append what a traced pass showed."""
    writer.write("trace", **asdict(traced))


def trace_name(case: str, variant: str) -> str:
    """Where the trace of a variant goes, relative to its run's folder: a name any file system takes, and no
    path."""
    whole = f"{case} {variant}"
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", whole.replace(".py::", "-"))[-100:].strip("-.")
    return f"{TRACES}/{safe}-{crc32(whole.encode('utf-8', 'surrogatepass')):08x}.json.gz"


def open_gate(folder: Path, claims: Sequence[Claim], **facts: object) -> Writer:
    """Start the record of a gate."""
    writer = Writer(folder / GATE_FILE)
    writer.write("gate", schema=SCHEMA, claims=[asdict(claim) for claim in claims], **facts)
    return writer


def write_pairing(writer: Writer, variant: str, measurement: Measurement) -> None:
    """Append what a unit showed of one variant: base's samples in the baseline's place, beside head's."""
    writer.write("pairing", of=variant, **asdict(measurement))


def write_result(folder: Path, content: str) -> None:
    """Keep a gate's result beside its samples, whole or not at all. Raises StoreError."""
    _write_whole(folder / RESULT_FILE, content)


def write_tuned(folder: Path, content: str) -> None:
    """Keep what a tuning found beside its samples, whole or not at all. Raises StoreError."""
    _write_whole(folder / TUNED_FILE, content)


def _write_whole(path: Path, content: str) -> None:
    try:
        draft = path.with_suffix(".part")
        draft.write_text(content + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}; what was measured is kept beside it"
        ) from error


def result_files(results: Path) -> list[Path]:
    """The results of gates in a results folder, oldest first."""
    return sorted(results.glob(f"*/{RESULT_FILE}")) if results.is_dir() else []


def new_run_folder(results: Path, now: datetime) -> Path:
    """Make a folder of its own for a run that starts ``now``; a second run in the same second gets another
    name."""
    stamp = now.strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in ("", *(f"-{count:02}" for count in range(2, 100))):
        folder = results / f"{stamp}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(
                f"cannot make {folder}: {error.strerror}; choose a folder you may write to with --results FOLDER"
            ) from error
        return folder
    raise StoreError(f"cannot make a new folder in {results}: a hundred runs started in one second")


def run_folders(results: Path) -> list[Path]:
    """The runs in a results folder, oldest first."""
    if not results.is_dir():
        return []
    return sorted(path.parent for path in results.glob(f"*/{RUN_FILE}"))


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that was saved of a run; its measurements have the clock events of their blocks, if any were
    read.

    ``planned`` has the cases its processes set out to measure; ``ended`` is why the run stopped. ``ceilings``
    are what this machine reaches at best, empty where that was not measured.
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
    watched = read_telemetry(folder / TELEMETRY_FILE, warnings) if telemetry else Telemetry()
    traces: list[Traced] = []
    for path in sorted(filter(Path.is_file, folder.glob("*.jsonl")), key=_reading_order):
        if path.name == TELEMETRY_FILE:
            continue
        for number, line in read_lines(path, warnings):
            try:
                match kind_of(line):
                    case "measurement":
                        measurements.append(measurement_in(line))
                    case "trace":
                        traces.append(trace_in(line))
                    case "ceilings":
                        ceilings = ceilings_in(line)
                    case "run":
                        facts = first_record(path, number, line)
                        claims = claims_in(facts.pop("claims"))
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
    measurements.sort(key=lambda measurement: measurement.invocation)
    return Run(
        folder,
        facts,
        claims,
        environment,
        annotate(measurements, watched),
        tuple(planned),
        ended,
        tuple(warnings),
        watched,
        ceilings,
        tuple(traces),
    )


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
    if any(path.name not in (RUN_FILE, TELEMETRY_FILE) for path in folder.glob("*.jsonl")):
        return True
    try:
        return any(
            kind_of(line) not in ("run", "end") for _, line in islice(read_lines(folder / RUN_FILE, []), 3)
        )
    except (OSError, StoreError, *NOT_OURS):  # it cannot be read, which the command that shows it reports
        return True


def _reading_order(path: Path) -> tuple[bool, list[object]]:
    numbers = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.stem)]
    return path.name != RUN_FILE, numbers
