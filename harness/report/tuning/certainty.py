"""How sure a tuning's answer is, in words: how much of the grid ran, what had no room, what there was no time
for."""

from __future__ import annotations

from harness.model import Certainty, LeftOut, Ranked, Tuned, Undone
from harness.plural import counted
from harness.report.format import digits, duration

HEADINGS = {
    Certainty.DECIDED: "best setting here",
    Certainty.CLOSE: "best setting so far (others may be as fast)",
    Certainty.PROVISIONAL: "provisional answer, not decided",
}
"""What stands before the answer."""

REMEDIES = {
    "shared memory": "enlarge it (docker run --shm-size=8g, or --ipc=host) or take a smaller --batch-size",
    "memory": "take a smaller --batch-size, or free some memory",
    "cores": "name them with --workers to race them all the same",
}
"""What to do about a limit."""

PARTS = {
    Undone.KINDS: "checking every kind of loader",
    Undone.LOOP: "where the loop's time goes",
    Undone.EPOCHS: "the wait between epochs",
    Undone.STAGES: "the time of one core",
    Undone.CORES: "loaders against one core",
    Undone.CEILINGS: "rates of the disk and of the copy",
    Undone.OTHERS: "the other kinds by themselves",
}
"""What a part of a tuning is about."""


def no_room(left_out: LeftOut) -> str:
    """Which settings did not run, by which limit, and what to do: one line."""
    names = ", ".join(left_out.settings[:6])
    more = f" and {len(left_out.settings) - 6} more" if len(left_out.settings) > 6 else ""
    return (
        f"{counted(len(left_out.settings), 'setting')} left out for want of {left_out.limit} ({names}{more}): "
        f"{left_out.sentence}; to race them, {REMEDIES.get(left_out.limit, 'take fewer workers')}"
    )


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
        return f"the next, {other.setting.name}, is {apart(other)} slower"
    return f"the fastest, {other.setting.name}, is ahead: the answer is {apart(answer)} slower, and smaller"


def apart(ranked: Ranked) -> str:
    """How far a setting is behind the fastest, with its interval: ``4.1 % (-3.0 to +12.0 %)``."""
    if ranked.ratio >= 2:
        return f"{digits(ranked.ratio)}x ({digits(ranked.low)} to {digits(ranked.high)}x)"
    bounds = f"{100 * (ranked.low - 1):+.1f} to {100 * (ranked.high - 1):+.1f} %"
    return f"{100 * (ranked.ratio - 1):.1f} % ({bounds})"


def sureness(tuned: Tuned, answer: Ranked) -> list[str]:
    """How sure the answer is, and what would decide it: a sentence each."""
    sentences = [coverage(tuned)]
    if next_one := against_the_next(tuned, answer):
        sentences.append(next_one)
    if tuned.undone:
        sentences.append(f"no time was left for {', '.join(PARTS[part] for part in tuned.undone)}")
    if tuned.decide and (tuned.certainty is not Certainty.DECIDED or tuned.undone):
        word = "decides" if tuned.certainty is Certainty.PROVISIONAL else "shows more"
        sentences.append(f"what {word}, in {duration(tuned.needs)}: {tuned.decide}")
    return sentences
