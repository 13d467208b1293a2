"""What the machine was doing, as pandas frames: readings, memory, energy, and the blocks that were
throttled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from harness.judge.throttling import throttled_blocks
from harness.model import SensorSeries, clock_events, metric
from harness.model.counter import difference, integral, tick
from harness.report.categories import category
from harness.store import Run

COUNTS = frozenset({"allocation_retries", "ooms"})
"""Readings about memory that are no bytes."""

LEVELS = {
    "used_bytes": (
        "device_bytes",
        "NVML, whole device, the most of all readings while the case was measured",
    ),
    "process_bytes": ("process_bytes", "NVML, this run's processes, the most while the case was measured"),
    "shm_bytes": ("shm_bytes", "/dev/shm, of all processes, the most while the case was measured"),
}
"""Watched levels of memory, as memory's frame calls them, and where they come from."""

_MEMORY = ("case", "claim", "variant", "invocation", "metric", "value", "source")
_THROTTLE = ("case", "claim", "invocation", "blocks", "throttled", "capped", "left_out", "reasons")
_ENERGY = ("device", "case", "invocation", "seconds", "joules", "power_joules", "tick_seconds", "reason")


def telemetry_frame(run: Run) -> pd.DataFrame:
    """Every reading of the watch: ``moment, device, metric, value, case, invocation``, one row each.

    ``moment`` is in seconds since the run began, ``device`` a GPU's UUID or ``host``, ``value`` in the
    quantity's SI unit (`harness.model.QUANTITIES`). ``case`` and ``invocation`` are missing between cases.
    """
    series = run.telemetry.series
    lengths = np.fromiter((len(each.values) for each in series), dtype=np.int64, count=len(series))
    total = int(lengths.sum())
    invocations = np.repeat(np.fromiter((each.invocation for each in series), np.int32, len(series)), lengths)
    between = np.repeat(np.fromiter((not each.case for each in series), np.bool_, len(series)), lengths)
    frame = pd.DataFrame(
        {
            "moment": np.fromiter(chain.from_iterable(each.moments for each in series), np.float64, total)
            - run.telemetry.start,
            "device": category((each.device for each in series), lengths),
            "metric": category((each.quantity for each in series), lengths),
            "value": np.fromiter(chain.from_iterable(each.values for each in series), np.float64, total),
            "case": category((each.case for each in series), lengths),
            "invocation": pd.array(np.ma.masked_array(invocations, between).filled(0), dtype="Int32"),
        }
    )
    frame.loc[between, "invocation"] = pd.NA
    frame["case"] = frame["case"].cat.remove_categories([""] if "" in frame["case"].cat.categories else [])
    return frame.sort_values("moment", kind="stable", ignore_index=True)


def memory_frame(run: Run) -> pd.DataFrame:
    """Every reading about memory: ``case, claim, variant, invocation, metric, value, source``, one row each.

    Bytes as each source saw them: no two of them may be subtracted. ``variant`` is missing where a reading
    belongs to no variant alone: all of a case's variants were alive in the same process.
    """
    rows = list(chain(_of_variants(run), _of_cases(run)))
    frame = pd.DataFrame(rows, columns=list(_MEMORY))
    return frame.astype(
        {
            **dict.fromkeys(("case", "claim", "variant", "metric", "source"), "category"),
            "invocation": "Int32",
            "value": "float64",
        }
    )


def _of_variants(run: Run) -> Iterator[tuple[Any, ...]]:
    for measurement in run.measurements:
        for trial in measurement.trials:
            # A variant that failed for want of memory has readings too: how much it asked for.
            for name, value in chain(trial.exact.items(), trial.solo.items()):
                if metric(name).unit == "B" or name.endswith("_bytes") or name in COUNTS:
                    source = trial.sources.get(name)
                    yield (
                        measurement.case, measurement.claim, trial.variant, measurement.invocation, name, value, source,
                    )  # fmt: skip


def _of_cases(run: Run) -> Iterator[tuple[Any, ...]]:
    claims = {measurement.case: measurement.claim for measurement in run.measurements}
    for each in run.telemetry.series:
        if each.case and each.quantity in LEVELS and each.values:
            name, source = LEVELS[each.quantity]
            yield each.case, claims.get(each.case), None, each.invocation, name, max(each.values), source


def throttle_frame(run: Run) -> pd.DataFrame:
    """How each measurement's blocks fared: ``case, claim, invocation, blocks, throttled, capped, left_out,
    reasons``.

    ``throttled`` and ``capped`` are shares of the blocks: slowed down by heat or the power supply, and at the
    board's own power limit. ``left_out`` is how many the verdicts did without. Measurements without readings
    have no row.
    """
    rows: list[tuple[Any, ...]] = []
    for each in run.measurements:
        found = throttled_blocks(each)
        if found.blocks:
            shares = found.slowed / found.blocks, found.capped / found.blocks
            why = ", ".join(clock_events(found.reasons))
            rows.append(
                (each.case, each.claim, each.invocation, found.blocks, *shares, len(found.left_out), why)
            )
    types = {
        **dict.fromkeys(("case", "claim", "reasons"), "category"),
        "throttled": "float64",
        "capped": "float64",
    }
    whole = dict.fromkeys(("invocation", "blocks", "left_out"), "int64")
    return pd.DataFrame(rows, columns=list(_THROTTLE)).astype({**types, **whole})


def energy_frame(run: Run) -> pd.DataFrame:
    """Energy by each GPU's counter, for the run as a whole (``case`` missing) and for each case that took
    long enough.

    ``device, case, invocation, seconds, joules, power_joules, tick_seconds, reason``: ``power_joules`` is the
    integral of the power over the same ``seconds``, as a check. Where the counter's steps (``tick_seconds``)
    are too long for the stretch, ``joules`` is missing and ``reason`` says so.
    """
    energy, power = _by_device(run, "energy_joules"), _by_device(run, "power_watts")
    rows: list[tuple[Any, ...]] = []
    for device, parts in energy.items():
        whole = _joined(parts)
        step = tick(*whole)
        watts = _joined(power.get(device, []))
        stretches: list[tuple[str | None, int | None, tuple[list[float], list[float]]]] = [
            (None, None, whole)
        ]
        stretches += [
            (part.case, part.invocation, (list(part.moments), list(part.values)))
            for part in parts
            if part.case
        ]
        for case, invocation, (moments, values) in stretches:
            found = difference(moments, values, step)
            by_power = None
            if found.amount is not None:
                by_power = integral(*watts, found.start, found.start + found.seconds)
            rows.append(
                (device, case, invocation, found.seconds, found.amount, by_power, found.tick, found.reason)
            )
    numbers = dict.fromkeys(("seconds", "joules", "power_joules", "tick_seconds"), "float64")
    names = dict.fromkeys(("device", "case"), "category")
    return pd.DataFrame(rows, columns=list(_ENERGY)).astype({**numbers, **names, "invocation": "Int32"})


def _by_device(run: Run, quantity: str) -> dict[str, list[SensorSeries]]:
    found: dict[str, list[SensorSeries]] = defaultdict(list)
    for each in run.telemetry.series:
        if each.quantity == quantity:
            found[each.device].append(each)
    return found


def _joined(parts: list[SensorSeries]) -> tuple[list[float], list[float]]:
    """One record of all, in the order of time."""
    pairs = sorted(pair for part in parts for pair in zip(part.moments, part.values, strict=True))
    return [moment for moment, _ in pairs], [value for _, value in pairs]
