"""What the loaders cost beside the time of a sample: epochs, and the best of each kind by itself."""

from __future__ import annotations

from rich.table import Table

from harness.model import EpochCost, Ranked, Tuned
from harness.plural import counted
from harness.report.format import digits, duration, quantity
from harness.report.render.console import ConsolePage, grid

COLUMNS = {
    "epoch_seconds": ("epoch", "s"),
    "epoch_gap_seconds": ("gap", "s"),
    "first_batch_seconds": ("first batch", "s"),
    "cpu_seconds": ("CPU/sample", "s"),
    "wait_p50_seconds": ("wait p50", "s"),
    "wait_p99_seconds": ("wait p99", "s"),
    "shm_bytes": ("shared", "B"),
    "pinned_bytes": ("pinned", "B"),
    "device_bytes": ("on device", "B"),
}
"""Readings that have a column, where any kind has them: the title and the unit."""

NARROW = 2
"""Readings that a narrow terminal has room for."""


def of_an_epoch(page: ConsolePage, cost: EpochCost, margin: float) -> None:
    """How long an epoch takes, how long the loop stands still between two, and whether workers should live
    on."""
    text = f"an epoch of {counted(cost.samples, 'image')} takes {_long(cost.seconds)}"
    if cost.persistent_gap is None:
        text += f"; between two the loop waits {quantity(cost.gap, 's')}"
    else:
        gaps = f"{quantity(cost.gap, 's')}, with persistent_workers=True {quantity(cost.persistent_gap, 's')}"
        saved = f"{100 * cost.gain:.2g} % of an epoch"
        judged = (
            f"that saves {saved}" if cost.persistent else f"not worth it: {saved}, the margin is {margin:.0%}"
        )
        text += f"; between two the loop waits {gaps} ({judged})"
    page.print(page.text(""), page.text(text))


def of_kinds(page: ConsolePage, tuned: Tuned, *, wide: bool) -> Table | None:
    """The best setting of each kind that was looked at by itself; None where none was."""
    best: dict[str, Ranked] = {}
    for ranked in tuned.ranked:
        if "epoch_gap_seconds" in ranked.readings:
            best.setdefault(ranked.setting.kind, ranked)
    if not best:
        return None
    there = {name for ranked in best.values() for name, value in ranked.readings.items() if value}
    shown = [name for name in COLUMNS if name in there][: None if wide else NARROW]
    looped = ["in the loop"] if tuned.step != "none" else []
    titles = ["kind", "alone", *looped, *(COLUMNS[name][0] for name in shown)]
    table = grid(len(titles) + 1)
    table.add_row(*(page.text(title, "dim") for title in [*titles, "left behind"]))
    for kind, ranked in best.items():
        alone = ranked.readings.get("loader_seconds")
        cells = [kind, "" if alone is None else f"{digits(1 / alone)}/s"]
        if looped:
            cells.append(f"{digits(1 / ranked.seconds)}/s")
        had = ranked.readings
        cells += [quantity(had[name], COLUMNS[name][1]) if name in had else "" for name in shown]
        table.add_row(*(page.text(cell) for cell in [*cells, _left(ranked)]))
    return table


def _left(ranked: Ranked) -> str:
    """What was alive after an epoch that was left early."""
    counts = {
        "thread": ranked.readings.get("threads_left", 0),
        "process": ranked.readings.get("processes_left", 0),
    }
    plural = {"thread": "threads", "process": "processes"}
    text = [f"{count:.0f} {name if count == 1 else plural[name]}" for name, count in counts.items() if count]
    return ", ".join(text) or "nothing"


def _long(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else quantity(seconds, "s")
