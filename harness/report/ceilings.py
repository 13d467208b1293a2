"""Ceilings for people: one line for a report's header, and the table of ``python -m harness ceilings``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.console import Console

from harness.model import Ceiling, highest
from harness.model.ceiling import (
    DECODE,
    LAUNCH,
    MEMORY_COPY,
    PRECISIONS,
    TO_DEVICE_PAGEABLE,
    TO_DEVICE_PINNED,
    TO_HOST_PAGEABLE,
    TO_HOST_PINNED,
    gemm,
)
from harness.report.format import quantity, sanitize
from harness.report.render.console import ConsolePage, grid

WORDS = {
    MEMORY_COPY: "copy in memory, read and written",
    TO_DEVICE_PINNED: "host to device, pinned",
    TO_DEVICE_PAGEABLE: "host to device, pageable",
    TO_HOST_PINNED: "device to host, pinned",
    TO_HOST_PAGEABLE: "device to host, pageable",
    **{gemm(precision): f"matrix product, {precision}" for precision in PRECISIONS},
    LAUNCH: "kernel launches",
    DECODE: "decoding on one core",
}
PLACES = {"cuda": "GPU", "cpu": "CPU"}


def ceilings_line(ceilings: Sequence[Ceiling]) -> str:
    """The highest rates in a sentence, those of the GPU first; nothing where none was measured."""
    rates = []
    for device, place in PLACES.items():
        for name, word in (
            (MEMORY_COPY, "copy"),
            *((gemm(each), each) for each in PRECISIONS),
            (DECODE, "decode"),
        ):
            found = highest(ceilings, name, device)
            if found is not None:
                rates.append(f"{place} {word} {rate(found)}")
    return ", ".join(rates)


def rate(ceiling: Ceiling) -> str:
    """``3.10 TB/s``, ``181 GFLOP/s``, ``310 /s``."""
    unit = "" if ceiling.unit == "1/s" else ceiling.unit.removesuffix("/s")
    number, _, scale = quantity(ceiling.value, "").partition(" ")
    return f"{number} {sanitize(scale + unit, 20)}/s"


def show_ceilings(ceilings: Iterable[Ceiling], notes: Sequence[str], console: Console) -> None:
    """The table, the highest of each name first and its other sizes behind it, and notes below."""
    page = ConsolePage(console)
    by_name: dict[tuple[str, str], list[Ceiling]] = defaultdict(list)
    for ceiling in ceilings:
        by_name[ceiling.device, ceiling.name].append(ceiling)
    table = grid(4)
    for (device, name), found in by_name.items():
        best = max(found, key=lambda ceiling: ceiling.value)
        others = ", ".join(f"{sanitize(each.detail, 60)}: {rate(each)}" for each in found if each is not best)
        table.add_row(
            page.text(PLACES.get(device, sanitize(device, 20)), "dim"),
            page.text(WORDS.get(name, sanitize(name, 60))),
            page.text(rate(best), "bold"),
            page.text(sanitize(best.detail, 60) + (f" ({others})" if others else ""), "dim"),
        )
    page.print(table)
    for note in notes:
        page.print(page.text(sanitize(note), "dim"))
