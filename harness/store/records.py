"""From a line to our nouns: every field is checked, for a file from elsewhere may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path, PurePosixPath
from typing import Any

from harness.model import (
    LARGEST_MARGIN,
    LARGEST_TARGET,
    LONGEST_TIME_LIMIT,
    SCHEMA,
    TRACES,
    CaseWarning,
    Ceiling,
    Claim,
    EndReason,
    Measurement,
    RunEnd,
    RunRequest,
    Traced,
    Trial,
    WarningCode,
    WatchedLoader,
)
from harness.store.codec import decode
from harness.store.lines import Record, StoreError, record_in

_MOST_INVOCATIONS = 2**31 - 1

_STOPPED = "stopped: "
_ALL_MEASURED = "every invocation that its profile allows was held"
_END_TEXTS = {reason: reason.value for reason in EndReason} | {EndReason.ALL_MEASURED: _ALL_MEASURED}
"""Schema 1 records the reason of a run's end as these texts."""

_END_REASONS = {
    text: reason for reason, text in _END_TEXTS.items() if reason not in (EndReason.STOPPED, EndReason.OTHER)
}


@dataclass(frozen=True, slots=True)
class StoredWarning:
    """A warning as it lies in a file: its code may be one that this version does not know."""

    code: str
    subject: str
    detail: str
    quantity: str
    seconds: float


_STORED: Mapping[type, object] = {CaseWarning: StoredWarning | str}
"""Earlier versions wrote a warning as a text."""


def end_text(end: RunEnd) -> str:
    """The text that records why a run ended."""
    if end.reason is EndReason.STOPPED:
        return f"{_STOPPED}{end.detail}"
    return end.detail if end.reason is EndReason.OTHER else _END_TEXTS[end.reason]


def end_from(why: object) -> RunEnd:
    """Why a run ended, from the text that was recorded. Raises ValueError for what is not a text."""
    if not isinstance(why, str):
        raise ValueError("why is not text")
    if why in _END_REASONS:
        return RunEnd(_END_REASONS[why])
    if why.startswith(_STOPPED):
        return RunEnd(EndReason.STOPPED, why.removeprefix(_STOPPED))
    return RunEnd(EndReason.OTHER, why)


@dataclass(frozen=True, slots=True)
class _Ceilings:
    ceilings: tuple[Ceiling, ...]
    measured: str = ""


@dataclass(frozen=True, slots=True)
class _Claims:
    claims: tuple[Claim, ...]


def first_record(path: Path, number: int, line: bytes) -> Record:
    """The first line of a file without its kind. Raises StoreError for a later version of the records."""
    record = record_in(line)
    del record["record"]
    schema = record["schema"]
    if not isinstance(schema, int) or schema < 1:
        raise ValueError(f"schema {schema!r} is not a version")
    if schema > SCHEMA:
        raise StoreError(f"{path}:{number} has schema {schema}, this harness reads {SCHEMA}: update it")
    return record


def mapping(found: object, name: str) -> Mapping[str, Any]:
    """An object of JSON. Raises ValueError for anything else."""
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object")
    return found


def claims_in(stated: object) -> tuple[Claim, ...]:
    """The claims in a run's first line. Raises ValueError for anything else."""
    from harness.store import typed

    claims = typed.convert({"claims": stated}, _Claims).claims
    for claim in claims:
        if not 0 <= claim.margin <= LARGEST_MARGIN:
            raise ValueError(f"the margin {claim.margin} is not a share")
        if not 0 <= claim.time_limit <= LONGEST_TIME_LIMIT:
            raise ValueError(f"the time limit {claim.time_limit} is not a time in seconds")
        if claim.target is not None and not 0 < claim.target <= LARGEST_TARGET:
            raise ValueError(f"the target {claim.target} is not a share")
    return claims


def request_in(stated: object) -> RunRequest | None:
    """What resuming the run needs; None where its record does not say. Raises ValueError."""
    from harness.store import typed

    return None if stated is None else typed.convert(stated, RunRequest)


def loader_in(stated: object) -> WatchedLoader:
    """The loader of a watched loop. Raises ValueError for anything else."""
    from harness.store import typed

    return typed.convert(stated, WatchedLoader)


def unit_in(resumed: Record, least: int) -> int:
    """The last invocation before the part that this record begins, ``least`` at the least. Raises ValueError
    for anything else."""
    after = resumed["after"]
    if not isinstance(after, int) or not 0 <= after <= _MOST_INVOCATIONS:
        raise ValueError(f"after {str(after)[:50]} is not an invocation")
    if after < least:
        raise ValueError(f"after {after} is before the part that was there already")
    return after


def measurement_in(line: bytes) -> Measurement:
    """The measurement in a line, or in that of a pair. Raises ValueError for anything else."""
    found = decode(line, Measurement, "record", "of", stored=_STORED)
    if not 0 <= found.invocation <= _MOST_INVOCATIONS:
        raise ValueError("no run has so many invocations")
    if not found.warnings:
        return found
    return replace(found, warnings=tuple(_warning(stated, found.trials) for stated in found.warnings))


def ceilings_in(line: bytes) -> tuple[Ceiling, ...]:
    """The ceilings in a line. Raises ValueError for anything else."""
    return tuple(map(_sound, decode(line, _Ceilings, "record").ceilings))


def ceiling_from(record: object) -> Ceiling:
    """The ceiling in values of JSON. Raises ValueError for anything else."""
    from harness.store import typed

    return _sound(typed.convert(record, Ceiling))


def _sound(ceiling: Ceiling) -> Ceiling:
    if not 0 < ceiling.value < inf:
        raise ValueError("a ceiling's value is above nothing")
    return ceiling


def trace_in(line: bytes) -> Traced:
    """The traced pass in a line. Raises ValueError for anything else."""
    found = decode(line, Traced, "record")
    if found.file and (len(parts := PurePosixPath(found.file).parts) != 2 or not _plain(found.file, parts)):
        raise ValueError("file is not one in the run's folder of traces")
    return found


def _plain(file: str, parts: tuple[str, ...]) -> bool:
    folder, name = parts
    return folder == TRACES and name != ".." and "\\" not in name and file == f"{folder}/{name}"


def _warning(stated: object, trials: tuple[Trial, ...]) -> CaseWarning:
    """A warning as it was written, or the text that earlier versions wrote, about the one variant that it
    names."""
    if isinstance(stated, StoredWarning):
        if stated.code in list(WarningCode):
            code = WarningCode(stated.code)
            return CaseWarning(code, stated.subject, stated.detail, stated.quantity, stated.seconds)
        about = (stated.code, stated.quantity, stated.detail)
        return CaseWarning(WarningCode.OTHER, stated.subject, ": ".join(filter(None, about)))
    text = str(stated)
    words = [word.strip(",:") for word in text.split()]
    named = [trial.variant for trial in trials if trial.variant in words]
    return CaseWarning(WarningCode.OTHER, named[0] if len(named) == 1 else "", text)
