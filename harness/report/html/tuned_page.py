"""The page of a tuning: the answer and its code, where the loop's time goes, and every setting that ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.model import Certainty, Ranked, Tuned
from harness.plural import counted
from harness.report.figures.curves import tuned_curves
from harness.report.format import duration, sanitize
from harness.report.header import machine_lines
from harness.report.html.parts import (
    BAD,
    GOOD,
    OPEN,
    SAME,
    Figures,
    FilteredTable,
    Grid,
    Grids,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    Section,
    filtered_table,
    verdict_cell,
    with_text,
)
from harness.report.html.run_page import machine_section
from harness.report.tuning.certainty import HEADINGS, no_room, sureness
from harness.report.tuning.terminal import Standing, advice, best, code, columns, gains, parts, standing

_WIDEST = 1000
_ANSWERS = {Certainty.DECIDED: GOOD, Certainty.CLOSE: SAME, Certainty.PROVISIONAL: OPEN}
_TONES = {
    Standing.BEST: GOOD,
    Standing.EQUIVALENT: SAME,
    Standing.BEHIND: BAD,
    Standing.NOT_SETTLED: OPEN,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The best setting, how certain that is, what it gains and costs, its code, and advice on what is left to
    gain.

    ``tone`` is how it is shown: a provisional answer does not look like one that is decided.
    """

    TEMPLATE: ClassVar[str] = "answer.html"
    best: str
    tone: str
    sureness: tuple[str, ...]
    gains: tuple[str, ...]
    code: str
    advice: str = ""
    grids: tuple[Grid, ...] = ()


def tuned_page(tuned: Tuned, environment: Mapping[str, object], resolution: str, name: str = "") -> HtmlPage:
    """The page of a tuning."""
    facts = with_text(
        ("images", f"{tuned.images} of {sanitize(tuned.data)}"),
        ("step", sanitize(tuned.step)),
        ("device", f"{sanitize(tuned.device)}, {counted(tuned.cores, 'core')}"),
        ("race", f"{counted(tuned.repetitions, 'repetition')} in {duration(tuned.seconds)}"),
        *machine_lines(environment),
    )
    return HtmlPage(
        f"Tuning {sanitize(name, 80)}".strip(),
        facts,
        tuple(_sections(tuned, environment, resolution)),
        tuple(sanitize(note, 2000) for note in (*map(no_room, tuned.left_out), *tuned.notes)),
        "" if tuned.answer is not None else "No setting was measured; the reasons are below.",
        sanitize(name, 200),
    )


def _sections(tuned: Tuned, environment: Mapping[str, object], resolution: str) -> Iterator[Section]:
    if (answer := tuned.of(tuned.answer)) is not None:
        heading = HEADINGS[tuned.certainty]
        yield Section("answer", heading[0].upper() + heading[1:], _answer(tuned, answer))
    if tuned.ranked:
        yield Section("settings", "Settings, the fastest first", _table(tuned))
    if figures := tuned_curves(tuned):
        yield Section("curves", "Loaders by workers", Figures(), tuple(figures))
    out = [
        (label, sanitize(what), sanitize(why))
        for label, reasons in (("out of the race", tuned.failed), ("not here", tuned.missing))
        for what, why in reasons.items()
    ]
    if out:
        grid = Grid("What did not run", ("", "what", "why"), tuple(out))
        yield Section("out", "What did not run", Grids((grid,), titled=False))
    yield machine_section(environment, resolution)


def _answer(tuned: Tuned, answer: Ranked) -> Answer:
    room = tuned.headroom
    head = ("part", "time", "share", "95 %")
    return Answer(
        best(tuned, answer),
        _ANSWERS[tuned.certainty],
        tuple(sanitize(reason, 2000) for reason in sureness(tuned, answer)),
        tuple(gains(tuned, answer)),
        code(tuned, answer),
        advice(room) if room else "",
        (Grid("Where the loop's time goes, per sample", head, tuple(parts(room))),) if room else (),
    )


def _table(tuned: Tuned) -> FilteredTable:
    shown = {title: text for title, text in columns(tuned, _WIDEST).items() if title}
    titles = (
        HtmlColumn("standing"),
        *(HtmlColumn(title, title not in ("kind", "pinned")) for title in shown),
    )
    rows = [_row(tuned, ranked, shown) for ranked in tuned.ranked]
    standings = dict.fromkeys(row.verdict for row in rows)
    return filtered_table("Every setting that ran", titles, rows, standings, "kind")


def _row(tuned: Tuned, ranked: Ranked, shown: Mapping[str, Callable[[Ranked], str]]) -> OpenableRow:
    setting, readings = ranked.setting, ranked.readings
    found = standing(ranked, tuned)
    keys = {
        "workers": setting.workers, "ahead": setting.prefetch, "batch": setting.batch_size,
        "samples/s": 1 / ranked.seconds if ranked.seconds else None, "slower by": ranked.ratio, "interval": ranked.low,
        "wait p99": readings.get("wait_p99_seconds"), "of cores": ranked.ceiling,
        "memory": readings.get("pss_bytes"), "repetitions": ranked.samples,
    }  # fmt: skip
    return OpenableRow(
        (
            verdict_cell(found, tuple(_TONES), _TONES[found]),
            *(HtmlCell(sanitize(text(ranked), 120), keys.get(title)) for title, text in shown.items()),
        ),
        found,
        _TONES[found],
        sanitize(setting.kind, 80),
        (("setting", sanitize(setting.name)),),
    )
