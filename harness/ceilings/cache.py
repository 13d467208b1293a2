"""The ceilings of this machine: measured in a process of their own, once for each environment, and kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile

from harness.ceilings.messages import (
    BeginMeasuring,
    CeilingMeasured,
    CeilingsDone,
    CeilingsIntroduced,
    CeilingsPlan,
    PartFailed,
)
from harness.errors import HarnessError
from harness.loading.data.cache import cache_root
from harness.loading.machine.cores import usable_cores
from harness.model import Ceiling
from harness.monitor.usage import CpuUse, disturbing
from harness.processes.launch import ceilings_command, measuring_environment
from harness.processes.live import ChannelClosed, LiveProcess, Reaper, exit_reason
from harness.processes.logs import last_words
from harness.program import advised
from harness.store import ceiling_from
from harness.workers import codec
from harness.workers.codec import Failure, Message

VERSION = 1
"""Part of every kept file's name: a change of the method must not use figures of an older version."""

LIMIT = 180.0
"""Seconds that importing torch, or any one ceiling, may take."""

COST = {"cpu": 15.0, "gpu": 40.0}
"""Seconds that measuring takes at most, about, the import of torch included."""

SHARE = 0.15
"""The share of a run's budget that may go to ceilings."""

LARGEST = 2**20
"""Bytes of a kept file that is still read."""

_IN_THE_KEY = {
    "machine": ("cpu", "cores", "affinity", "quota_cores", "usable_cores", "kernel"),
    "driver": ("version",),
    "software": ("torch", "cuda", "cudnn", "python", "torchvision"),
}


class CeilingsError(HarnessError):
    """The ceilings cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class MeasuredCeilings:
    """Ceilings with the moment they were measured (an ISO date); ``kept`` where that was in an earlier
    run."""

    ceilings: tuple[Ceiling, ...]
    measured: str
    environment: Mapping[str, object]
    warnings: tuple[str, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True)
class CeilingsRequest:
    """What is to be measured: by which interpreter, on which device, decoding which images (None: generated
    ones)."""

    python: str
    device: str = "auto"
    data: Path | None = None
    borrowed: Path | None = None

    def cost(self, environment: Mapping[str, object]) -> float:
        """Seconds that measuring takes, about."""
        return COST[self._where(environment)]

    def key(self, environment: Mapping[str, object]) -> str:
        """Equal where the same ceilings are to be expected: machine, driver, versions, flags, variables,
        images."""
        parts = {part: _picked(environment.get(part), names) for part, names in _IN_THE_KEY.items()}
        whole = {name: environment.get(name) for name in ("machine_id", "gpus", "flags", "variables")}
        stated = [VERSION, parts, whole, self._where(environment), str(self.data or "")]
        return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def _where(self, environment: Mapping[str, object]) -> str:
        return "cpu" if self.device == "cpu" or not environment.get("gpus") else "gpu"


def kept(request: CeilingsRequest, environment: Mapping[str, object]) -> MeasuredCeilings | None:
    """What was measured before in this environment; None if nothing was, or it cannot be read."""
    try:
        path = _place(request, environment)
        if path.stat().st_size > LARGEST:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        ceilings = tuple(ceiling_from(stated) for stated in document["ceilings"])
        return (
            MeasuredCeilings(ceilings, str(document["measured"]), environment, kept=True)
            if ceilings
            else None
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def ceilings_of(
    request: CeilingsRequest,
    environment: Mapping[str, object],
    log: Path,
    tick: Callable[[], object] = lambda: None,
    limit: float = inf,
) -> MeasuredCeilings:
    """What is kept for this environment, else measured now in at most ``limit`` seconds. Raises
    CeilingsError."""
    return kept(request, environment) or measured(request, log, tick, limit=limit)


def affordable(
    request: CeilingsRequest,
    environment: Mapping[str, object],
    seconds: float,
    log: Path,
    *,
    tick: Callable[[], object] = lambda: None,
    note: Callable[[str], object] = lambda _: None,
) -> MeasuredCeilings | None:
    """What is kept, else measured now if it takes no more than its share of a run's ``seconds``.

    ``note`` is called with what happens. On a busy machine they may take longer than expected: they are given
    up when that share is over. None if there are no ceilings: a run does not need them.
    """
    if kept(request, environment) is None:
        cost = request.cost(environment)
        if cost > SHARE * seconds:
            note(
                f"this machine's ceilings are not known, and {cost:g} s are too much for this run: "
                f"measure them once with {advised('ceilings')}"
            )
            return None
        note(f"measuring this machine's ceilings, once for this environment: up to {cost:g} s")
    try:
        found = ceilings_of(request, environment, log, tick, SHARE * seconds)
    except CeilingsError as error:
        note(f"no ceilings: {error}")
        return None
    for warning in found.warnings:
        note(warning)
    return found if found.ceilings else None


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
        _keep(request, found)
    return found


def _next(process: LiveProcess, tick: Callable[[], object], until: float) -> Message:
    limit = time.monotonic() + LIMIT
    while (left := min(limit, until) - time.monotonic()) > 0:
        message = codec.receive(process.channel, min(1.0, left))
        if message is not None:
            return message
        tick()
    if until < limit:
        raise CeilingsError(
            f"measuring them took more than their {100 * SHARE:.0f} % of the run's time, which was too long; "
            f"measure them once with {advised('ceilings')}"
        )
    raise CeilingsError(f"nothing was measured in {LIMIT:g} s; its process was ended")


def _keep(request: CeilingsRequest, found: MeasuredCeilings) -> None:
    """Write it to the cache, whole or not at all; if that fails, the next run measures again."""
    content = {"measured": found.measured, "ceilings": [asdict(ceiling) for ceiling in found.ceilings]}
    try:
        path = _place(request, found.environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            "w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8"
        ) as draft:
            json.dump(content, draft)
        Path(draft.name).replace(path)
    except OSError:
        return


def _place(request: CeilingsRequest, environment: Mapping[str, object]) -> Path:
    return cache_root() / "ceilings" / f"{request.key(environment)}.json"


def _picked(record: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: record.get(name) for name in names} if isinstance(record, Mapping) else {}
