"""The monitor's record: batches of readings as JSON lines, about one write a second, none of them waited
for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from harness.model import SCHEMA, OtherProcess, SeenWhen, SensorReading, SensorSeries, Telemetry
from harness.store.lines import NOT_OURS, Record, Writer, bad_line, read_lines, record_in

TELEMETRY_FILE = "telemetry.jsonl"

NO_NVML = "no nvml"
"""The code of the warning that NVML does not start."""

_EARLIER_NO_NVML = ("NVML does not start", "pynvml is not installed")
"""How that warning begins in records of earlier versions, which gave no code."""

MOST_READINGS = 5_000_000
"""Readings that are kept of one run; they take 16 bytes each. An hour on one GPU has less than a million."""

_Key = tuple[str, str, str, int]


class TelemetryWriter:
    """What the monitor saw, line by line. Every write leaves whole lines; none is forced to the disk."""

    def __init__(self, folder: Path, *, hertz: float, start: float, name: str = TELEMETRY_FILE) -> None:
        self._writer = Writer(folder / name)
        self._write([{"record": "watch", "schema": SCHEMA, "hertz": hertz, "start": start}])

    def readings(self, batches: Iterable[tuple[str, int, list[SensorReading]]]) -> None:
        """Append batches: the case and the invocation that were measured, and what was read. Raises
        StoreError."""
        self._write(
            [line for case, invocation, batch in batches for line in _lines_of(case, invocation, batch)]
        )

    def devices(self, names: Iterable[str]) -> None:
        """Append which GPUs the run measures on. Raises StoreError."""
        self._write([{"record": "devices", "names": list(names)}])

    def other_process(self, seen: OtherProcess) -> None:
        """Append a process that is not one of the run's. Raises StoreError."""
        values = {name: getattr(seen, name) for name in OtherProcess.__slots__}
        self._write([{"record": "stranger", **values}])  # codespell:ignore

    def warning(self, text: str) -> None:
        """Append what could not be read. Raises StoreError."""
        self._write([{"record": "warning", "text": text}])

    def no_nvml(self, reason: str) -> None:
        """Append why NVML does not start. Raises StoreError."""
        self._write([{"record": "warning", "text": reason, "code": NO_NVML}])

    def end(self, cost: float) -> None:
        """Append that the monitor has ended, and its CPU time as a share of one core; close. Raises
        StoreError."""
        try:
            self._write([{"record": "end", "cost": cost}])
        finally:
            self._writer.close()

    def _write(self, records: list[Record]) -> None:
        if records:
            self._writer.write_all(records, lasting=False)


def _lines_of(case: str, invocation: int, batch: list[SensorReading]) -> Iterable[Record]:
    """A line a device; quantities that were read together share their moments."""
    devices: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for reading in batch:
        moments, values = devices.setdefault(reading.device, {}).setdefault(reading.quantity, ([], []))
        moments.append(reading.moment)
        values.append(reading.value)
    for device, quantities in devices.items():
        together: dict[tuple[float, ...], dict[str, list[float]]] = {}
        for name, (moments, values) in quantities.items():
            together.setdefault(tuple(moments), {})[name] = values
        series = [{"at": list(at), "values": found} for at, found in together.items()]
        yield {
            "record": "telemetry",
            "device": device,
            "case": case,
            "invocation": invocation,
            "series": series,
        }


def read_telemetry(path: Path, warnings: list[str]) -> Telemetry:
    """What the monitor wrote; empty where there is no file.

    Records and fields that a later version may have added are passed over. Raises StoreError for what is
    malformed.
    """
    if not path.is_file():
        return Telemetry()
    found = _Found()
    for number, line in read_lines(path, warnings):
        try:
            found.take(record_in(line))
        except NOT_OURS as error:
            raise bad_line(path, number, error) from error
    if found.left_out:
        warnings.append(f"{path}: {found.left_out} readings beyond the first {MOST_READINGS} were left out")
    return found.telemetry()


class _Found:
    """A file as far as it was read."""

    def __init__(self) -> None:
        self.left_out = 0
        self._readings = 0
        self._series: dict[_Key, tuple[array[float], array[float]]] = {}
        self._other_processes: dict[OtherProcess, None] = {}
        self._warnings: dict[str, None] = {}
        self._no_nvml = ""
        self._devices: tuple[str, ...] = ()
        self._facts: dict[str, float] = {}
        self._cost: float | None = None

    def take(self, record: Record) -> None:
        match record["record"]:
            case "watch":
                if record["schema"] > SCHEMA:
                    raise ValueError(f"schema {record['schema']}, this harness reads {SCHEMA}")
                self._facts = {name: _number(record[name]) for name in ("hertz", "start")}
            case "telemetry":
                for group in record["series"]:
                    for name, values in group["values"].items():
                        key = (
                            _text(record["device"]),
                            _text(name),
                            _text(record["case"]),
                            int(record["invocation"]),
                        )
                        self._add(key, group["at"], values)
            case "devices":
                self._devices = tuple(map(_text, record["names"]))
            case "stranger":  # codespell:ignore stranger
                held = record["bytes"]
                seen = OtherProcess(
                    SeenWhen(record["when"]),
                    _text(record["device"]),
                    int(record["pid"]),
                    _text(record["name"]),
                    None if held is None else int(held),
                )
                self._other_processes[seen] = None
            case "warning":
                text = _text(record["text"])
                if record.get("code") == NO_NVML or (
                    "code" not in record and text.startswith(_EARLIER_NO_NVML)
                ):
                    self._no_nvml = text
                else:
                    self._warnings[text] = None
            case "end":
                self._cost = _number(record["cost"])

    def _add(self, key: _Key, at: list[Any], values: list[Any]) -> None:
        if len(at) != len(values):
            raise ValueError(f"{key[1]} has {len(values)} values at {len(at)} moments")
        room = max(0, MOST_READINGS - self._readings)
        self.left_out += max(0, len(at) - room)
        moments, kept = self._series.setdefault(key, (array("d"), array("d")))
        moments.extend(map(_number, at[:room]))
        kept.extend(map(_number, values[:room]))
        self._readings += min(room, len(at))

    def telemetry(self) -> Telemetry:
        return Telemetry(
            self._facts.get("hertz", 0.0),
            self._facts.get("start", 0.0),
            tuple(
                SensorSeries(device, name, moments, values, case, invocation)
                for (device, name, case, invocation), (moments, values) in self._series.items()
            ),
            tuple(self._other_processes),
            tuple(self._warnings),
            self._cost,
            self._devices,
            self._no_nvml,
        )


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{str(value)[:50]!r} is not a finite number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:50]!r} is not a text")
    return value
