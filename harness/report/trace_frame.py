"""A run's traces as a pandas frame."""

from __future__ import annotations

import pandas as pd

from harness.model import Traced
from harness.report.grown import difference
from harness.report.trace_text import cause_of
from harness.report.utilisation import shares
from harness.store import Run

NUMBERS = (
    "wall_seconds", "busy_seconds", "idle_loader_seconds", "idle_host_seconds", "idle_sync_seconds",
    "idle_copy_seconds", "idle_other_seconds", "kernel_seconds", "copy_seconds", "overlap", "tensor_core_share",
)  # fmt: skip
"""Fields of a summary that are numbers of their own columns."""


BOUND = 0.5
"""The share of a ceiling from which on a variant is held up by it."""


def trace_frame(run: Run) -> pd.DataFrame:
    """Every trace of a run, one row each, in the order they were taken.

    ``case, claim, variant, invocation, file, file_bytes, gpu, iterations, launches``, the seconds of
    `NUMBERS` (of the whole window, which holds ``iterations`` iterations; busy and idle parts add up to
    ``wall_seconds``), ``overlap`` and ``tensor_core_share`` as shares, ``bound`` (``compute``, ``memory`` or
    empty), ``seconds`` and ``traced_seconds`` of one iteration without and with the profiler and
    ``slow_down`` their ratio, ``top_operator`` and ``top_kernel``, ``cause`` and ``difference`` (from the
    baseline's trace) as sentences, and a ``note``.
    """
    columns = [
        "case", "claim", "variant", "invocation", "file", "file_bytes", "gpu", "iterations", "launches", *NUMBERS,
        "bound", "seconds", "traced_seconds", "slow_down", "top_operator", "top_kernel", "cause", "difference", "note",
    ]  # fmt: skip
    types = {
        **dict.fromkeys(("case", "claim", "variant"), "category"),
        **dict.fromkeys(("invocation", "iterations", "launches"), "Int64"),
        "file_bytes": "int64",
        "gpu": "boolean",
        **dict.fromkeys((*NUMBERS, "seconds", "traced_seconds", "slow_down"), "float64"),
        **dict.fromkeys(
            ("file", "bound", "top_operator", "top_kernel", "cause", "difference", "note"), "object"
        ),
    }
    return pd.DataFrame([_row(run, traced) for traced in run.traces], columns=columns).astype(types)


def bound(run: Run, traced: Traced) -> str:
    """What a variant whose work is declared is held up by: ``compute``, ``memory``, or nothing that is known.

    It is the ceiling that the work comes nearer to, where it reaches half of it at least: below that neither
    does, and the idle time says more.
    """
    claim = next((claim for claim in run.claims if claim.name == traced.claim), None)
    if claim is None or claim.loader:
        return ""
    own = [measurement for measurement in run.measurements if measurement.case == traced.case]
    found = shares(run, claim, own, traced.variant)
    reached = {
        word: share
        for word, work in (("compute", "flops"), ("memory", "bytes"))
        if work in found and (share := found[work].share) is not None
    }
    nearest = max(reached, key=lambda word: reached[word], default="")
    return nearest if nearest and reached[nearest] >= BOUND else ""


def _row(run: Run, traced: Traced) -> dict[str, object]:
    row: dict[str, object] = {
        name: getattr(traced, name)
        for name in (
            "case", "claim", "variant", "invocation", "file", "file_bytes", "seconds", "traced_seconds", "slow_down",
            "note",
        )
    }  # fmt: skip
    row |= {
        "cause": cause_of(traced),
        "bound": bound(run, traced),
        "top_operator": "",
        "top_kernel": "",
        "difference": "",
    }
    summary = traced.summary
    if summary is None:
        return row
    base = next(
        (each.summary for each in run.traces if (each.case, each.variant) == (traced.case, "baseline")), None
    )
    return {
        **row,
        **{name: getattr(summary, name) for name in ("gpu", "iterations", "launches", *NUMBERS)},
        "top_operator": summary.operators[0].name if summary.operators else "",
        "top_kernel": summary.kernels[0].name if summary.kernels else "",
        "difference": "" if base is None or base is summary else difference(base, summary),
    }
