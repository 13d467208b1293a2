"""The timeline of a run while it goes on: what processes report, and each case split into its stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness import store
from harness.model import Activity, Measurement, Span
from harness.probes.peak import MEMORY

SHORTEST = 1e-3
"""Seconds; what is shorter is no line of a record."""


class TimelineRecorder:
    """Writes spans as they end. Those of measured cases wait for the measurement, which knows their stages.

    A timeline that cannot be written is one ``note``, and ends no run.
    """

    def __init__(
        self,
        folder: Path,
        start: float,
        note: Callable[[str], object] = lambda _: None,
        name: str = store.TIMELINE_FILE,
    ) -> None:
        self._note = note
        self._measuring: dict[tuple[str, int], Span] = {}
        self._writer: store.TimelineWriter | None = None
        with self._noting():
            self._writer = store.TimelineWriter(folder, start, name)

    def add(self, span: Span) -> None:
        """Take in a span."""
        if span.activity is Activity.ROUNDS:
            self._measuring[span.case, span.invocation] = span
        else:
            self._write(span)

    def measured(self, measurements: Iterable[Measurement]) -> None:
        """Write what was measured, stage by stage."""
        for measurement in measurements:
            span = self._measuring.pop((measurement.case, measurement.invocation), None)
            for stage in stages(span, measurement) if span is not None else ():
                self._write(stage)
        # The process of any other ended before it had measured.
        for span in self._measuring.values():
            self._write(replace(span, activity=Activity.SET_UP))
        self._measuring.clear()

    def end(self, moment: float) -> None:
        """The run is over."""
        self.measured(())
        if self._writer is not None:
            with self._noting():
                self._writer.end(moment)

    def _write(self, span: Span) -> None:
        if self._writer is not None and span.seconds >= SHORTEST:
            with self._noting():
                self._writer.span(span)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except store.StoreError as error:
            self._writer = None
            self._note(f"no timeline of this run: {error}")


def stages(span: Span, measurement: Measurement) -> Iterator[Span]:
    """A case from beginning to end: set-up, warm-up, rounds, and what came after them.

    Rounds last from the first block to the last. First calls and warm-ups are right before them, one variant
    after the other, and set-up is what was before those. What is left is weighing where memory was read, else
    the teardown.
    """
    if not measurement.blocks:
        yield replace(span, activity=Activity.SET_UP)
        return
    begin, end = measurement.blocks[0][0], measurement.blocks[-1][1]
    warming = sum(trial.warmup_seconds for trial in measurement.trials)
    weighed = any(MEMORY in trial.exact for trial in measurement.trials)
    moments = (begin - warming, begin, end, span.end)
    kinds = (
        Activity.SET_UP,
        Activity.WARM_UP,
        Activity.ROUNDS,
        Activity.WEIGHING if weighed else Activity.ENDING,
    )
    at = span.begin
    for kind, moment in zip(kinds, moments, strict=True):
        until = min(max(at, moment), span.end)
        if until > at:
            yield replace(span, activity=kind, begin=at, end=until)
        at = until
