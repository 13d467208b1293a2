"""A saved gate, in all its parts: the pairs that it measured, and one side as the run it would have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.model import BASELINE, Claim, Measurement, Side, Telemetry
from harness.store import GATE_FILE, RESULT_FILE, TELEMETRY_FILE, Run
from harness.store.codec import no_constant
from harness.store.files import text_of
from harness.store.lines import (
    NOT_OURS,
    Record,
    StoreError,
    bad_line,
    kind_of,
    pair_of,
    read_lines,
    record_in,
)
from harness.store.parts import Part, joined, kind_of_file, part_file, part_of
from harness.store.records import claims_in, first_record, mapping, measurement_in, unit_in
from harness.store.repeats import Repeats
from harness.store.telemetry import read_telemetry


@dataclass(frozen=True, slots=True)
class GateJournal:
    """What a gate recorded while it ran: its pairs by variant, in the order of their units.

    ``request`` is what it was to compare, empty for gates that do not say. ``header`` is what its sides
    reported of themselves, empty if none did. ``variants`` are those that each case is judged on, once both
    sides had reached it.
    """

    folder: Path
    facts: Mapping[str, Any]
    claims: tuple[Claim, ...]
    request: Mapping[str, Any]
    header: Mapping[str, Any]
    variants: Mapping[str, tuple[str, ...]]
    pairs: tuple[tuple[str, Measurement], ...]
    warnings: tuple[str, ...]
    telemetry: Telemetry


def load_journal(folder: Path, *, telemetry: bool = True) -> GateJournal:
    """Everything that the parts of a gate recorded. Raises StoreError as `load` does."""
    path = folder / GATE_FILE
    if not path.is_file():
        raise StoreError(f"{folder} is not a gate: it has no {GATE_FILE}")
    facts: Record = {}
    claims: tuple[Claim, ...] = ()
    header: Mapping[str, Any] = {}
    variants: dict[str, tuple[str, ...]] = {}
    pairs: list[tuple[str, Measurement]] = []
    warnings: list[str] = []
    repeats = Repeats()
    parts = [_part(folder, 1, 0, warnings, telemetry)]
    for file in _files(folder):
        for number, line in read_lines(file, warnings):
            try:
                match kind_of(line):
                    case "gate":
                        facts = first_record(file, number, line)
                        claims = claims_in(facts.pop("claims"))
                    case "resume":
                        after = unit_in(first_record(file, number, line), parts[-1].after)
                        parts.append(_part(folder, part_of(file.name, GATE_FILE), after, warnings, telemetry))
                    case "header":
                        header = header or first_record(file, number, line)
                        for name in ("environment", "base_environment"):
                            mapping(header[name], name)
                    case "case":
                        found = record_in(line)
                        variants[str(found["case"])] = tuple(map(str, found["variants"]))
                    case "pairing":
                        variant, pair = pair_of(line), measurement_in(line)
                        if repeats.is_new(pair, file, number, line, variant):
                            pairs.append((variant, pair))
                    case "end":
                        pass
                    case kind:
                        raise ValueError(f"unknown record {kind[:50]!r}")
            except NOT_OURS as error:
                raise bad_line(file, number, error) from error
    try:
        request = mapping(facts.pop("request", {}), "request")
    except ValueError as error:
        raise bad_line(path, 1, error) from error
    pairs.sort(key=lambda pair: pair[1].invocation)
    annotated, watched, _ = joined(parts, [measurement for _, measurement in pairs])
    kept = tuple(zip([variant for variant, _ in pairs], annotated, strict=True))
    warnings += repeats.warnings()
    return GateJournal(folder, facts, claims, request, header, variants, kept, tuple(warnings), watched)


def load_side(folder: Path, side: Side, *, telemetry: bool = True) -> Run:
    """One side of a gate, as the run it would have been, with or without the telemetry, which is of both
    sides.

    Raises StoreError as `load` does.
    """
    journal = load_journal(folder, telemetry=telemetry)
    own = BASELINE if side is Side.BASE else Side.HEAD
    measurements = [
        replace(pair, trials=(replace(trial, variant=variant),))
        for variant, pair in journal.pairs
        if (trial := pair.trial(own)) is not None
    ]
    introduced = journal.header.get("base_environment" if side is Side.BASE else "environment", {})
    environment = _environment_of(folder / RESULT_FILE, side) or introduced
    return Run(
        folder,
        journal.facts,
        journal.claims,
        environment,
        tuple(measurements),
        warnings=journal.warnings,
        telemetry=journal.telemetry,
    )


def _files(folder: Path) -> list[Path]:
    """The files of all its parts, in their order."""
    found = [
        path for path in folder.glob("*.jsonl") if path.is_file() and kind_of_file(path.name) == GATE_FILE
    ]
    return sorted(found, key=lambda path: 1 if path.name == GATE_FILE else part_of(path.name, GATE_FILE))


def _part(folder: Path, number: int, after: int, warnings: list[str], telemetry: bool) -> Part:
    watched = folder / part_file(TELEMETRY_FILE, number)
    return Part(after, read_telemetry(watched, warnings) if telemetry else Telemetry())


def _environment_of(path: Path, side: Side) -> Mapping[str, Any]:
    """One side's environment in a gate's result; empty where the gate did not come to its end."""
    try:
        found = json.loads(text_of(path), parse_constant=no_constant)
        return mapping(mapping(mapping(found, "result")[side], side)["environment"], "environment")
    except FileNotFoundError:
        return {}
    except (OSError, *NOT_OURS) as error:
        raise StoreError(f"{path} is not a result of a gate ({error}); remove it") from error
