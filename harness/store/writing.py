"""Append records to the file of one process, and keep results whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.model import SCHEMA, Ceiling, Claim, Measurement, RunEnd, RunRequest, Traced
from harness.store.files import GATE_FILE, RESULT_FILE, RUN_FILE, TUNED_FILE
from harness.store.lines import StoreError, Writer
from harness.store.parts import part_file
from harness.store.records import end_text
from harness.store.whole_file import write_whole


def open_invocation(
    folder: Path, name: str, *, environment: Mapping[str, object], planned: Sequence[str]
) -> Writer:
    """Start the record of one measuring process: the environment and what it plans to measure come first."""
    writer = Writer(folder / f"{name}.jsonl")
    writer.write("header", schema=SCHEMA, environment=environment, planned=list(planned))
    return writer


def open_run(
    folder: Path, claims: Sequence[Claim], *, request: RunRequest | None = None, **facts: object
) -> Writer:
    """Start the record of a run: what was requested, and the claims it is about."""
    writer = Writer(folder / RUN_FILE)
    resumable = {} if request is None else {"request": asdict(request)}
    writer.write("run", schema=SCHEMA, claims=[asdict(claim) for claim in claims], **facts, **resumable)
    return writer


def open_resumed(folder: Path, part: int, *, after: int, first: str = RUN_FILE, **facts: object) -> Writer:
    """Start the record of a further part of a run, or of what else ``first`` begins, whose invocations come
    ``after`` that one."""
    writer = Writer(folder / part_file(first, part))
    writer.write("resume", schema=SCHEMA, after=after, **facts)
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


def open_gate(folder: Path, claims: Sequence[Claim], **facts: object) -> Writer:
    """Start the record of a gate."""
    writer = Writer(folder / GATE_FILE)
    writer.write("gate", schema=SCHEMA, claims=[asdict(claim) for claim in claims], **facts)
    return writer


def write_case(writer: Writer, case: str, variants: Sequence[str]) -> None:
    """Append what a case is judged on, once both sides of a gate have reached it."""
    writer.write("case", case=case, variants=list(variants))


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
        write_whole(path, content + "\n")
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}; what was measured is kept beside it"
        ) from error
