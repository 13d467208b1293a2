"""One side of a saved gate, read as the run it would have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.model import BASELINE, Claim, Measurement, Side, Telemetry
from harness.store import GATE_FILE, RESULT_FILE, TELEMETRY_FILE, Run
from harness.store.clock_events import annotate
from harness.store.lines import Record, StoreError, no_constant, read_lines
from harness.store.records import NOT_OURS, check_schema, claim_from, mapping, measurement_from
from harness.store.telemetry import read_telemetry


def load_arm(folder: Path, arm: Side, *, telemetry: bool = True) -> Run:
    """One side of a gate, as the run it would have been, with or without the telemetry, which is of both sides.

    Raises StoreError as `load` does.
    """
    path = folder / GATE_FILE
    if not path.is_file():
        raise StoreError(f"{folder} is not a gate: it has no {GATE_FILE}")
    facts: Record = {}
    claims: tuple[Claim, ...] = ()
    measurements: list[Measurement] = []
    warnings: list[str] = []
    introduced: Mapping[str, Any] = {}
    for number, record in read_lines(path, warnings):
        kind = record.pop("record", None)
        try:
            if kind == "gate":
                check_schema(path, number, record)
                claims = tuple(claim_from(stated) for stated in record.pop("claims"))
                facts = record
            elif kind == "header":
                check_schema(path, number, record)
                said = record["base_environment" if arm is Side.BASE else "environment"]
                introduced = mapping(said, "environment")
            elif kind == "pairing":
                variant = str(record.pop("of"))
                pair = measurement_from(record)
                own = pair.trial(BASELINE if arm is Side.BASE else Side.HEAD)
                if own is not None:
                    measurements.append(replace(pair, trials=(replace(own, variant=variant),)))
            elif kind != "end":
                raise ValueError(f"unknown record {kind!r}")
        except NOT_OURS as error:
            raise StoreError(f"{path}:{number} is not a record of ours ({error}); remove that line or file") from error
    environment = _environment_of(folder / RESULT_FILE, arm) or introduced
    watched = read_telemetry(folder / TELEMETRY_FILE, warnings) if telemetry else Telemetry()
    measurements.sort(key=lambda measurement: measurement.invocation)
    found = annotate(measurements, watched)
    return Run(folder, facts, claims, environment, found, warnings=tuple(warnings), telemetry=watched)


def _environment_of(path: Path, arm: Side) -> Mapping[str, Any]:
    """What a gate's result says of one side's environment; nothing where the gate did not come to its end."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)
        return mapping(mapping(mapping(found, "result")[arm], arm)["environment"], "environment")
    except FileNotFoundError:
        return {}
    except (OSError, RecursionError, *NOT_OURS) as error:
        raise StoreError(f"{path} is not a result of a gate ({error}); remove it") from error
