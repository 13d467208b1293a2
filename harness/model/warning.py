"""Warnings about a measurement, as data; the report has their words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNSTEADY = 1.5
"""A loader whose slowest window takes so many times longer than its quickest does not run steadily."""


class WarningCode(StrEnum):
    """What a warning is about."""

    NOT_TORN_DOWN = "not torn down"
    NO_CASE = "no case"
    """Nothing says that the benchmark is to be skipped, and pytest has no case of it."""

    NO_READING = "no reading"
    NO_SNAPSHOT = "no snapshot"
    NOT_STEADY = "not steady"
    NOT_RETRIED = "not retried"
    NOT_WATCHED = "not watched"
    FEW_BATCHES = "short epochs"
    WINDOW_CUT = "window cut"
    CLOCK_WENT_BACK = "clock jumped"
    STILL_WORKING = "still working"
    UNSTEADY_WINDOWS = "unsteady windows"
    STATE_CHANGED = "state changed"
    OTHER = "other"
    """The detail has the whole text: of an earlier version, or of a code that this version does not know."""


@dataclass(frozen=True, slots=True)
class CaseWarning:
    """A warning about one measurement.

    ``subject`` names the variant it is about, and is empty for the whole case. ``quantity`` is the reading
    that is missing, ``seconds`` the time after which a variant was not steady, ``detail`` the error, or a
    text that is only carried.
    """

    code: WarningCode
    subject: str = ""
    detail: str = ""
    quantity: str = ""
    seconds: float = 0.0
