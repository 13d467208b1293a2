"""What is known of the answer of a tuning, in words: what it gains and costs, how certain it is, what had no
room or no time."""

from __future__ import annotations

from harness.model import Comparison, EpochCost, LeftOut, Ranked, Tuned, Undone
from harness.plural import counted
from harness.report.format import digits, duration, effect, interval, quantity

REMEDIES = {
    "shared memory": "enlarge it (docker run --shm-size=8g, or --ipc=host) or take a smaller --batch-size",
    "memory": "take a smaller --batch-size, or free some memory",
    "cores": "name them with --workers to race them all the same",
}
"""What to do about a limit."""

UNDONE = {
    Undone.KINDS: "checking every kind of loader",
    Undone.LOOP: "where the loop's time goes",
    Undone.EPOCHS: "the wait between epochs",
    Undone.STAGES: "the time of one core",
    Undone.CORES: "loaders against one core",
    Undone.CEILINGS: "rates of the disk and of the copy",
    Undone.OTHERS: "the other kinds by themselves",
}
"""What a part of a tuning is about."""


def gains(tuned: Tuned, answer: Ranked) -> str:
    """The answer's rate, and how that compares with the default's."""
    speed = f"{rate(answer.seconds)} samples/s{' in the loop' if tuned.step != 'none' else ''}"
    default = tuned.of(tuned.default)
    if default is None or default.setting == answer.setting or answer.seconds <= 0:
        return speed
    return f"{speed}; {digits(default.seconds / answer.seconds)}x what the default of 0 workers gives"


def costs(answer: Ranked) -> str:
    """What the answer costs, as far as it was read; empty where nothing was."""
    had = answer.readings
    return "; ".join(
        sentence.format(quantity(had[name], unit))
        for name, unit, sentence in (
            ("pss_bytes", "B", "{} of memory (PSS)"),
            ("cpu_seconds", "s", "{} of CPU a sample"),
            ("first_batch_seconds", "s", "first batch after {}"),
        )
        if name in had
    )


def rate(seconds: float) -> str:
    """Samples a second at so many seconds each; ``?`` where a saved file has none."""
    return digits(1 / seconds) if seconds > 0 else "?"


def coverage(tuned: Tuned) -> str:
    """How many of the settings ran, how often, and the answer how often: one line."""
    laps = [ranked.samples for ranked in tuned.ranked]
    often = f"{min(laps)}" if min(laps) == max(laps) else f"{min(laps)} to {max(laps)}"
    answer = tuned.of(tuned.answer)
    own = f", {counted(answer.samples, 'repetition')} of the answer" if answer is not None else ""
    ran = f"{len(laps)} of {counted(tuned.grid, 'setting')}" if tuned.grid else counted(len(laps), "setting")
    return f"{ran} ran, {often} repetition{'s' * (often != '1')} each{own}"


def against_the_next(tuned: Tuned, answer: Ranked) -> str:
    """How the answer stands against the fastest other setting, with the interval; empty where none ran."""
    other = next((ranked for ranked in tuned.ranked if ranked.setting != answer.setting), None)
    if other is None:
        return ""
    if answer.ratio <= 1:
        return f"the next, {other.setting.name}, is {slower(other)} slower ({bounds(other)})"
    behind = f"{slower(answer)} slower ({bounds(answer)})"
    return f"the fastest, {other.setting.name}, is ahead: the answer is {behind}, and smaller"


def slower(ranked: Ranked) -> str:
    """How many times as long as the fastest a setting takes: ``1.041x``, ``2.50x``."""
    return effect(_compared(ranked)).partition(" ")[0]


def bounds(ranked: Ranked) -> str:
    """The interval of that, in the same terms: ``0.970 to 1.120x``, ``2.40 to 2.61x``."""
    return interval(_compared(ranked))


def _compared(ranked: Ranked) -> Comparison:
    return Comparison("seconds", 0, ranked.ratio, ranked.low, ranked.high)


def no_time(tuned: Tuned) -> str:
    """Which parts of the tuning the budget left out; empty where it left out none."""
    return f"no time was left for {', '.join(UNDONE[part] for part in tuned.undone)}" if tuned.undone else ""


def no_room(left_out: LeftOut) -> str:
    """Which settings did not run, by which limit, and what to do: one line."""
    names = ", ".join(left_out.settings[:6])
    more = f" and {len(left_out.settings) - 6} more" if len(left_out.settings) > 6 else ""
    return (
        f"{counted(len(left_out.settings), 'setting')} left out for want of {left_out.limit} ({names}{more}): "
        f"{left_out.sentence}; to race them, {REMEDIES.get(left_out.limit, 'take fewer workers')}"
    )


def number(tuned: Tuned, count: int) -> str:
    """So many images, or samples of a user's dataset, whose number may not be known."""
    if tuned.dataset is None:
        return counted(count, "image")
    return counted(count, "sample") if count else "samples"


def of_an_epoch(tuned: Tuned, cost: EpochCost) -> str:
    """How long an epoch takes, how long the loop stands still between two, and whether workers should live
    on."""
    long = duration(cost.seconds) if cost.seconds >= 10 else quantity(cost.seconds, "s")
    text = f"an epoch of {number(tuned, cost.samples)} takes {long}; between two the loop waits"
    if cost.persistent_gap is None:
        return f"{text} {quantity(cost.gap, 's')}"
    saved = f"{100 * cost.gain:.2g} % of an epoch"
    judged = (
        f"that saves {saved}"
        if cost.persistent
        else f"not worth it: {saved}, the margin is {tuned.margin:.0%}"
    )
    gaps = f"{quantity(cost.gap, 's')}, with persistent_workers=True {quantity(cost.persistent_gap, 's')}"
    return f"{text} {gaps} ({judged})"


def left_behind(ranked: Ranked) -> str:
    """What was alive after an epoch that was left early."""
    threads, processes = (int(ranked.readings.get(f"{name}_left", 0)) for name in ("threads", "processes"))
    found = [counted(threads, "thread")] if threads else []
    found += [counted(processes, "process", "processes")] if processes else []
    return ", ".join(found) or "nothing"
