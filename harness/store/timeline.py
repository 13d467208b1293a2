"""A run's timeline on disk: one line a span, none of them waited for."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from pathlib import Path

from harness.model import SCHEMA, Activity, Span, Timeline
from harness.store.lines import NOT_OURS, Record, Writer, bad_line, read_lines, record_in

TIMELINE_FILE = "timeline.jsonl"


class TimelineWriter:
    """Appends spans as they end. Every write leaves whole lines; none is forced to the disk."""

    def __init__(self, folder: Path, start: float, name: str = TIMELINE_FILE) -> None:
        self._writer = Writer(folder / name)
        self._write({"record": "timeline", "schema": SCHEMA, "start": start})

    def span(self, span: Span) -> None:
        """Append a span. Raises StoreError."""
        self._write({"record": "span", **asdict(span)})

    def end(self, moment: float) -> None:
        """Append when the run ended, and close. Raises StoreError."""
        try:
            self._write({"record": "end", "moment": moment})
        finally:
            self._writer.close()

    def _write(self, record: Record) -> None:
        self._writer.write_all([record], lasting=False)


def read_timeline(path: Path, warnings: list[str]) -> Timeline:
    """What a run did when; empty where there is no file. Raises StoreError for what is malformed.

    Activities and records that a later version may have added are passed over.
    """
    if not path.is_file():
        return Timeline()
    start, end = 0.0, None
    spans: list[Span] = []
    for number, line in read_lines(path, warnings):
        try:
            record = record_in(line)
            match record["record"]:
                case "timeline":
                    if record["schema"] > SCHEMA:
                        raise ValueError(f"schema {record['schema']}, this harness reads {SCHEMA}")
                    start = _moment(record["start"])
                case "span" if record["activity"] in list(Activity):
                    spans.append(_span(record))
                case "end":
                    end = _moment(record["moment"])
        except NOT_OURS as error:
            raise bad_line(path, number, error) from error
    if end is None:
        end = max((span.end for span in spans), default=start)
    return Timeline(start, end, tuple(spans))


def _span(record: Record) -> Span:
    begin, end = _moment(record["begin"]), _moment(record["end"])
    if end < begin:
        raise ValueError("a span ends before it begins")
    return Span(
        int(record["process"]),
        Activity(record["activity"]),
        begin,
        end,
        str(record["case"]),
        int(record["invocation"]),
    )


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{str(value)[:50]!r} is not a moment")
    return float(value)
