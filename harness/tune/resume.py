"""Resuming a tuning that was killed, interrupted or out of time: what it has, and whether it can go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.bench.resume import check_same
from harness.errors import UsageError
from harness.model import LoaderSample, Measurement, Setting, WarningCode
from harness.plural import counted
from harness.program import advised
from harness.store import Run
from harness.store.parts import discard_part, next_part
from harness.tune.settings import TuneSettings


@dataclass(slots=True)
class TuneResumption:
    """A tuning that is resumed: the repetitions that it has, which the race goes through once more.

    The race asks for the same settings as before, because the same samples lead to the same decisions. A
    setting that had no time then has no sample in that repetition, and is measured in a later one.
    """

    run: Run
    part: int
    _left: list[Measurement] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run) -> TuneResumption:
        """What comes after all that is in the tuning's folder. Raises UsageError for one that does not say
        what it raced."""
        if not isinstance(run.facts.get("asked"), Mapping):
            raise UsageError(
                f"--resume: {run.folder} does not say what it raced, as tunings of earlier versions do not; tune "
                f"again: {advised('tune')}"
            )
        return cls(run, next_part(run.folder), list(run.measurements))

    @property
    def repetition(self) -> int:
        """The last repetition that there was."""
        return max((one.invocation for one in self.run.measurements), default=0)

    def check_request(self, settings: TuneSettings) -> None:
        """Raises OtherEnvironment if something else is to be raced."""
        check_same(self.run.facts["asked"], asked(settings), self.run.folder, _anew())

    def check_environment(self, environment: Mapping[str, object]) -> None:
        """Raises OtherEnvironment if this is not where it was measured, as far as it says where."""
        check_same(self.run.environment, environment, self.run.folder, _anew())

    def next(self, settings: Sequence[Setting]) -> tuple[Measurement, dict[Setting, LoaderSample]] | None:
        """The next repetition that was measured, as far as it is of these settings; None if there is none."""
        while self._left:
            measurement = self._left.pop(0)
            found = {setting: sample for setting in settings if (sample := sample_of(measurement, setting))}
            if found:
                return measurement, found
        return None

    def described(self) -> str:
        """What is there already, in one line."""
        return f"going on with {self.run.folder}: it has {counted(len(self.run.measurements), 'repetition')}"

    def discard(self) -> None:
        """Remove what a part that measured nothing has left: the tuning is as it was."""
        discard_part(self.run.folder, self.part)


def sample_of(measurement: Measurement, setting: Setting) -> LoaderSample | None:
    """What a repetition showed of a setting; None if it has no sample of it."""
    trial = measurement.trial(setting.name)
    if trial is None or not trial.samples.get("seconds"):
        return None
    readings = {name: values[0] for name, values in trial.samples.items() if name != "seconds" and values}
    cut = any(
        one.code is WarningCode.WINDOW_CUT and one.subject == setting.name for one in measurement.warnings
    )
    return LoaderSample(trial.samples["seconds"][0], 1, readings, cut)


def asked(settings: TuneSettings) -> dict[str, Any]:
    """What a tuning is to race: all that must be the same where it is resumed."""
    return {
        # Earlier versions had no datasets, and their records do not name any.
        **({"dataset": settings.dataset} if settings.dataset else {}),
        "data": str(settings.data or ""),
        "step": settings.step,
        "device": settings.device,
        "batch_sizes": list(settings.batch_sizes),
        "kinds": list(settings.kinds),
        "workers": list(settings.workers),
        "margin": settings.rule.margin,
        "python": settings.python,
    }


def _anew() -> str:
    return f"tune again: {advised('tune')}"
