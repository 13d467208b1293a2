"""The result of a gate, from what its sides reported and what was decided."""

from __future__ import annotations

from collections.abc import Mapping

from harness.gate.pair import SideCommand
from harness.gate.settings import GateSettings
from harness.gate.state import GateState
from harness.judge.regression import status_of
from harness.model import GateNote, GateResult, NoteCode, Side, SideFacts
from harness.workers.protocol import SideInfo

UNFINISHED = {NoteCode.INTERRUPTED, NoteCode.BUDGET_USED}
"""Notes of a result that leaves something to measure."""


def gate_result(
    settings: GateSettings,
    info: Mapping[Side, SideInfo],
    state: GateState,
    *,
    units: int,
    seconds: float,
    notes: tuple[GateNote, ...],
) -> GateResult:
    """The result after so many ``units`` and ``seconds``; a side without ``info`` never introduced itself."""
    verdicts = state.verdicts()
    base, head = (_facts(command, settings, info.get(command.side)) for command in settings.sides)
    return GateResult(
        base=base,
        head=head,
        verdicts=tuple(verdicts),
        status=status_of(verdicts),
        decisions=len(state.decisions),
        target=settings.thresholds.target,
        loader_target=settings.thresholds.loader_target,
        alpha=settings.thresholds.alpha,
        units=units,
        seconds=seconds,
        notes=notes,
        selftest=settings.selftest,
        unfinished=any(note.code in UNFINISHED for note in notes),
    )


def _facts(command: SideCommand, settings: GateSettings, info: SideInfo | None) -> SideFacts:
    return SideFacts(
        command.side,
        settings.labels[command.side],
        command.python,
        dict(command.shown),
        info.packages if info else (),
        dict(info.environment) if info else {},
    )
