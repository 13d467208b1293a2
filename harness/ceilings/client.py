"""Measuring ceilings in a process of their own; `harness.ceilings.serve` is its other end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from harness.ceilings.cache import CeilingsRequest, MeasuredCeilings, keep, kept
from harness.ceilings.messages import (
    BeginMeasuring,
    CeilingMeasured,
    CeilingsDone,
    CeilingsIntroduced,
    CeilingsPlan,
    PartFailed,
)
from harness.errors import HarnessError
from harness.loading.machine.cores import usable_cores
from harness.model import Ceiling
from harness.monitor.usage import CpuUse, disturbing
from harness.processes.cpu_limit import CpuLimit
from harness.processes.launch import ceilings_command, measuring_environment
from harness.processes.live import ChannelClosed, LiveProcess, Reaper, exit_reason
from harness.processes.logs import last_words
from harness.workers import codec
from harness.workers.codec import Failure, Message

LIMIT = 180.0
"""CPU-seconds that importing torch, or any one ceiling, may take."""


class CeilingsError(HarnessError):
    """The ceilings cannot be measured; the message says why."""


class CeilingsOutOfTime(CeilingsError):
    """The caller's limit was over before all was measured."""


def measured(
    request: CeilingsRequest,
    log: Path | None = None,
    tick: Callable[[], object] = lambda: None,
    *,
    refresh: bool = True,
    progress: Callable[[Ceiling], object] = lambda _: None,
    limit: float = inf,
) -> MeasuredCeilings:
    """Start a process and let it measure; ``progress`` is called with each ceiling at once. Raises
    CeilingsError.

    Unless ``refresh``, what is kept for the environment of that process is used instead. It takes ``limit``
    seconds at most, and about a second to end the process.
    """
    until = time.monotonic() + limit
    with Reaper() as guard:
        log = log or guard.folder / "ceilings.log"
        process = LiveProcess(
            ceilings_command(request.python),
            guard=guard,
            environment=measuring_environment(request.borrowed),
            log=log,
        )
        try:
            return _driven(process, request, tick, refresh, progress, until)
        except ChannelClosed:
            status = process.wait(10.0)
            status = process.end() if status is None else status
            raise CeilingsError(f"{exit_reason(status)}: {last_words(log, killed=status < 0)}") from None
        finally:
            process.end()


def _driven(
    process: LiveProcess,
    request: CeilingsRequest,
    tick: Callable[[], object],
    refresh: bool,
    progress: Callable[[Ceiling], object],
    until: float,
) -> MeasuredCeilings:
    codec.send(process.channel, CeilingsPlan(request.device, request.data))
    match _next(process, tick, until):
        case CeilingsIntroduced(environment, unusable_gpu) if not unusable_gpu:
            pass
        case CeilingsIntroduced(_, reason) | Failure(reason):
            raise CeilingsError(reason)
        case message:
            raise CeilingsError(f"its process sent {message}")
    if not refresh and (found := kept(request, environment)) is not None:
        return found
    codec.send(process.channel, BeginMeasuring())
    usage = CpuUse()
    ceilings: list[Ceiling] = []
    warnings: list[str] = []
    while not isinstance(message := _next(process, tick, until), CeilingsDone):
        match message:
            case PartFailed(warning):
                warnings.append(warning)
            case CeilingMeasured(ceiling):
                ceilings.append(ceiling)
                progress(ceiling)
    # Figures that are kept are used for months.
    if busy := disturbing(usage.since().get("other_cores", 0.0), usable_cores()):
        warnings.append(f"ceilings beside others ({busy}): lower than they could be, and not kept")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = MeasuredCeilings(tuple(ceilings), now, environment, tuple(warnings))
    if ceilings and not warnings:
        keep(request, found)
    return found


def _next(process: LiveProcess, tick: Callable[[], object], until: float) -> Message:
    allowance, spent = CpuLimit(process.pid, LIMIT), ""
    while (left := until - time.monotonic()) > 0:
        # Once more when it is spent: what was sent in time counts, however late we are ourselves.
        message = codec.receive(process.channel, 0.0 if spent else min(1.0, left))
        if message is not None:
            return message
        if spent:
            raise CeilingsError(f"nothing was measured: {spent}; its process was ended")
        tick()
        spent = allowance.spent()
    raise CeilingsOutOfTime("they were not measured in time; the process was ended")
