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
from harness.store.codec import no_constant
from harness.store.files import text_of
from harness.store.lines import NOT_OURS, Record, StoreError, bad_line, kind_of, pair_of, read_lines
from harness.store.records import claims_in, first_record, mapping, measurement_in
from harness.store.repeats import Repeats
from harness.store.telemetry import read_telemetry


def load_side(folder: Path, side: Side, *, telemetry: bool = True) -> Run:
    """One side of a gate, as the run it would have been, with or without the telemetry, which is of both
    sides.

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
    repeats = Repeats()
    for number, line in read_lines(path, warnings):
        try:
            match kind_of(line):
                case "gate":
                    facts = first_record(path, number, line)
                    claims = claims_in(facts.pop("claims"))
                case "header":
                    header = first_record(path, number, line)
                    stated = header["base_environment" if side is Side.BASE else "environment"]
                    introduced = mapping(stated, "environment")
                case "pairing":
                    variant = pair_of(line)
                    pair = measurement_in(line)
                    if not repeats.is_new(pair, path, number, line, variant):
                        continue
                    own = pair.trial(BASELINE if side is Side.BASE else Side.HEAD)
                    if own is not None:
                        measurements.append(replace(pair, trials=(replace(own, variant=variant),)))
                case "end":
                    pass
                case kind:
                    raise ValueError(f"unknown record {kind[:50]!r}")
        except NOT_OURS as error:
            raise bad_line(path, number, error) from error
    environment = _environment_of(folder / RESULT_FILE, side) or introduced
    watched = read_telemetry(folder / TELEMETRY_FILE, warnings) if telemetry else Telemetry()
    measurements.sort(key=lambda measurement: measurement.invocation)
    warnings += repeats.warnings()
    found = annotate(measurements, watched)
    return Run(folder, facts, claims, environment, found, warnings=tuple(warnings), telemetry=watched)


def _environment_of(path: Path, side: Side) -> Mapping[str, Any]:
    """One side's environment in a gate's result; empty where the gate did not come to its end."""
    try:
        found = json.loads(text_of(path), parse_constant=no_constant)
        return mapping(mapping(mapping(found, "result")[side], side)["environment"], "environment")
    except FileNotFoundError:
        return {}
    except (OSError, *NOT_OURS) as error:
        raise StoreError(f"{path} is not a result of a gate ({error}); remove it") from error
