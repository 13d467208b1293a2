"""What a gate has done beside its units, in pairs of processes that give none: counting launches, explaining."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from harness.gate.counted import count
from harness.gate.decision import Decision
from harness.gate.explain import explain, worst
from harness.gate.pair import SideLost, WorkerPair
from harness.gate.state import GateState
from harness.judge.regression import GateThresholds
from harness.workers.collect import WorkerError
from harness.workers.protocol import SidePlan

COUNTING = 0
"""The number of the pair that counts launches, which gives no unit."""


class ExtraPasses:
    """Has a fresh pair do what gives no unit; whatever goes wrong there takes nothing from what was decided.

    ``pair`` starts one for files, by its number, and ``plan`` says how it is to measure. Nothing begins once it is
    ``late``. Each method gives its notes.
    """

    def __init__(
        self,
        pair: Callable[[list[str], int], AbstractContextManager[WorkerPair]],
        plan: Callable[[Random], SidePlan],
        thresholds: GateThresholds,
        folder: Path,
        late: Callable[[], bool],
    ) -> None:
        self._pair = pair
        self._plan = plan
        self._thresholds = thresholds
        self._folder = folder
        self._late = late

    def count(self, state: GateState, environment: Mapping[str, Any], random: Random) -> list[str]:
        """Have launches counted of what the first unit measured, in head's ``environment``."""
        chosen = [candidate for candidate in state.timed() if not candidate.claim.loader]
        if not chosen or environment.get("device", {}).get("type") != "cuda":
            return []
        if self._late():
            return ["no time was left to count launches"]
        return self._do(COUNTING, chosen, count, "launches could not be counted", random)

    def explain(self, state: GateState, number: int, random: Random) -> list[str]:
        """Have the worst regressions profiled."""
        regressed = worst(state.slower(), state.larger())
        if not regressed:
            return []
        if self._late():
            return ["no time was left to profile what regressed"]
        profiled = partial(explain, folder=self._folder, thresholds=self._thresholds, late=self._late)
        return self._do(number, regressed, profiled, "what regressed could not be profiled", random)

    def _do(
        self, number: int, chosen: Sequence[Decision], do: Callable[..., Iterable[str]], failed: str, random: Random
    ) -> list[str]:
        files = sorted({candidate.claim.path for candidate in chosen})
        plan = self._plan(random)
        try:
            with self._pair(files, number) as pair:
                return list(do(pair, lambda cases: pair.begin(cases, plan), chosen, random=random))
        except (SideLost, WorkerError, OSError) as error:
            return [f"{failed}: {error}"]
