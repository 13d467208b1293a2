"""Warnings about a measurement in words."""

from __future__ import annotations

from harness.model import UNSTEADY, CaseWarning, WarningCode

_TEXTS = {
    WarningCode.NOT_TORN_DOWN: "{0.subject} did not tidy up: {0.detail}",
    WarningCode.NO_CASE: "pytest finds none of its cases, though it does not skip itself: {0.detail}",
    WarningCode.NO_READING: "no {0.quantity} of {0.subject}: {0.detail}",
    WarningCode.NO_SNAPSHOT: "no memory snapshot of {0.subject}: {0.detail}",
    WarningCode.NOT_STEADY: "{0.subject} was still getting faster after {0.seconds:g} s of warming up",
    WarningCode.NOT_RETRIED: "the variants that disagree were not tried again: {0.detail}",
    WarningCode.FEW_BATCHES: "{0.subject} has too few batches for a window of steady running: whole epochs were "
    "timed",
    WarningCode.WINDOW_CUT: "{0.subject} takes so long for a batch that its windows were closed within an epoch",
    WarningCode.CLOCK_WENT_BACK: "the clock went back in a round of {0.subject}, which was measured again",
    WarningCode.STILL_WORKING: "{0.subject} went on working after its rounds: the others' may be slower for it",
    WarningCode.UNSTEADY_WINDOWS: "{0.subject} did not run steadily: some of its windows were over "
    f"{UNSTEADY:g} times slower than others",
    WarningCode.STATE_CHANGED: "it changed what other benchmarks in its process depend on, and did not put it back "
    "(tipbench did): {0.detail}",
    WarningCode.NOT_WATCHED: "{0.detail}",
    WarningCode.OTHER: "{0.detail}",
}


def warning_text(warning: CaseWarning) -> str:
    """A warning as the footnote of the rows that it concerns."""
    return _TEXTS[warning.code].format(warning)
