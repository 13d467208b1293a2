"""The page of a tuning: the answer and its code, where the loop's time goes, and every setting that ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.model import Certainty, Ranked, Tuned
from harness.plural import counted
from harness.report.format import duration, sanitize
from harness.report.header import machine_lines
from harness.report.html.parts import (
    BAD,
    GOOD,
    OPEN,
    SAME,
    Choice,
    Facts,
    FilteredTable,
    Grid,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    Section,
    without_empty,
)
from harness.report.html.run_page import machine_part
from harness.report.tuning.certainty import HEADINGS, no_room, sureness
from harness.report.tuning.terminal import advice, best, code, columns, fate, gains, parts

_WIDEST = 1000
_ANSWERS = {Certainty.DECIDED: GOOD, Certainty.CLOSE: SAME, Certainty.PROVISIONAL: OPEN}
_TONES = {"<- best": GOOD, "as good": SAME, "behind": BAD, "not settled": OPEN}


@dataclass(frozen=True, slots=True)
class Answer:
    """The best setting in words, how sure that is, what it gains and costs, its code.

    ``tone`` is how the words look: an answer that is not sure does not look like one that is. ``advice`` is on what is
    left to gain.
    """

    best: str
    tone: str
    sureness: tuple[str, ...]
    gains: tuple[str, ...]
    code: str
    advice: str
    parts: Grid | None


def tuned_page(tuned: Tuned, environment: Mapping[str, Any], resolution: str, name: str = "") -> HtmlPage:
    """What there is to show of a tuning."""
    facts = [
        ("images", f"{tuned.images} of {sanitize(tuned.data)}"),
        ("step", sanitize(tuned.step)),
        ("device", f"{sanitize(tuned.device)}, {counted(tuned.cores, 'core')}"),
        ("race", f"{counted(tuned.heats, 'heat')} in {duration(tuned.seconds)}"),
        *machine_lines(environment),
    ]
    return HtmlPage(
        f"Tuning {sanitize(name, 80)}".strip(),
        tuple(facts),
        tuple(_parts(tuned, environment, resolution)),
        tuple(sanitize(note, 2000) for note in (*map(no_room, tuned.left_out), *tuned.notes)),
        "" if tuned.answer is not None else "No setting finished a lap; why is listed below.",
        sanitize(name, 200),
    )


def _parts(tuned: Tuned, environment: Mapping[str, Any], resolution: str) -> Iterator[Section]:
    from harness.report.figures.curves import tuned_curves

    answer = tuned.of(tuned.answer)
    if answer is not None:
        headspace = tuned.headspace
        where = (
            Grid("Where the loop's time goes, per sample", ("part", "time", "share", "95 %"), tuple(parts(headspace)))
            if headspace
            else None
        )
        told = Answer(
            best(tuned, answer), _ANSWERS[tuned.certainty],
            tuple(sanitize(said, 2000) for said in sureness(tuned, answer)),
            tuple(gains(tuned, answer)), code(tuned, answer), advice(headspace) if headspace else "", where,
        )  # fmt: skip
        heading = HEADINGS[tuned.certainty]
        yield Section("answer", heading[0].upper() + heading[1:], "answer.html", told)
    if tuned.ranked:
        yield Section("settings", "Settings, the fastest first", "table.html", _table(tuned))
    if figures := tuned_curves(tuned):
        yield Section("curves", "Loaders by workers", "figures.html", None, tuple(figures))
    out = [
        (word, sanitize(what), sanitize(why))
        for word, reasons in (("out of the race", tuned.failed), ("not here", tuned.missing))
        for what, why in reasons.items()
    ]
    if out:
        yield Section("out", "What did not run", "grid.html", Grid("What did not run", ("", "what", "why"), tuple(out)))
    yield machine_part(environment, resolution)


def _table(tuned: Tuned) -> FilteredTable:
    shown = columns(tuned, _WIDEST)
    titles = [title for title in shown if title]
    made = (HtmlColumn("standing"), *(HtmlColumn(title, title not in ("kind", "pinned")) for title in titles))
    cells = [_cells(tuned, ranked, shown, titles) for ranked in tuned.ranked]
    kept, kept_columns = without_empty(made, cells)
    kinds = Counter(fate(ranked, tuned) for ranked in tuned.ranked)
    groups = Counter(sanitize(ranked.setting.kind, 80) for ranked in tuned.ranked)
    return FilteredTable(
        "Every setting that ran",
        kept_columns,
        tuple(
            OpenableRow(
                tuple(own[index] for index in kept), fate(ranked, tuned).removeprefix("<- "),
                sanitize(ranked.setting.kind, 80),
                (Facts("The setting", (("name", sanitize(ranked.setting.name)),)),), (),
                sanitize(ranked.setting.name).lower(),
            )
            for own, ranked in zip(cells, tuned.ranked, strict=True)
        ),
        tuple(Choice(kind.removeprefix("<- "), count, _TONES[kind]) for kind, count in kinds.items()),
        tuple(Choice(group, count) for group, count in groups.items()),
        "kind",
    )  # fmt: skip


def _cells(tuned: Tuned, ranked: Ranked, shown: Mapping[str, Any], titles: list[str]) -> tuple[HtmlCell, ...]:
    standing = fate(ranked, tuned)
    keys = {
        "workers": ranked.setting.workers, "ahead": ranked.setting.prefetch, "batch": ranked.setting.batch_size,
        "samples/s": 1 / ranked.seconds if ranked.seconds else None, "slower by": ranked.ratio, "interval": ranked.low,
        "wait p99": ranked.readings.get("wait_p99_seconds"), "of cores": ranked.ceiling,
        "memory": ranked.readings.get("pss_bytes"), "laps": ranked.laps,
    }  # fmt: skip
    return (
        HtmlCell(standing.removeprefix("<- "), list(_TONES).index(standing), _TONES[standing], sign=True),
        *(HtmlCell(sanitize(shown[title](ranked), 120), keys.get(title)) for title in titles),
    )
