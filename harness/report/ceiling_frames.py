"""Ceilings, and what variants reach of them, as pandas frames."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd

from harness.model import Measurement, benchmark_of, parameters
from harness.report.summary import measured
from harness.report.utilisation import shares
from harness.store import Run


def ceilings_frame(run: Run) -> pd.DataFrame:
    """One row a rate that this machine reached: ``name, device, detail, value, unit``; see
    `harness.model.ceiling`.

    ``value`` is in ``unit`` (B/s, FLOP/s or 1/s); a name has a row for each size that was tried.
    """
    columns = ("name", "device", "detail", "value", "unit")
    rows = [{column: getattr(ceiling, column) for column in columns} for ceiling in run.ceilings]
    types = {**dict.fromkeys(("name", "device", "detail", "unit"), "category"), "value": "float64"}
    return pd.DataFrame(rows, columns=list(columns)).astype(types)


def rates_frame(run: Run) -> pd.DataFrame:
    """One row a kind of work that a variant does: ``claim, case, parameters, variant, work, rate, unit,
    ceiling, ceiling_value, share``.

    ``work`` is flops, bytes or decoded, ``rate`` the variant's in ``unit``; ``ceiling`` names what it is
    compared with, ``ceiling_value`` is that rate (of all usable cores for decoding) and ``share`` what the
    variant reaches of it, both NaN where the run has no such ceiling.
    """
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    functions = {f"{claim.path}::{claim.function}": claim for claim in run.claims}
    rows = []
    for case, measurements in by_case.items():
        claim = functions.get(benchmark_of(case))
        if claim is None:
            continue
        for name in dict.fromkeys(
            t.variant for m in measurements for t in m.trials if measured(m, t.variant)
        ):
            rows += [
                {
                    "claim": claim.name,
                    "case": case,
                    "parameters": parameters(case),
                    "variant": name,
                    "work": found.work,
                    "rate": found.rate,
                    "unit": found.unit,
                    "ceiling": found.name,
                    "ceiling_value": found.ceiling,
                    "share": found.share,
                }
                for found in shares(run, claim, measurements, name).values()
            ]
    words = ("claim", "case", "parameters", "variant", "work", "unit", "ceiling")
    types = {
        **dict.fromkeys(words, "category"),
        **dict.fromkeys(("rate", "ceiling_value", "share"), "float64"),
    }
    columns = [
        "claim",
        "case",
        "parameters",
        "variant",
        "work",
        "rate",
        "unit",
        "ceiling",
        "ceiling_value",
        "share",
    ]
    return pd.DataFrame(rows, columns=columns).astype(types)
