"""From a line's values to our nouns: every field is checked, for a file from elsewhere may hold anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from harness.model import (
    LARGEST_MARGIN,
    LONGEST_TIME_LIMIT,
    SCHEMA,
    CaseWarning,
    Ceiling,
    Claim,
    EndReason,
    Expect,
    Measurement,
    RunEnd,
    Status,
    Trial,
    WarningCode,
    Work,
)
from harness.store.lines import Record, StoreError

_MOST_INVOCATIONS = 2**31 - 1
_WORK = ("items", "bytes", "flops")

NOT_OURS = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What comes of taking a record for one of ours that is none."""


_STOPPED = "stopped: "
_ALL_MEASURED = "every invocation that its profile allows was held"
_END_TEXTS = {reason: reason.value for reason in EndReason} | {EndReason.ALL_MEASURED: _ALL_MEASURED}
"""Schema 1 records the reason of a run's end as these texts."""

_END_REASONS = {
    text: reason for reason, text in _END_TEXTS.items() if reason not in (EndReason.STOPPED, EndReason.OTHER)
}


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


def check_schema(path: Path, number: int, record: Record) -> None:
    """Raises StoreError for a later version of the records, ValueError for what is none."""
    schema = record["schema"]
    if not isinstance(schema, int) or schema < 1:
        raise ValueError(f"schema {schema!r} is not a version")
    if schema > SCHEMA:
        raise StoreError(f"{path}:{number} has schema {schema}, this harness reads {SCHEMA}: update it")


def mapping(found: object, name: str) -> Mapping[str, Any]:
    """An object of JSON. Raises ValueError for anything else."""
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object")
    return found


def claim_from(stated: Mapping[str, Any]) -> Claim:
    """The claim in a run's first line. Raises KeyError, TypeError or ValueError for anything else."""
    _check(str, "text", stated, "name", "sentence", "path", "function", "metric")
    _check((int, float), "a number", stated, "margin", "time_limit")
    if not 0 <= stated["margin"] <= LARGEST_MARGIN:
        raise ValueError(f"the margin {stated['margin']} is not a share")
    if not 0 <= stated["time_limit"] <= LONGEST_TIME_LIMIT:
        raise ValueError(f"the time limit {stated['time_limit']} is not a time in seconds")
    return Claim(**{**stated, "expect": Expect(stated["expect"]), "needs": tuple(stated["needs"])})


def measurement_from(record: Mapping[str, Any]) -> Measurement:
    """The measurement that `write_measurement` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    content = {key: value for key, value in record.items() if key != "record"}
    trials = tuple(_trial(trial) for trial in content.pop("trials"))
    work = _work(content.pop("work"))
    warnings = tuple(_warning(stated, trials) for stated in content.pop("warnings"))
    blocks = tuple(_stretch(stretch) for stretch in content.pop("blocks", ()))
    digests = mapping(content.pop("digests", {}), "digests")
    content["digests"] = {str(name): str(digest) for name, digest in digests.items()}
    content["clock_events"] = tuple(map(int, content.pop("clock_events", ())))
    _check(str, "text", content, "case", "claim", "reason")
    _check(int, "a whole number", content, "invocation")
    _check((int, float), "a number", content, "seconds")
    _check((int, float), "a number", {name: getattr(work, name) for name in _WORK}, *_WORK)
    if not all(map(isfinite, (content["seconds"], work.items, work.bytes, work.flops))):
        raise ValueError("seconds or work is not finite")
    if not 0 <= content["invocation"] <= _MOST_INVOCATIONS:
        raise ValueError("no run has so many invocations")
    return Measurement(
        **{**content, "status": Status(content["status"])}, trials=trials, work=work, warnings=warnings, blocks=blocks
    )


def ceiling_from(record: Mapping[str, Any]) -> Ceiling:
    """The ceiling that was written. Raises KeyError, TypeError or ValueError for anything else."""
    _check(str, "text", record, "name", "unit", "detail", "device")
    _check((int, float), "a number", record, "value")
    if not isfinite(record["value"]) or record["value"] <= 0:
        raise ValueError("a ceiling's value is above nothing")
    return Ceiling(**record)


def _warning(stated: object, trials: Sequence[Trial]) -> CaseWarning:
    """A warning as it was written, or the text that earlier versions wrote, about the one variant that it names."""
    if isinstance(stated, str):
        words = [word.strip(",:") for word in stated.split()]
        named = [trial.variant for trial in trials if trial.variant in words]
        return CaseWarning(WarningCode.OTHER, named[0] if len(named) == 1 else "", stated)
    record = mapping(stated, "a warning")
    _check(str, "text", record, "code", "subject", "detail", "quantity")
    _check((int, float), "a number", record, "seconds")
    code = record["code"]
    if code not in list(WarningCode):
        about = (code, record["quantity"], record["detail"])
        return CaseWarning(WarningCode.OTHER, record["subject"], ": ".join(filter(None, about)))
    return CaseWarning(**{**record, "code": WarningCode(code)})


def _work(record: Mapping[str, Any]) -> Work:
    work = Work(**record)
    if not isinstance(work.precision, Mapping) or not all(isinstance(name, str) for name in work.precision.values()):
        raise ValueError("precision does not name any by variant")
    return work


def _stretch(pair: Sequence[float]) -> tuple[float, float]:
    start, end = map(float, pair)
    if not (isfinite(start) and isfinite(end)):
        raise ValueError("a block's moment is not finite")
    return start, end


def _trial(record: Mapping[str, Any]) -> Trial:
    _check(str, "text", record, "variant", "reason")
    _check((int, float), "a number", record, "iterations", "first_seconds", "warmup_seconds")
    samples = {str(name): tuple(values) for name, values in record["samples"].items()}
    readings = {kind: {str(name): value for name, value in record[kind].items()} for kind in ("exact", "solo")}
    for name, values in (*samples.items(), *((kind, single.values()) for kind, single in readings.items())):
        if not all(map(isfinite, values)):
            raise ValueError(f"{name} holds what is not finite")
    return Trial(
        **{
            **record,
            **readings,
            "status": Status(record["status"]),
            "expect": Expect(record["expect"]),
            "samples": samples,
        }
    )


def _check(kind: type | tuple[type, ...], word: str, record: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(record[name], kind):
            raise ValueError(f"{name} is not {word}")
