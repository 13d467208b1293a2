"""A run as pandas frames, tidy: one row an observation, names as categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd

from harness.judge.run import judge
from harness.model import Measurement, Trial, metric, parameters
from harness.report.categories import category
from harness.report.format import improvement
from harness.report.summary import break_even
from harness.report.telemetry import energy_frame, memory_frame, telemetry_frame, throttle_frame
from harness.store import Run

__all__ = [
    "energy_frame",
    "memory_frame",
    "samples_frame",
    "telemetry_frame",
    "throttle_frame",
    "verdicts_frame",
]

Series = tuple[Measurement, Trial, str, tuple[float, ...]]


def samples_frame(run: Run) -> pd.DataFrame:
    """Every sample of every round, one row each: ``label, case, claim, variant, invocation, block, metric,
    value, unit``.

    ``label`` is a short name of the case, its claim and parameters. Names are categories, ``value`` is in the
    metric's SI unit per iteration; equal ``case``, ``invocation`` and ``block`` mean measured next to each
    other. Single readings (exact, solo) are not samples and not in it.
    """
    series = list(_series(run))
    lengths = np.fromiter((len(values) for *_, values in series), dtype=np.int64, count=len(series))
    total = int(lengths.sum())
    starts = np.cumsum(lengths) - lengths
    return pd.DataFrame(
        {
            "label": category((label(m.claim, m.case) for m, *_ in series), lengths),
            "case": category((m.case for m, *_ in series), lengths),
            "claim": category((m.claim for m, *_ in series), lengths),
            "variant": category((trial.variant for _, trial, *_ in series), lengths),
            "invocation": np.repeat(
                np.fromiter((m.invocation for m, *_ in series), np.int32, len(series)), lengths
            ),
            "block": (np.arange(total) - np.repeat(starts, lengths)).astype(np.int32),
            "metric": category((name for *_, name, _ in series), lengths),
            "value": np.fromiter(chain.from_iterable(values for *_, values in series), np.float64, total),
            "unit": category((metric(name).unit for *_, name, _ in series), lengths),
        }
    )


def label(claim: str, case: str) -> str:
    """A case by its claim and its parameters."""
    return f"{claim} {parameters(case)}".rstrip()


_BASIS = ("spread", "prior_spread", "prior_freedom", "freedom", "level")


def verdicts_frame(run: Run) -> pd.DataFrame:
    """Every verdict of a run, judged anew: one row a case and variant, ratios and intervals as
    variant/baseline.

    ``improvement`` is how many times better the variant is in its metric, whichever way that gets better, and
    below 1 where it is worse; ``unit`` is the metric's. ``throttled`` is the share of the blocks, from 0 to
    1, in which the GPU was. ``spread`` is the deviation of one unit, ``prior_spread`` the one that other
    cases predict, ``prior_freedom`` the degrees of freedom that this counts for, ``freedom`` those in all,
    ``level`` the two-sided level of the look. ``break_even`` are the iterations after which compiling has
    paid, infinity if never, missing if nothing was compiled.
    """
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    rows = [
        {
            "label": label(verdict.claim, verdict.case),
            "claim": verdict.claim,
            "case": verdict.case,
            "parameters": parameters(verdict.case),
            "variant": verdict.variant,
            "verdict": str(verdict.outcome),
            "metric": found.metric if found else None,
            "unit": metric(found.metric).unit if found else None,
            "improvement": improvement(found) if found else None,
            "ratio": found.ratio if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "mean_ratio": found.mean_ratio if found else None,
            "units": found.units if found else 0,
            "unsteady": found.unsteady if found else False,
            "throttled": found.throttled if found else 0.0,
            "more_units": verdict.more_units,
            "more_seconds": verdict.more_seconds,
            "break_even": break_even(by_case[verdict.case], verdict.variant),
            "spread": basis.spread if basis else None,
            "prior_spread": basis.prior if basis and basis.trusted else None,
            "prior_freedom": basis.trusted if basis else None,
            "freedom": basis.freedom if basis else None,
            "level": basis.level if basis else None,
            "reason": verdict.reason,
        }
        for verdict in judge(run)
        for found, basis in ((verdict.comparison, verdict.basis),)
    ]
    types = {
        **dict.fromkeys(
            ("label", "claim", "case", "parameters", "variant", "verdict", "metric", "unit"), "category"
        ),
        **dict.fromkeys(
            (
                "improvement",
                "ratio",
                "low",
                "high",
                "mean_ratio",
                "more_seconds",
                "throttled",
                "break_even",
                *_BASIS,
            ),
            "float64",
        ),
        **dict.fromkeys(("units", "more_units"), "int64"),
        "unsteady": "bool",
    }
    columns = [
        "label",
        "claim",
        "case",
        "parameters",
        "variant",
        "verdict",
        "metric",
        "unit",
        "improvement",
        "ratio",
        "low",
        "high",
        "mean_ratio",
        "units",
        "unsteady",
        "throttled",
        "more_units",
        "more_seconds",
        "break_even",
        *_BASIS,
        "reason",
    ]
    return pd.DataFrame(rows, columns=columns).astype(types)


def _series(run: Run) -> Iterator[Series]:
    for measurement in run.measurements:
        for trial in measurement.trials:
            for name, values in trial.samples.items():
                yield measurement, trial, name, values
