"""Ceilings for people: one line for a report's header, and the table of ``python -m harness ceilings``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
from harness.report.document import Column, Document, Row, Table
from harness.report.format import quantity, sanitize

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

_COLUMNS = (
    Column("place", "of"),
    Column("name", "ceiling"),
    Column("rate", "rate"),
    Column("detail", "at", prose=True),
)


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


def ceilings_document(ceilings: Iterable[Ceiling], notes: Sequence[str]) -> Document:
    """The highest rate of each name with the size that reached it, and the rates of other sizes behind it."""
    by_name: dict[tuple[str, str], list[Ceiling]] = defaultdict(list)
    for ceiling in ceilings:
        by_name[ceiling.device, ceiling.name].append(ceiling)
    rows = []
    for (device, name), found in by_name.items():
        best = max(found, key=lambda ceiling: ceiling.value)
        others = ", ".join(f"{sanitize(each.detail, 60)}: {rate(each)}" for each in found if each is not best)
        cells = {
            "place": PLACES.get(device, sanitize(device, 20)),
            "name": WORDS.get(name, sanitize(name, 60)),
            "rate": rate(best),
            "detail": sanitize(best.detail, 60) + (f" ({others})" if others else ""),
        }
        rows.append(Row(cells, {}))
    table = Table("", _COLUMNS, tuple(rows))
    return Document("Ceilings", tables=[table], footnotes=[sanitize(note) for note in notes])
