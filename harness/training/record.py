"""The run of a watched loop: begun before the first batch, added to stretch by stretch, closed once.

Nothing here may stop a training: what cannot be saved is a warning.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from harness import store
from harness.environment import fingerprint
from harness.model import (
    BASELINE,
    LOOP_CASE,
    SCHEMA,
    Claim,
    EndReason,
    Measurement,
    RunEnd,
    Trial,
    WatchedLoader,
)

CLAIM = Claim(
    "loop", "The training loop waits for its loader.", LOOP_CASE.partition("::")[0], "loop", loader=True
)


class LoopRecord:
    """A run that holds what a loop showed. ``folder`` is None before it is begun, and where it cannot be
    written."""

    def __init__(self, loader: WatchedLoader, results: Path) -> None:
        self.loader = loader
        self.folder: Path | None = None
        self._results = results
        self._writer: store.Writer | None = None
        self._stretches = 0
        self._pid = os.getpid()
        self._closed = False

    def begin(self) -> None:
        """Begin the run, if it has not begun."""
        if self.folder is not None or self._closed:
            return
        now = datetime.now(UTC).astimezone()
        try:
            self.folder = store.new_run_folder(self._results, now)
            self._writer = store.open_run(
                self.folder, [CLAIM], profile=store.LOOP, data=self.loader.dataset, loader=asdict(self.loader),
                started=now.isoformat(timespec="seconds"), command=[Path(sys.argv[0]).name],
            )  # fmt: skip
            self._writer.write("header", schema=SCHEMA, environment=_environment(), planned=[])
        except store.StoreError as error:
            self._give_up(error)

    @property
    def own(self) -> Path | None:
        """The folder, in the process that began the run; None elsewhere."""
        return self.folder if os.getpid() == self._pid else None

    def add(
        self,
        samples: Mapping[str, Sequence[float]],
        exact: Mapping[str, float],
        first_seconds: float,
        began: float,
    ) -> None:
        """A stretch of the loop: ``samples`` have a value an iteration; it began at a moment of the monotonic
        clock."""
        self._stretches += 1
        trial = Trial(
            BASELINE,
            iterations=1,
            first_seconds=first_seconds,
            samples={name: tuple(values) for name, values in samples.items()},
            exact=exact,
        )
        seconds = max(0.0, time.monotonic() - began)
        found = Measurement(LOOP_CASE, CLAIM.name, self._stretches, trials=(trial,), seconds=seconds)
        if self._writer is not None and os.getpid() == self._pid:
            try:
                store.write_measurement(self._writer, found)
            except store.StoreError as error:
                self._give_up(error)

    def close(self) -> None:
        """Write why the run ended; may be called twice, and does nothing in a forked process."""
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        if self._writer is None:
            return
        try:
            store.write_end(self._writer, RunEnd(EndReason.ALL_MEASURED))
        except store.StoreError as error:
            self._give_up(error)
        else:
            self._writer.close()
            self._writer = None

    def _give_up(self, error: store.StoreError) -> None:
        warnings.warn(f"the watched loop is not saved any further: {error}", RuntimeWarning, stacklevel=2)
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def _environment() -> dict[str, object]:
    # torch, if the loop does without it, is not imported for its version.
    return fingerprint(torch=sys.modules.get("torch"), importing=False)
