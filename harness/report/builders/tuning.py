"""A tuning in words, as a document: the answer and its code, why, every setting that ran, and what did
not."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from harness.judge.headroom import worth_a_look
from harness.loading.loaders import LOADER_KINDS, own_code
from harness.model import GENERATED, Certainty, Headroom, LoopPart, Ranked, Setting, StageName, Tuned
from harness.plural import counted
from harness.report.builders.tuning_words import (
    against_the_next,
    bounds,
    costs,
    coverage,
    gains,
    left_behind,
    no_room,
    no_time,
    number,
    of_an_epoch,
    rate,
    slower,
)
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.format import duration, quantity, sanitize

HEADINGS = {
    Certainty.DECIDED: ("best setting here", Tone.GOOD),
    Certainty.CLOSE: ("best setting so far (others may be as fast)", Tone.SAME),
    Certainty.PROVISIONAL: ("provisional answer, not decided", Tone.OPEN),
}
"""What stands before the answer, and its tone: a provisional one does not look like one that is decided."""

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

LOOP = (
    Column("part", "part"),
    Column("time", "time"),
    Column("share", "share"),
    Column("interval", "95 % interval", rank=1),
)

SETTINGS = (
    Column("kind", "kind", foreign=True),
    Column("workers", "workers"),
    Column("ahead", "ahead"),
    Column("pinned", "pinned"),
    Column("batch", "batch"),
    Column("rate", "samples/s"),
    Column("slower", "slower"),
    Column("interval", "interval", rank=3),
    Column("wait", "wait p99", rank=4),
    Column("cores", "of cores", rank=2),
    Column("memory", "memory", rank=1),
    Column("repetitions", "repetitions", rank=5),
    Column("standing", ""),
)
"""What the settings that ran are compared by; what all of them have in common has no cells."""

_READINGS = {
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
"""Readings of the best of each kind: the title of their column, and their unit."""

KINDS = (
    Column("kind", "kind", foreign=True),
    Column("alone", "alone"),
    Column("looped", "in the loop"),
    *(Column(name, title, rank=rank) for rank, (name, (title, _)) in enumerate(_READINGS.items(), 1)),
    Column("left", "left behind"),
)

OUT = (
    Column("state", ""),
    Column("what", "", foreign=True, rank=1),
    Column("why", "", foreign=True, prose=True),
)


class Standing(StrEnum):
    """Where the race left a setting."""

    BEST = "best"
    EQUIVALENT = "as good"
    BEHIND = "behind"
    NOT_SETTLED = "not settled"


STANDINGS = {
    Standing.BEST: Tone.GOOD,
    Standing.EQUIVALENT: Tone.SAME,
    Standing.BEHIND: Tone.BAD,
    Standing.NOT_SETTLED: Tone.OPEN,
}


def tuning_document(tuned: Tuned) -> Document:
    """The whole report; its tables are `loop_table`, `settings_table`, `kinds_table`, `out_table`, without
    the empty ones."""
    answer = tuned.of(tuned.answer)
    if answer is None:
        title, tone = "no setting finished a sample; why is listed below", Tone.BAD
    else:
        heading, tone = HEADINGS[tuned.certainty]
        title = f"{heading}: {best(tuned, answer)}"
    notes = (*(tuned.headroom.warnings if tuned.headroom is not None else ()), *tuned.notes)
    tables = (loop_table(tuned), settings_table(tuned), kinds_table(tuned), out_table(tuned))
    return Document(
        sanitize(title),
        tuple((label, sanitize(words, 2000)) for label, words in _facts(tuned, answer) if words),
        tuple(sanitize(words, 2000) for words in (*map(no_room, tuned.left_out), *notes)),
        tuple(table for table in tables if table.lines),
        closing=[sanitize(words, 2000) for words in (_decides(tuned),) if words and answer is not None],
        code=code(tuned, answer) if answer is not None else "",
        tone=tone,
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
    if tuned.dataset is not None:
        return own_code(tuned.dataset, answer.setting, persistent=persistent)
    folder = tuned.data if tuned.data != GENERATED else ""
    kind = LOADER_KINDS.get(answer.setting.kind)
    if kind is None:
        return f"# this version of tipbench has no loader of the kind {sanitize(answer.setting.kind)}"
    return kind.code(answer.setting, folder=folder, persistent=persistent, device=tuned.device)


def loop_table(tuned: Tuned) -> Table:
    """Where the loop's time goes; no lines where that was not measured."""
    parts = tuned.headroom.parts if tuned.headroom is not None else ()
    rows = tuple(
        Row(
            {
                "part": PARTS[part.part],
                "time": quantity(part.seconds, "s"),
                "share": f"{100 * part.share:.1f} %",
                "interval": f"{quantity(part.low, 's')} to {quantity(part.high, 's')}",
            },
            {"interval": Tone.DIM},
        )
        for part in parts
    )
    return Table("Where the loop's time goes, per sample", LOOP, rows)


def settings_table(tuned: Tuned) -> Table:
    """Every setting that ran, in the order of ``tuned.ranked``."""
    pinned = any(ranked.setting.pin for ranked in tuned.ranked)
    batches = len({ranked.setting.batch_size for ranked in tuned.ranked}) > 1
    rows = []
    for ranked in tuned.ranked:
        setting, found = ranked.setting, standing(ranked, tuned)
        cells = {
            "kind": sanitize(setting.kind),
            "workers": str(setting.workers),
            "ahead": str(setting.prefetch or ""),
            "pinned": ("yes" if setting.pin else "no") if pinned else "",
            "batch": str(setting.batch_size) if batches else "",
            "rate": rate(ranked.seconds),
            "slower": slower(ranked) if ranked.ratio > 1 else "-",
            "interval": bounds(ranked) if ranked.ratio > 1 else "",
            "wait": _reading(ranked, "wait_p99_seconds", "s"),
            "cores": "" if ranked.ceiling is None else f"{ranked.ceiling:.0%}",
            "memory": _reading(ranked, "pss_bytes", "B"),
            "repetitions": str(ranked.samples),
            "standing": f"<- {found}" if found is Standing.BEST else found,
        }
        rows.append(Row(cells, {"standing": STANDINGS[found]}))
    return Table("Settings, the fastest first", SETTINGS, tuple(rows))


def kinds_table(tuned: Tuned) -> Table:
    """The best setting of each kind that was looked at by itself, with what its epochs cost; no lines where
    none was."""
    found: dict[str, Ranked] = {}
    for ranked in tuned.ranked:
        if "epoch_gap_seconds" in ranked.readings:
            found.setdefault(ranked.setting.kind, ranked)
    there = {name for ranked in found.values() for name, value in ranked.readings.items() if value}
    rows = []
    for kind, ranked in found.items():
        alone = ranked.readings.get("loader_seconds")
        cells = {
            "kind": sanitize(kind),
            "alone": "" if alone is None else f"{rate(alone)}/s",
            "looped": f"{rate(ranked.seconds)}/s" if tuned.step != "none" else "",
            "left": left_behind(ranked),
        }
        cells |= {
            name: _reading(ranked, name, unit) for name, (_, unit) in _READINGS.items() if name in there
        }
        rows.append(Row(cells, {}))
    return Table("The best of each kind, looked at by itself", KINDS, tuple(rows))


def out_table(tuned: Tuned) -> Table:
    """What did not run and why: settings and kinds that failed, and kinds that this machine does not have."""
    missing: dict[str, list[str]] = {}
    for kind, why in tuned.missing.items():
        missing.setdefault(why, []).append(kind)
    absent = "not here" if tuned.dataset is None else "not applicable"
    out = [("out of the race", what, why) for what, why in tuned.failed.items()]
    out += [(absent, ", ".join(kinds), why) for why, kinds in missing.items()]
    rows = [
        Row({"state": state, "what": sanitize(what), "why": sanitize(why)}, {"state": Tone.OPEN})
        for state, what, why in out
    ]
    return Table("What did not run", OUT, tuple(rows))


def standing(ranked: Ranked, tuned: Tuned) -> Standing:
    """The answer is the best, whatever else it is as good as."""
    if ranked.setting == tuned.answer:
        return Standing.BEST
    if ranked.equivalent:
        return Standing.EQUIVALENT
    return Standing.BEHIND if ranked.eliminated else Standing.NOT_SETTLED


def _advice(found: Headroom) -> str:
    """What a perfect loader would save, or that yours is best left alone."""
    interval = f"{100 * found.low:.1f} to {100 * found.high:.1f} %"
    if worth_a_look(found):
        return f"a perfect loader would save {100 * found.share:.1f} % of the loop ({interval})"
    saving = f"a perfect one would save {100 * found.share:.1f} % ({interval})"
    return f"leave your loader alone: {saving}, within the noise"


def _facts(tuned: Tuned, answer: Ranked | None) -> Iterable[tuple[str, str]]:
    if answer is not None:
        yield "speed", gains(tuned, answer)
        yield "costs", costs(answer)
        yield "certainty", coverage(tuned)
        yield "against", against_the_next(tuned, answer)
        yield "left out", no_time(tuned)
        yield "headroom", _advice(tuned.headroom) if tuned.headroom is not None else ""
        yield "epochs", of_an_epoch(tuned, tuned.epoch) if tuned.epoch is not None else ""
        yield from _rates(tuned, answer)
    where = f"{number(tuned, tuned.images)} of {tuned.data}, step {tuned.step}, {tuned.device}"
    yield "measured", f"{where}; {counted(tuned.repetitions, 'repetition')} in {duration(tuned.seconds)}"


def _rates(tuned: Tuned, answer: Ranked) -> Iterable[tuple[str, str]]:
    work = [stage for stage in tuned.stages if stage.name is not StageName.DECODE_FASTEST]
    if work:
        whole = sum(stage.seconds for stage in work)
        stages = (f"{each.name} {quantity(each.seconds, 's')} ({each.seconds / whole:.0%})" for each in work)
        yield "one core", f"one sample the DataLoader's way: {', '.join(stages)}"
    for name, words in CEILINGS.items():
        if most := tuned.ceilings.get(name):
            yield "rates", f"{words} {rate(1 / most)} samples/s; this loop takes {rate(answer.seconds)}"


def _decides(tuned: Tuned) -> str:
    """The command that would decide or show more, and how long it takes; empty where nothing is open."""
    if not tuned.decide or (tuned.certainty is Certainty.DECIDED and not tuned.undone):
        return ""
    word = "decides" if tuned.certainty is Certainty.PROVISIONAL else "shows more"
    return f"what {word}, in {duration(tuned.needs)}: {tuned.decide}"


def _reading(ranked: Ranked, name: str, unit: str) -> str:
    return quantity(ranked.readings[name], unit) if name in ranked.readings else ""
