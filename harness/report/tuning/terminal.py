"""What tuning found, on the terminal: the answer and its code first, then why, then every setting that
ran."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from rich.console import Console
from rich.table import Table

from harness.judge.headroom import worth_a_look
from harness.loading.loaders import LOADER_KINDS
from harness.model import GENERATED, Certainty, Headroom, LoopPart, Ranked, Setting, Tuned
from harness.plural import counted
from harness.report.format import digits, duration, quantity, sanitize
from harness.report.render.console import ConsolePage, grid
from harness.report.tuning.certainty import HEADINGS, no_room, sureness
from harness.report.tuning.costs import of_an_epoch, of_kinds

WIDE = 100
"""Columns from which the table has all there is."""

STYLES = {Certainty.DECIDED: "bold green", Certainty.CLOSE: "bold cyan", Certainty.PROVISIONAL: "bold yellow"}

CEILINGS = {
    "decode": "one core decodes with the fastest decoder here",
    "disk": "one thread reads from the disk",
    "copy": "copies to the device allow",
    "alone": "the loader delivers without the step",
}
"""What else is known of rates. None of them bounds the loop: it has several cores, and files that are in
memory."""

PARTS = {
    LoopPart.STEP: "the step itself",
    LoopPart.COPY: "copying batches to the device",
    LoopPart.PREPARE: "preparing (decoding, transforming, collating)",
    LoopPart.FETCH: "reading files that are not in memory",
}


def show_tuned(tuned: Tuned, console: Console) -> None:
    """Print it all; a narrow console folds."""
    page = ConsolePage(console)
    answer = tuned.of(tuned.answer)
    if answer is None:
        page.print(page.text("no setting finished a sample; why is listed below", "bold red"))
    else:
        _answer(page, tuned, answer)
        if tuned.headroom is not None:
            _headroom(page, tuned.headroom)
        _one_core(page, tuned)
        if tuned.epoch is not None:
            of_an_epoch(page, tuned.epoch, tuned.margin)
        page.print(page.text(""), page.text("settings, the fastest first", "bold"))
        page.print(_table(page, tuned), indent=2)
        if (kinds := of_kinds(page, tuned, wide=page.width >= WIDE)) is not None:
            page.print(page.text(""), page.text("the best of each kind, looked at by itself", "bold"))
            page.print(kinds, indent=2)
    _out(page, tuned)
    for left_out in tuned.left_out:
        page.print(page.text(f"note: {sanitize(no_room(left_out), 2000)}", "yellow"))
    for note in tuned.notes:
        page.print(page.text(f"note: {sanitize(note)}", "yellow"))
    where = f"{counted(tuned.images, 'image')} of {sanitize(tuned.data)}, step {sanitize(tuned.step)}, {tuned.device}"
    page.print(
        page.text(f"{where}; {counted(tuned.repetitions, 'repetition')} in {duration(tuned.seconds)}", "dim")
    )


def described(setting: Setting) -> str:
    """A setting in words: ``dataloader, 2 workers, 2 batches ahead each, batches of 64``."""
    known = LOADER_KINDS.get(setting.kind)  # a saved result may name a kind that is gone
    threaded = known is not None and known.threads
    count = counted(setting.workers, "thread" if threaded else "worker")
    ahead = f"{setting.prefetch} ahead{'' if threaded else ' each'}" if setting.prefetch else ""
    pinned = "pinned" if setting.pin else ""
    return ", ".join(filter(None, [setting.kind, count, ahead, pinned, f"batches of {setting.batch_size}"]))


def best(tuned: Tuned, answer: Ranked) -> str:
    """The answer in words: ``dataloader, 2 workers, ..., the smallest of 3 settings that are as good``."""
    level = sum(1 for ranked in tuned.ranked if ranked.equivalent)
    of = f", the smallest of {level} settings that are as good" if level > 1 else ""
    return f"{described(answer.setting)}{of}"


def code(tuned: Tuned, answer: Ranked) -> str:
    """The answer as code to paste."""
    persistent = tuned.epoch is not None and tuned.epoch.persistent
    folder = tuned.data if tuned.data != GENERATED else ""
    kind = LOADER_KINDS.get(answer.setting.kind)
    if kind is None:
        return f"# this version of tipbench has no loader of the kind {sanitize(answer.setting.kind)}"
    return kind.code(answer.setting, folder=folder, persistent=persistent, device=tuned.device)


def gains(tuned: Tuned, answer: Ranked) -> list[str]:
    """What the answer gains and what it costs, one fact each."""
    facts = [f"{digits(1 / answer.seconds)} samples/s in the loop" if tuned.step != "none" else
            f"{digits(1 / answer.seconds)} samples/s"]  # fmt: skip
    default = tuned.of(tuned.default)
    if default is not None and default.setting != answer.setting:
        facts.append(f"{digits(default.seconds / answer.seconds)}x what the default of 0 workers gives")
    if (held := answer.readings.get("pss_bytes")) is not None:
        facts.append(f"{quantity(held, 'B')} of memory (PSS)")
    if (cpu := answer.readings.get("cpu_seconds")) is not None:
        facts.append(f"{quantity(cpu, 's')} of CPU a sample")
    if (first := answer.readings.get("first_batch_seconds")) is not None:
        facts.append(f"first batch after {quantity(first, 's')}")
    return facts


def advice(found: Headroom) -> str:
    """What a perfect loader would save, or that yours is best left alone."""
    bounds = f"{100 * found.low:.1f} to {100 * found.high:.1f} %"
    if worth_a_look(found):
        return f"a perfect loader would save {100 * found.share:.1f} % of the loop ({bounds})"
    saving = f"a perfect one would save {100 * found.share:.1f} % ({bounds})"
    return f"leave your loader alone: {saving}, within the noise"


def parts(found: Headroom) -> list[tuple[str, str, str, str]]:
    """Where the loop's time goes, per sample: the part, its time, its share, its interval."""
    return [
        (
            PARTS[part.part],
            quantity(part.seconds, "s"),
            f"{100 * part.share:.1f} %",
            f"{quantity(part.low, 's')} to {quantity(part.high, 's')}",
        )
        for part in found.parts
    ]


def columns(tuned: Tuned, width: int) -> dict[str, Callable[[Ranked], str]]:
    """Titles and what is below them; what all settings have in common has no column, nor has what does not
    fit."""
    found: dict[str, Callable[[Ranked], str]] = {
        "kind": lambda ranked: ranked.setting.kind,
        "workers": lambda ranked: str(ranked.setting.workers),
        "ahead": lambda ranked: str(ranked.setting.prefetch or ""),
    }
    if any(ranked.setting.pin for ranked in tuned.ranked):
        found["pinned"] = lambda ranked: "yes" if ranked.setting.pin else "no"
    if len({ranked.setting.batch_size for ranked in tuned.ranked}) > 1:
        found["batch"] = lambda ranked: str(ranked.setting.batch_size)
    found["samples/s"] = lambda ranked: digits(1 / ranked.seconds)
    found["slower by"] = _slower
    if width >= WIDE:
        found["interval"] = _bounds
        found["wait p99"] = lambda ranked: _reading(ranked, "wait_p99_seconds", "s")
    found["of cores"] = lambda ranked: "" if ranked.ceiling is None else f"{ranked.ceiling:.0%}"
    found["memory"] = lambda ranked: _reading(ranked, "pss_bytes", "B")
    if width >= WIDE:
        found["repetitions"] = lambda ranked: str(ranked.samples)
    found[""] = lambda ranked: _pointed(standing(ranked, tuned))
    return found


def _answer(page: ConsolePage, tuned: Tuned, answer: Ranked) -> None:
    style = STYLES[tuned.certainty]
    page.print(page.text(f"{HEADINGS[tuned.certainty]}: {best(tuned, answer)}", style), page.text(""))
    page.print(page.text(code(tuned, answer)), indent=4)
    page.print(page.text(""), page.text("; ".join(gains(tuned, answer))))
    page.print(page.text(""), *(page.text(sanitize(sentence, 2000)) for sentence in sureness(tuned, answer)))


def _headroom(page: ConsolePage, found: Headroom) -> None:
    page.print(
        page.text(""), page.text(advice(found), "bold"), page.text("where the loop's time goes, per sample")
    )
    table = grid(4)
    for part, seconds, share, bounds in parts(found):
        table.add_row(page.text(part), page.text(seconds), page.text(share), page.text(bounds, "dim"))
    page.print(table, indent=2)
    for warning in found.warnings:
        page.print(page.text(f"note: {sanitize(warning)}", "yellow"))


def _one_core(page: ConsolePage, tuned: Tuned) -> None:
    work = [stage for stage in tuned.stages if stage.name != "decode_fastest"]
    if not work:
        return
    whole = sum(stage.seconds for stage in work)
    text = ", ".join(
        f"{stage.name} {quantity(stage.seconds, 's')} ({stage.seconds / whole:.0%})" for stage in work
    )
    page.print(page.text(""), page.text(f"one sample on one core, the DataLoader's way: {text}"))
    answer = tuned.of(tuned.answer)
    rate = 1 / answer.seconds if answer else 0.0
    for name, text in CEILINGS.items():
        if (most := tuned.ceilings.get(name)) and rate:
            page.print(page.text(f"{text} {digits(most)} samples/s; this loop takes {digits(rate)}"))


def _table(page: ConsolePage, tuned: Tuned) -> Table:
    shown = columns(tuned, page.width)
    table = grid(len(shown))
    table.add_row(*(page.text(title, "dim") for title in shown))
    for ranked in tuned.ranked:
        table.add_row(*(page.text(cell(ranked)) for cell in shown.values()))
    return table


class Standing(StrEnum):
    """Where the race left a setting."""

    BEST = "best"
    EQUIVALENT = "as good"
    BEHIND = "behind"
    NOT_SETTLED = "not settled"


def standing(ranked: Ranked, tuned: Tuned) -> Standing:
    """The answer is the best, whatever else it is as good as."""
    if ranked.setting == tuned.answer:
        return Standing.BEST
    if ranked.equivalent:
        return Standing.EQUIVALENT
    return Standing.BEHIND if ranked.eliminated else Standing.NOT_SETTLED


def _pointed(found: Standing) -> str:
    return f"<- {found}" if found is Standing.BEST else found


def _slower(ranked: Ranked) -> str:
    if ranked.ratio <= 1:
        return "-"
    return f"{digits(ranked.ratio)}x" if ranked.ratio >= 2 else f"{100 * (ranked.ratio - 1):.1f} %"


def _bounds(ranked: Ranked) -> str:
    if ranked.ratio <= 1:
        return ""
    if ranked.ratio >= 2:
        return f"{digits(ranked.low)} to {digits(ranked.high)}x"
    return f"{100 * (ranked.low - 1):+.1f} to {100 * (ranked.high - 1):+.1f} %"


def _reading(ranked: Ranked, name: str, unit: str) -> str:
    return quantity(ranked.readings[name], unit) if name in ranked.readings else ""


def _out(page: ConsolePage, tuned: Tuned) -> None:
    for word, reasons in (("out of the race", tuned.failed), ("not here", tuned.missing)):
        for name, reason in reasons.items():
            page.print(page.text(f"{word}: {sanitize(name)}: {sanitize(reason)}", "yellow"))
