"""Reasons of a gate's verdicts in words: one for each kind, and together with what else is known."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from harness.model import (
    BelowTarget,
    BeyondDrift,
    BeyondTolerated,
    ClearlySlower,
    GateOutcome,
    GateOutlook,
    GateReason,
    GateVerdict,
    LooksAhead,
    LostInDrift,
    NeitherShown,
    NotCompared,
    ReasonText,
    Side,
    SideStopped,
    StillOpen,
    TooFewInvocations,
    Uncompared,
    WithinDrift,
)
from harness.report.gate_reason import gate_reason_text, looks_text, outlook_text, reason_text

SLOWER, DRIFT = math.log(1.07), math.log(1.02)

WORDS: list[tuple[GateReason, str]] = [
    (Uncompared(NotCompared.GONE), "base has it, head does not: gone or renamed?"),
    (
        Uncompared(NotCompared.HEAD_SKIPS, "no {GPU}", stored=True),
        "this code skips what the stored run measured: no {GPU}",
    ),
    (
        Uncompared(NotCompared.BASE_CANNOT_RUN, "never reached", stored=True),
        "the stored run did not measure what this code runs: never reached",
    ),
    (SideStopped(Side.HEAD, "boom"), "head: boom"),
    (SideStopped(Side.HEAD, "boom", stored=True), "this code: boom"),
    (
        StillOpen(4, LooksAhead(6, 10)),
        "4 units so far; the next looks: unchanged at 6 units, regressed at 10 units",
    ),
    (
        ClearlySlower(math.log(2), 2e-5, 0.0004, 4),
        "2.00x slower, clearly so: p 2e-05 at 4 units (needs 0.0004)",
    ),
    (BeyondTolerated(SLOWER, 0.00012, 0.0005, 14), "1.070x slower, p 0.00012 at 14 units (needs 0.0005)"),
    (BelowTarget(math.log(1.001), math.log(1.012), 6), "1.001x slower, at most 1.012x slower at 6 units"),
    (BelowTarget(math.log(0.9), math.log(0.995), 6), "1.11x faster, at least 1.005x faster at 6 units"),
    (BelowTarget(-1e-9, 0.0, 6), "1.000x, at most 1.000x at 6 units"),
    (NeitherShown(SLOWER, 50), "1.070x slower after 50 units: neither below nor beyond the target"),
    (TooFewInvocations(1, 14, 6), "1 and 14 invocations; a decision needs 6 on both sides"),
    (BeyondDrift(SLOWER, 0.0004, DRIFT), "1.070x slower, p 0.0004 beyond the drift of the runs (1.020x)"),
    (WithinDrift(0.0, DRIFT), "1.000x; the runs drifted by 1.020x"),
    (
        LostInDrift(SLOWER, DRIFT, 9),
        "1.070x slower, and unpaired runs drifted by 1.020x: cannot judge; about 9 paired units would (gate --base)",
    ),
    (ReasonText("as it was saved"), "as it was saved"),
]


@pytest.mark.parametrize(("reason", "words"), WORDS, ids=lambda each: type(each).__name__)
def test_every_reason_has_words(reason: GateReason, words: str) -> None:
    """With its numbers; what a side reported stands in it as it is."""
    assert gate_reason_text(reason) == words


def test_no_kind_of_reason_is_left_out() -> None:
    """The cases above have each kind."""
    assert {type(reason) for reason, _ in WORDS} == set(get_args(GateReason))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("why", NotCompared)
def test_what_is_not_compared_names_the_sides_as_they_are_called(why: NotCompared, stored: bool) -> None:
    """A stored run and the code that is here are not called base and head."""
    words = gate_reason_text(Uncompared(why, "the detail", stored))
    assert words
    assert "{" not in words
    if why in (NotCompared.GONE, NotCompared.HEAD_SKIPS, NotCompared.BASE_CANNOT_RUN):
        assert ("the stored run" in words and "this code" in words) is stored


@pytest.mark.parametrize(
    ("stored", "words"),
    [(True, "the stored run does not have this case"), (False, "base does not have this case")],
)
def test_a_new_case_of_which_nothing_more_is_known(stored: bool, words: str) -> None:
    """The reason is a sentence, also without a detail."""
    assert gate_reason_text(Uncompared(NotCompared.NEW_CASE, stored=stored)) == words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (LooksAhead(6, 10), "unchanged at 6 units, regressed at 10 units"),
        (LooksAhead(50, 50), "unchanged or regressed at 50 units"),
        (LooksAhead(None, 10), "regressed at 10 units"),
        (LooksAhead(None, None), ""),
    ],
)
def test_the_next_looks(ahead: LooksAhead, words: str) -> None:
    """Each with what it may decide."""
    assert looks_text(ahead) == words


@pytest.mark.parametrize(
    ("outlook", "words"),
    [
        (GateOutlook(80, 50), "needs about 80 units here, and 50 are the most: a quieter machine"),
        (
            GateOutlook(10_000, 50, more=True, target=0.113),
            "needs more than 10000 units here, and 50 are the most: a quieter machine, or --target 12%",
        ),
        (
            GateOutlook(80, 50, target=0.2, loader=True),
            "needs about 80 units here, and 50 are the most: a quieter machine, or --loader-target 20%",
        ),
    ],
)
def test_what_is_not_likely_to_be_decided(outlook: GateOutlook, words: str) -> None:
    """How many units it would take, and the smallest target that could be decided, rounded up."""
    assert outlook_text(outlook) == words


def test_a_whole_reason() -> None:
    """What grew comes before what was shown; the outlook and remarks on blocks follow."""
    verdict = GateVerdict(
        "a.py::b", "A1", "tip", "seconds", GateOutcome.REGRESSED, ReasonText("shown"), growth="linear runs 2x",
        outlook=GateOutlook(80, 50), remarks=("left out: 2 of 8 blocks", "one more"),
    )  # fmt: skip
    assert reason_text(verdict) == (
        "linear runs 2x (shown); needs about 80 units here, and 50 are the most: a quieter machine; "
        "left out: 2 of 8 blocks; one more"
    )


@pytest.mark.parametrize(
    ("metric", "base", "head", "words"),
    [
        ("peak_bytes", 12582912.0, 31457280.0, "2.50x more memory, 12582912 -> 31457280 B"),
        ("peak_bytes", 31457280.0, 31457281.0, "31457280 -> 31457281 B"),
        ("peak_bytes", 0.0, 1024.0, "0 -> 1024 B"),
        ("launches", 10.0, 5.0, "2.00x less, 10 -> 5"),
        ("launches", 10.0, math.inf, "10 -> inf"),
        ("seconds", 1.0, 2.0, ""),
    ],
)
def test_an_exact_metric_has_its_change_and_its_readings(
    metric: str, base: float, head: float, words: str
) -> None:
    """They are in the verdict already; the readings alone where a factor says less."""
    verdict = GateVerdict("a.py::b", "A1", "tip", metric, GateOutcome.REGRESSED, base=base, head=head)
    assert reason_text(verdict) == words


def test_a_reason_is_about_the_metric_of_its_verdict() -> None:
    """More of what is not a time is not called slower."""
    verdict = GateVerdict(
        "a.py::b", "A1", "tip", "joules", GateOutcome.REGRESSED, BeyondTolerated(SLOWER, 0.01, 0.05, 14)
    )
    assert reason_text(verdict).startswith("1.070x more energy, p 0.01")
