"""The state of a variant while it is measured, from set-up to its trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from harness.errors import HarnessError
from harness.measure.calibrate import RoundSize
from harness.measure.correctness import WrongResult
from harness.measure.failure import failure, logged
from harness.measure.runner import Round, VariantRunner
from harness.model import BASELINE, CaseWarning, Expect, Status, Trial, WarningCode
from harness.probes import out_of_memory


class BaselineFailed(HarnessError):
    """There is nothing to compare with; ``status`` and the message have what became of the baseline."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(f"the baseline {status}: {reason}")
        self.status = status


@dataclass(slots=True)
class VariantState:
    """A variant while it is measured."""

    runner: VariantRunner
    status: Status = Status.MEASURED
    reason: str = ""
    first_seconds: float = 0.0
    warmup_seconds: float = 0.0
    pace: RoundSize | None = None
    turns: list[Round] = field(default_factory=list)
    exact: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    left: bool = False

    def exclude(self, error: BaseException, warnings: list[CaseWarning]) -> None:
        """Exclude the variant: wrong where it disagreed, timed out or failed otherwise.

        It is left at once: its workers would go on filling their queues in the rounds of others.
        """
        self.turns.clear()
        if isinstance(error, WrongResult):
            self.status, self.reason = Status.WRONG, str(error)
        elif isinstance(error, TimeoutError):
            self.status, self.reason = Status.TIMED_OUT, str(error)
        else:
            self.status, self.reason = Status.FAILED, logged(error)
            # How much was missing is a result, of a variant that has no other.
            self.exact |= _short_of(error)
            self.sources |= dict.fromkeys(_short_of(error), "the error")
        self.teardown(warnings)

    def teardown(self, warnings: list[CaseWarning]) -> None:
        """Tidy up, once."""
        if self.left:
            return
        self.left = True
        try:
            self.runner.teardown()
        except Exception as error:
            warnings.append(CaseWarning(WarningCode.NOT_TORN_DOWN, self.runner.name, failure(error)))

    def trial(self, expect: Expect) -> Trial:
        """What became of it."""
        iterations = self.pace.iterations if self.pace else 0
        samples: dict[str, tuple[float, ...]] = {}
        if self.turns:
            for name in self.turns[0].readings:
                if all(name in turn.readings for turn in self.turns):
                    samples[name] = tuple(turn.readings[name] for turn in self.turns)
            samples["seconds"] = tuple(turn.each(iterations) for turn in self.turns)
            if all(turn.host_seconds is not None for turn in self.turns):
                samples["host_seconds"] = tuple(turn.host_each(iterations) for turn in self.turns)
        return Trial(
            variant=self.runner.name,
            status=self.status,
            reason=self.reason,
            expect=expect,
            iterations=iterations,
            first_seconds=self.first_seconds,
            warmup_seconds=self.warmup_seconds,
            samples=samples,
            exact=self.exact,
            sources=self.sources,
        )


def still_in(entries: Mapping[str, VariantState], random: Random) -> list[VariantState]:
    """Those still in, in random order. Raises BaselineFailed where the baseline is not."""
    baseline = entries[BASELINE]
    if baseline.status is not Status.MEASURED:
        raise BaselineFailed(baseline.status, baseline.reason)
    those = [entry for entry in entries.values() if entry.status is Status.MEASURED]
    return random.sample(those, len(those))


def _short_of(error: BaseException) -> Mapping[str, float]:
    found = out_of_memory(error)
    return {**getattr(error, "readings", {}), **(found.readings if found else {})}
