"""Where the time of a watched training loop went, and what a loader that is always ready would save.

Noise lives at 0.1 to 10 seconds, so neighbouring iterations are no independent evidence: intervals are over
blocks of consecutive iterations, of which there are 20 at the most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from harness.judge.headroom import MARGIN
from harness.judge.stats import Floats, trimmed_interval
from harness.model import (
    LOOP_CASE,
    LoopAdvice,
    LoopFound,
    LoopSaving,
    LoopSpan,
    LoopSpent,
    Trial,
)
from harness.store import Run, StoreError
from harness.store.records import loader_in

BLOCKS, FEWEST = 20, 4
"""Blocks that an interval is over: the most, and the fewest."""

LEAST = 8
"""Iterations of a block at the least."""

READY = 0.05
"""The share of an iteration up to which a wait is that for a batch which was ready."""

IDLE = 0.5
"""The share of their time that workers are idle from which on there are too many, if the loop never waits."""


def judge_loop(run: Run) -> LoopFound:
    """What the records of a watched loop show. Raises StoreError for a run that is none."""
    try:
        loader = loader_in(run.facts.get("loader"))
    except ValueError as error:
        raise StoreError(f"{run.folder} is not the run of a watched loop ({error})") from error
    trials = [
        trial for each in run.measurements if each.case == LOOP_CASE for trial in each.trials if trial.samples
    ]
    steady = {
        name: np.concatenate([np.asarray(values, float) for values in kept])
        for name in ("seconds", "wait_seconds", "copy_seconds", "device_wait_seconds")
        if trials and len(kept := [t.samples[name] for t in trials if name in t.samples]) == len(trials)
    }
    count = len(steady.get("seconds", ()))
    if count == 0 or "wait_seconds" not in steady or any(len(each) != count for each in steady.values()):
        raise StoreError(
            f"{run.folder} has no watched loop with two iterations or more; watch one for longer"
        )
    whole, wait = steady["seconds"], steady["wait_seconds"]
    starts = [_start(trial) for trial in trials]
    start_seconds, stretches = sum(starts), sum("first_batch_seconds" in trial.exact for trial in trials)
    on_device = "device_wait_seconds" in steady
    saving = _saving(steady["device_wait_seconds"] if on_device else wait, whole, on_device=on_device)
    all_seconds = float(whole.sum()) + start_seconds
    found = LoopFound(
        loader=loader,
        iterations=count,
        seconds=all_seconds,
        stretches=stretches,
        left=sum(int(trial.exact.get("left_early", 0)) for trial in trials),
        spent=tuple(_spent(steady)),
        saving=saving,
        starts=start_seconds / all_seconds if all_seconds > 0 else 0.0,
        start_seconds=start_seconds / max(1, stretches),
        empty=float(np.mean(wait > READY * whole.mean())),
        idle=_mean(trials, "worker_idle"),
        queued=_mean(trials, "worker_queued"),
        advice=LoopAdvice.LONGER,
    )
    return _advised(found)


def _start(trial: Trial) -> float:
    return trial.exact.get("first_batch_seconds", 0.0) + trial.exact.get("ending_seconds", 0.0)


def _mean(trials: Sequence[Trial], name: str) -> float | None:
    """The mean over stretches, each as long as its iterations took."""
    known = [(trial.exact[name], sum(trial.samples["seconds"])) for trial in trials if name in trial.exact]
    total = sum(seconds for _, seconds in known)
    return sum(value * seconds for value, seconds in known) / total if total > 0 else None


def _spent(steady: dict[str, Floats]) -> Iterator[LoopSpent]:
    whole, wait = steady["seconds"], steady["wait_seconds"]
    copy = steady.get("copy_seconds")
    step = whole - wait - (copy if copy is not None else 0.0)
    for span, values in ((LoopSpan.WAIT, wait), (LoopSpan.COPY, copy), (LoopSpan.STEP, step)):
        if values is not None:
            share, low, high = _share(values, whole)
            yield LoopSpent(span, float(values.mean()), share, low, high)


def _saving(waits: Floats, whole: Floats, *, on_device: bool) -> LoopSaving | None:
    share, low, high = _share(waits, whole)
    return LoopSaving(share, low, high, on_device) if np.isfinite([low, high]).all() else None


def _share(values: Floats, whole: Floats) -> tuple[float, float, float]:
    """The share of the whole, with an interval over blocks; without bounds where there are too few."""
    total = float(whole.sum())
    share = float(values.sum()) / total if total > 0 else 0.0
    blocks = min(BLOCKS, len(whole) // LEAST)
    if blocks < FEWEST:
        return share, float("-inf"), float("inf")
    # A ratio of two sums: by what each block's part differs from that ratio of its whole.
    edges = np.linspace(0, len(whole), blocks, endpoint=False).astype(int)
    parts, wholes = np.add.reduceat(values, edges), np.add.reduceat(whole, edges)
    low, high = trimmed_interval(share + (parts - share * wholes) / wholes.mean(), 0.05, 0.0)
    return share, max(0.0, low), min(1.0, high)


def _advised(found: LoopFound) -> LoopFound:
    loader, saving = found.loader, found.saving
    renewed = found.stretches > 1 and loader.processes and not loader.persistent
    if renewed and found.starts > MARGIN and (saving is None or found.starts > saving.share):
        advice = LoopAdvice.PERSISTENT
    elif saving is None:
        advice = LoopAdvice.LONGER
    elif saving.low > MARGIN:
        advice = LoopAdvice.TUNE
    elif saving.high > MARGIN:
        advice = LoopAdvice.LONGER
    elif (loader.workers or 0) > 1 and found.idle is not None and found.idle >= IDLE:
        advice = LoopAdvice.FEWER_WORKERS
    else:
        advice = LoopAdvice.LEAVE
    return replace(found, advice=advice)
