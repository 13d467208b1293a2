"""Why a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndReason(StrEnum):
    """Why a run ended; what the time budget or an interrupt kept from being measured was not reached, not
    lost."""

    ALL_DECIDED = "everything was decided"
    ALL_MEASURED = "every invocation that its profile allows was measured"
    NOTHING = "nothing could be measured"
    BUDGET_USED = "the time budget was used up"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    """By an error, which the detail has."""

    OTHER = "other"
    """A reason that this version does not know; the detail has its text."""

    NOT_RECORDED = ""
    """The run was killed, or is still going on."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """Why a run ended, with the ``detail`` of an error or of a reason that this version does not know."""

    reason: EndReason = EndReason.NOT_RECORDED
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason in words; empty where none was recorded."""
        if self.reason is EndReason.STOPPED:
            return f"stopped: {self.detail}"
        return self.detail if self.reason is EndReason.OTHER else self.reason.value

    @property
    def complete(self) -> bool:
        """Whether the run did everything that its profile allows."""
        return self.reason in (EndReason.ALL_DECIDED, EndReason.ALL_MEASURED, EndReason.NOTHING)

    @property
    def cut_short(self) -> bool:
        """Whether the budget or an interrupt left cases that were not reached."""
        return self.reason in (EndReason.BUDGET_USED, EndReason.INTERRUPTED)
