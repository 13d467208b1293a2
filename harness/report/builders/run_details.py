"""The tables behind the verdicts: what each variant did, baseline included, in the words of its kind of
work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from statistics import median

from harness.model import Measurement, benchmark_of, parameters
from harness.plural import counted
from harness.report.format import quantity, sanitize
from harness.report.summary import break_even, measured, typical
from harness.report.utilisation import Utilisation, shares
from harness.store import Run

LOADERS = "Loaders, per epoch of the training loop"
ARITHMETIC = "Arithmetic, per iteration"

COLUMNS = {
    LOADERS: (
        "samples/s", "of decoding", "of the bus", "waiting", "first batch", "CPU/sample", "memory", "left behind",
    ),
    ARITHMETIC: (
        "FLOP/s", "of ceiling", "B/s", "of copying", "compiling", "pays after", "compiled again", "first call",
        "largest error", "mean error", "in ULPs", "launches", "energy",
    ),
}  # fmt: skip
"""What `DetailRow.cells` holds, by the table's heading; ``left behind`` are threads and processes alive after
the loader was left, errors are relative to the reference, ``in ULPs`` is the largest in
units in the last place of the largest value, launches are kernels of one iteration on a GPU. ``pays after``
are the iterations that make up for compiling, ``compiled again`` the graphs compiled after the first call.
``of ceiling`` is the share of the best matrix product in the variant's arithmetic as this machine's ceilings
have it; in a run without them, of the highest rate of the same variant in any case of its claim. ``of
copying`` is the share of the fastest copy within the device's memory (more than 100 % where caches help),
``of decoding`` of what all usable cores decode, ``of the bus`` of copies from page-locked memory to the
device."""


MANY = 1000
"""Iterations that are written digit by digit, if there are fewer."""


@dataclass(frozen=True, slots=True)
class DetailRow:
    """A variant of one case and its cells by the names in `COLUMNS`, empty where no record has the number."""

    claim: str
    case: str
    variant: str
    cells: Mapping[str, str]


def detail_rows(run: Run, heading: str) -> list[DetailRow]:
    """Every variant that was measured of the claims under that heading, by claim, case and the measurement's
    order."""
    loader = heading == LOADERS
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    rows: list[DetailRow] = []
    for claim in run.claims:
        prefix = f"{claim.path}::{claim.function}"
        best: dict[str, float] = defaultdict(float)
        for case in (case for case in by_case if benchmark_of(case) == prefix):
            for name in {t.variant for m in by_case[case] for t in m.trials if measured(m, t.variant)}:
                best[name] = max(best[name], _flops_rate(by_case[case], name))
        for case in sorted(
            case for case in by_case if claim.loader is loader and benchmark_of(case) == prefix
        ):
            measurements = by_case[case]
            names = dict.fromkeys(t.variant for m in measurements for t in m.trials if measured(m, t.variant))
            # One source for all of a case: a solo pass and a process shared with others are not to be
            # compared.
            alone = all(typical(measurements, name, "pss_bytes") is not None for name in names)
            memory = "pss_bytes" if alone else "tree_bytes"
            for name in names:
                reached = shares(run, claim, measurements, name)
                cells = (
                    _loader_cells(measurements, name, memory, reached)
                    if loader
                    else _arithmetic_cells(measurements, name, best[name], reached)
                )
                if any(cell for column, cell in cells.items() if column != "first call"):
                    rows.append(
                        DetailRow(sanitize(claim.name), sanitize(parameters(case)), sanitize(name), cells)
                    )
    return rows


def _flops_rate(measurements: Sequence[Measurement], name: str) -> float:
    flops = next((m.work.flops for m in reversed(measurements) if m.work.flops > 0), 0.0)
    seconds = typical(measurements, name, "seconds")
    return flops / seconds if flops and seconds else 0.0


def _arithmetic_cells(
    measurements: Sequence[Measurement], name: str, best: float, reached: Mapping[str, Utilisation]
) -> dict[str, str]:
    rate, launches = _flops_rate(measurements, name), typical(measurements, name, "launches")
    spent = typical(measurements, name, "joules")
    firsts = [
        trial.first_seconds for m in measurements if (trial := measured(m, name)) and trial.first_seconds
    ]
    errors = [
        typical(measurements, name, error)
        for error in ("max_relative_error", "mean_relative_error", "max_ulp")
    ]
    of_ceiling = f"{100 * rate / best:.0f} % of best" if rate and best else ""
    if "flops" in reached and reached["flops"].ceiling is not None:
        of_ceiling = f"{_of(reached, 'flops')} {reached['flops'].name.removeprefix('gemm_')}"
    cells = (
        f"{quantity(rate, '')}FLOP/s" if rate else "",
        of_ceiling,
        f"{quantity(reached['bytes'].rate, '')}B/s" if "bytes" in reached else "",
        _of(reached, "bytes"),
        *_compiling(measurements, name),
        quantity(median(firsts), "s") if firsts else "",
        *("" if error is None else f"{error:.2g}" for error in errors),
        "" if launches is None else f"{launches:.0f}",
        "" if spent is None else f"{spent:.3g} J",
    )
    return dict(zip(COLUMNS[ARITHMETIC], cells, strict=True))


def _compiling(measurements: Sequence[Measurement], name: str) -> tuple[str, str, str]:
    """How long compiling took, the iterations that make up for it, and the graphs compiled again."""
    spent, again = (typical(measurements, name, which) for which in ("compile_seconds", "recompilations"))
    pays = break_even(measurements, name)
    if pays is None:
        after = ""
    elif pays == inf:
        after = "never"
    else:
        after = counted(ceil(pays), "iteration") if pays < MANY else f"{quantity(pays, '')} iterations"
    return ("" if spent is None else quantity(spent, "s"), after, "" if again is None else f"{again:.0f}")


def _of(reached: Mapping[str, Utilisation], work: str) -> str:
    share = reached[work].share if work in reached else None
    return "" if share is None else f"{100 * share:.0f} %"


def _loader_cells(
    measurements: Sequence[Measurement], name: str, memory: str, reached: Mapping[str, Utilisation]
) -> dict[str, str]:
    items = next((m.work.items for m in reversed(measurements) if m.work.items > 0), 0.0)
    seconds, cpu = typical(measurements, name, "seconds"), typical(measurements, name, "cpu_seconds")
    first, held = typical(measurements, name, "first_batch_seconds"), typical(measurements, name, memory)
    share = _wait_share(measurements, name)
    left = [typical(measurements, name, f"{what}_left") for what in ("threads", "processes")]
    words = [
        counted(count, one, many)
        for count, one, many in zip(left, ("thread", "process"), ("threads", "processes"), strict=True)
        if count
    ]
    cells = (
        quantity(items / seconds, "") if items and seconds else "",
        _of(reached, "decoded"),
        _of(reached, "bytes"),
        "" if share is None else f"{100 * share:.1f} %",
        "" if first is None else quantity(first, "s"),
        quantity(cpu / items, "s") if items and cpu is not None else "",
        "" if held is None else quantity(held, "B"),
        ", ".join(words) or ("none" if any(count is not None for count in left) else ""),
    )
    return dict(zip(COLUMNS[LOADERS], cells, strict=True))


def _wait_share(measurements: Sequence[Measurement], name: str) -> float | None:
    shares = []
    for measurement in measurements:
        trial = measured(measurement, name)
        samples = trial.samples if trial is not None and not measurement.survey else {}
        total = sum(samples.get("seconds", ()))
        if total > 0 and "wait_seconds" in samples:
            shares.append(sum(samples["wait_seconds"]) / total)
    return median(shares) if shares else None
