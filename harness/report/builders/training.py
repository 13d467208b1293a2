"""A watched training loop in words, as a document: what to try next, why, and where the time went."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from harness.judge.headroom import MARGIN
from harness.model import LoopAdvice, LoopFound, LoopSpan, LoopSpent
from harness.plural import counted
from harness.program import SCRIPT
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.format import duration, quantity, sanitize

HEADINGS = {
    LoopAdvice.TUNE: ("the loop waits for its loader: try other settings", Tone.BAD),
    LoopAdvice.PERSISTENT: ("the loop waits for workers to start: try persistent_workers=True", Tone.BAD),
    LoopAdvice.FEWER_WORKERS: ("leave the loader alone: fewer workers would do", Tone.GOOD),
    LoopAdvice.LEAVE: ("leave the loader alone: the loop does not wait for it", Tone.GOOD),
    LoopAdvice.LONGER: ("not decided: watch the loop for longer", Tone.OPEN),
}

SPANS = {
    LoopSpan.WAIT: "waiting for the loader",
    LoopSpan.COPY: "copying to the device",
    LoopSpan.STEP: "the step",
}

SPENT = (
    Column("span", "part"),
    Column("seconds", "each iteration"),
    Column("share", "share"),
    Column("interval", "95 % interval", rank=1),
)

BUSY, SHORT = 0.2, 0.2
"""Shares of idle time up to which workers are busy, and of waiting for a core from which on cores are
short."""


def loop_document(found: LoopFound) -> Document:
    """The whole report."""
    title, tone = HEADINGS[found.advice]
    rows = tuple(_row(each) for each in found.spent)
    return Document(
        title,
        tuple((label, sanitize(words, 2000)) for label, words in _facts(found) if words),
        tables=(Table("Where the loop's time goes", SPENT, rows),),
        closing=[sanitize(words, 2000) for words in (next_words(found),) if words],
        tone=tone,
    )


def tune_command(found: LoopFound) -> str:
    """The command that looks for a better setting, with what is known of this loop; words in capitals are for
    the user to fill in."""
    loader = found.loader
    step = next(each.seconds for each in found.spent if each.span is LoopSpan.STEP)
    copy = sum(each.seconds for each in found.spent if each.span is LoopSpan.COPY)
    words = ["--data", loader.dataset] if loader.dataset else ["--dataset", "MODULE:FUNCTION"]
    words += ["--batch-size", str(loader.batch_size)] if loader.batch_size else []
    words += ["--step", loader.step or f"{max(0.1, 1000 * (step + copy)):.3g}ms"]
    return f"{SCRIPT} tune {shlex.join(words)}"


def next_words(found: LoopFound) -> str:
    """What to do next, in one line; empty if nothing is to be done."""
    match found.advice:
        case LoopAdvice.TUNE:
            return f"try: {tune_command(found)}"
        case LoopAdvice.PERSISTENT:
            return "try: DataLoader(..., persistent_workers=True)"
        case LoopAdvice.FEWER_WORKERS:
            return f"try: num_workers={max(1, (found.loader.workers or 2) // 2)}; it costs less memory"
        case _:
            return ""


def _row(spent: LoopSpent) -> Row:
    known = spent.low >= 0
    cells = {
        "span": SPANS[spent.span],
        "seconds": quantity(spent.seconds, "s"),
        "share": f"{100 * spent.share:.1f} %",
        "interval": f"{100 * spent.low:.1f} to {100 * spent.high:.1f} %" if known else "",
    }
    return Row(cells, {"interval": Tone.DIM})


def _facts(found: LoopFound) -> Iterable[tuple[str, str]]:
    yield "saving", _saving(found)
    yield "starved", "; ".join(_starved(found))
    if found.starts > MARGIN:
        yield (
            "epochs",
            f"{quantity(found.start_seconds, 's')} pass at the ends of each, {found.starts:.0%} of all time",
        )
    yield "loader", ", ".join(_loader(found))
    left = f", {found.left} of them left early" if found.left else ""
    yield (
        "watched",
        f"{counted(found.iterations, 'iteration')} in {counted(found.stretches, 'epoch')}{left}, "
        f"{duration(found.seconds)}",
    )


def _saving(found: LoopFound) -> str:
    saving = found.saving
    if saving is None:
        return "too few iterations for an interval: watch 32 or more"
    words = (
        f"a loader that is always ready would save {100 * saving.share:.1f} % of the loop "
        f"({100 * saving.low:.1f} to {100 * saving.high:.1f} %)"
    )
    return f"{words}, as the GPU stood still" if saving.on_device else words


def _starved(found: LoopFound) -> Iterator[str]:
    """Who waits for whom: the loop for batches, or the workers for work."""
    yield f"the loop found no batch ready in {found.empty:.0%} of iterations"
    if found.loader.workers == 0:
        yield "num_workers is 0: it prepares every batch itself"
    if found.idle is None or not found.loader.workers:
        return
    words = f"workers were idle {found.idle:.0%} of their time"
    if found.queued is not None and found.queued > SHORT:
        words += f" and waited for a core {found.queued:.0%}: there are too few cores"
    elif found.advice is LoopAdvice.TUNE:
        words += (
            ": they are at work, and too few or too slow"
            if found.idle <= BUSY
            else ": they wait too, for files, for each other, or for this process"
        )
    yield words


def _loader(found: LoopFound) -> Iterator[str]:
    loader = found.loader
    yield loader.kind
    if loader.workers is not None:
        yield counted(loader.workers, "worker")
    if loader.batch_size is not None:
        yield f"batches of {loader.batch_size}"
