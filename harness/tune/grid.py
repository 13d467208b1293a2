"""The grid of settings for this machine: the kinds that it has, and worker counts up to what it can carry."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from harness.loading.data import recipe
from harness.loading.loaders import KINDS, LOADER_KINDS
from harness.loading.machine.cores import usable_cores, worker_counts
from harness.loading.machine.limits import this_machine, worker_cap
from harness.model import LeftOut, Setting, WorkerLimit
from harness.tune.messages import Introduction
from harness.tune.race import PREFETCH, SettingsGrid
from harness.tune.settings import TuneSettings

SAMPLE_VALUES = 3 * recipe.SIZE**2
"""Colour values of one image in a batch."""


class NothingFits(UsageError):
    """The machine has no room for any setting; ``left_out`` has them by the limit that each met."""

    def __init__(self, left_out: tuple[LeftOut, ...]) -> None:
        super().__init__("no setting fits into this machine")
        self.left_out = left_out


def settings_grid(
    introduction: Introduction, settings: TuneSettings
) -> tuple[SettingsGrid, tuple[LeftOut, ...]]:
    """The grid for this machine, and what it has no room for. Raises NothingFits.

    Worker counts that were requested are bound by memory alone: more workers than the cores can feed are
    slow, not wrong.
    """
    cores = usable_cores()
    on_gpu = introduction.device == "cuda"
    kinds = _available(settings.kinds or [kind.name for kind in KINDS if kind.default], introduction)
    counts = settings.workers or (0, *worker_counts(cores, int(on_gpu)))
    own = {kind: [count for count in counts if count or not LOADER_KINDS[kind].threads] for kind in kinds}
    if not any(own.values()):
        raise UsageError(
            f"--workers: {', '.join(kinds)} needs at least one thread; name a count of 1 or more"
        )
    sample_bytes = introduction.sample_bytes
    machine = this_machine()
    refused: dict[tuple[WorkerLimit, str], dict[str, None]] = {}

    def fits(setting: Setting) -> bool:
        kind = LOADER_KINDS[setting.kind]
        if not kind.queued and setting.prefetch not in (0, PREFETCH[0]):
            return False  # it would be the same loader once more
        if kind.threads:
            return True
        cap = worker_cap(
            setting.batch_size * (sample_bytes or SAMPLE_VALUES * kind.value_bytes),
            setting.prefetch,
            machine=machine,
        )
        for limit in cap.limits:
            if setting.workers > limit.most and not (settings.workers and limit.name is WorkerLimit.CORES):
                refused.setdefault((limit.name, limit.sentence), {})[setting.name] = None
                return False
        return True

    axes = SettingsGrid(
        {kind: counts for kind, counts in own.items() if counts},
        pin=(True, False) if on_gpu else (False,),
        batch_sizes=settings.batch_sizes,
        cores=cores,
        fits=fits,
    )
    there_is = axes.grid()
    left_out = tuple(LeftOut(limit, sentence, tuple(names)) for (limit, sentence), names in refused.items())
    if not there_is:
        raise NothingFits(left_out)
    return axes, left_out


def _available(wanted: Sequence[str], introduction: Introduction) -> list[str]:
    missing = introduction.missing
    found = [kind for kind in wanted if kind not in missing]
    if not found:
        raise UsageError("; ".join(f"{kind}: {missing[kind]}" for kind in wanted))
    return found
