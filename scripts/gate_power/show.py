"""The tables: what was counted, with exact bounds, and what the figures can and cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from gate_power.counts import Count
from gate_power.live import Counted, Experiment
from gate_power.ours import SUITE, Tally
from gate_power.recorded import Condition, Judged, Suites, alarms_of, together
from gate_power.simulated import Known
from harness.model import GateOutcome


def show_suites(
    console: Console, title: str, found: Suites, decisions: Tally, others: Iterable[Judged]
) -> None:
    """Identical code: who cries wolf?"""
    table = _table(
        title, "rule", "decisions with an alarm", f"suites of {SUITE} with an alarm", "suites that exit 0"
    )
    table.add_row(
        "our gate", str(decisions.count(GateOutcome.REGRESSED)), str(found.alarmed), str(found.green)
    )
    for judged in others:
        table.add_row(judged.name, str(judged.alarm), str(judged.suites.alarmed), judged.suites.green.short())
    console.print(table)


def show_alarms(console: Console, title: str, own: Mapping[str, Tally], others: Iterable[Judged]) -> None:
    """Identical code, benchmark by benchmark."""
    names = list(own)
    table = _table(title, "rule", *map(_short, names))
    rows = [("our gate", alarms_of(own)), *((judged.name, judged.alarms) for judged in others)]
    for name, alarms in rows:
        table.add_row(name, *(alarms[workload].short() for workload in names))
    console.print(table)


def show_power(console: Console, title: str, others: Iterable[Judged], slowdowns: Iterable[float]) -> None:
    """How often the rules of others find a slow-down."""
    stated = list(slowdowns)
    table = _table(title, "rule", *(f"{slowdown:+.0%} found" for slowdown in stated), "seconds of samples")
    for judged in others:
        table.add_row(judged.name, *(judged.found[s].short() for s in stated), f"{judged.seconds:.2f}")
    console.print(table)


def show_ours(console: Console, found: Mapping[Condition, Mapping[str, Tally]]) -> None:
    """Our gate under each condition."""
    titles = ("target", "code", "regressed", "unchanged", "inconclusive", "units", "seconds")
    table = _table("Our gate, decisions by what was asked", *titles)
    for condition, by_workload in sorted(found.items(), key=_order):
        every = _every(by_workload)
        name = f"{condition.target:.0%}, {'loader' if condition.loader else f'{len(by_workload)} workloads'}"
        table.add_row(name, str(condition), *_outcomes(every), f"{every.units:.1f}", f"{every.seconds:.2f}")
    console.print(table)


def show_pairs(console: Console, by_pairs: Mapping[int, Mapping[Condition, Mapping[str, Tally]]]) -> None:
    """Our gate with fewer pairs of rounds in a unit: what is found, what passes, and the seconds."""
    table = _table("Our gate by pairs of rounds in a unit: regressed, unchanged, seconds", "target", "code")
    for pairs in by_pairs:
        table.add_column(f"{pairs or 'all'} pairs", justify="right")
    for condition, _ in sorted(next(iter(by_pairs.values())).items(), key=_order):
        if condition.slowdown not in (0.0, condition.target):
            continue
        cells = [_every(found[condition]) for found in by_pairs.values()]
        table.add_row(
            f"{condition.target:.0%}{', loader' if condition.loader else ''}",
            str(condition),
            *(
                f"{c.count(GateOutcome.REGRESSED).short()}, {c.count(GateOutcome.UNCHANGED).short()}, {c.seconds:.2f} s"
                for c in cells
            ),
        )
    console.print(table)


def show_workloads(console: Console, found: Mapping[Condition, Mapping[str, Tally]]) -> None:
    """Our gate, workload by workload, where it has to catch or to pass."""
    table = _table(
        "Our gate, by workload",
        "workload",
        "target",
        "code",
        "regressed",
        "unchanged",
        "inconclusive",
        "units",
        "seconds",
    )
    for name in dict.fromkeys(name for by_workload in found.values() for name in by_workload):
        for condition, by_workload in sorted(found.items(), key=_order):
            tally = by_workload.get(name)
            if tally is None or condition.slowdown not in (0.0, condition.target):
                continue
            cells = [tally.count(o).short() for o in _JUDGED]
            table.add_row(name, f"{condition.target:.0%}", str(condition), *cells,
                          f"{tally.units:.1f}", f"{tally.seconds:.2f}")  # fmt: skip
        table.add_section()
    console.print(table)


def show_known(console: Console, found: Iterable[Known], decided: str) -> None:
    """Simulated units around a known truth."""
    titles = ("noise of a unit", "truth", "regressed", "unchanged", "inconclusive", "units")
    table = _table(f"Simulated units with a known truth, {decided}", *titles)
    for known in found:
        table.add_row(known.noise, known.truth, *_outcomes(known.tally), f"{known.tally.units:.1f}")
    console.print(table)


def show_live(console: Console, title: str, found: Sequence[tuple[Experiment, Counted]]) -> None:
    """What was decided live; the wall time includes everything, start-up too."""
    if not found:
        return
    table = _table(
        f"{title}: exact 95 % bounds", "experiment", "suites exit 0", "suites exit 1",
        "regressed", "unchanged", "neither", "units", "decisions", "s a suite", "s a decision",
    )  # fmt: skip
    for experiment, counted in found:
        neither = together(c for outcome, c in counted.outcomes.items() if outcome not in _JUDGED[:2])
        every = round(counted.size * counted.suites)
        table.add_row(
            str(experiment), str(counted.green), str(counted.alarmed), str(counted.outcomes[GateOutcome.REGRESSED]),
            str(counted.outcomes[GateOutcome.UNCHANGED]), str(Count(neither.hits, every)), f"{counted.units:.1f}",
            f"{every}", f"{counted.wall:.1f}", f"{counted.per_decision:.2f}",
        )  # fmt: skip
    console.print(table)


RECORDED_NOTES = f"""\
Recorded samples: 8 workloads, about 5 ms a round (an epoch of the loader: 110 ms), two shared cores, quiet.
Our units are 36 recorded processes a workload (18 with work injected), drawn with replacement. Exact bounds are those
of the drawing and do not hold for a 37th process; the known truths and the live runs do not share that limit.
The rules of others see every run of consecutive recorded processes, as many as their tool starts: one a side, asv two
in the order ABBA, pyperf 20. These runs overlap, so that the bounds are wider in truth. criterion and nvbench would
take more rounds of a process than the 30 that exist. Only slow-downs count as alarms.
Suites of {SUITE} draw the workload and then the decision, both with replacement. "Scaled" multiplies head's samples,
"really executed" are recordings of code that did the work. Seconds are those of the rounds that a decision used:
no start-up, no warming up, no lead-in (a fifth of a round each)."""


def _every(by_workload: Mapping[str, Tally]) -> Tally:
    return Tally(tuple(drawn for tally in by_workload.values() for drawn in tally.drawn))


def _order(item: tuple[Condition, object]) -> tuple[bool, float, float]:
    return item[0].loader, -item[0].target, item[0].slowdown


_JUDGED = (GateOutcome.REGRESSED, GateOutcome.UNCHANGED, GateOutcome.INCONCLUSIVE)


def _outcomes(tally: Tally) -> list[str]:
    return [
        str(tally.count(GateOutcome.REGRESSED)),
        str(tally.count(GateOutcome.UNCHANGED)),
        tally.count(_JUDGED[2]).short(),
    ]


def _short(workload: str) -> str:
    return workload.partition("_")[0]


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table
