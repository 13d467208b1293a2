"""What variants reach of the machine's ceilings: rates of the work they declare, beside the best there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Ceiling, Claim, Measurement, Work, highest
from harness.model.ceiling import DECODE, MEMORY_COPY, TO_DEVICE_PINNED, gemm
from harness.report.summary import typical
from harness.store import Run

PLAIN = "fp32"
"""The arithmetic of a variant that says nothing of it."""


@dataclass(frozen=True, slots=True)
class Utilisation:
    """The rate of one kind of work (a field of `Work`), and the ceiling it is compared with, if that was
    measured.

    ``ceiling`` is that of all cores where the work is done by as many.
    """

    work: str
    rate: float
    unit: str
    name: str = ""
    ceiling: float | None = None

    @property
    def share(self) -> float | None:
        """The rate as a share of the ceiling. More than 1 where caches are faster than memory."""
        return self.rate / self.ceiling if self.ceiling else None


def shares(
    run: Run, claim: Claim, measurements: Sequence[Measurement], variant: str
) -> dict[str, Utilisation]:
    """By the kind of work that the case declares: flops, bytes, decoded. Empty where no time was measured."""
    seconds = typical(measurements, variant, "seconds")
    work = next((m.work for m in reversed(measurements) if m.work != Work()), None)
    if not seconds or work is None:
        return {}
    found = {}
    if work.flops > 0:
        precision = work.precision.get(variant, PLAIN)
        found["flops"] = _share(run, "flops", work.flops / seconds, "FLOP/s", gemm(precision))
    if work.bytes > 0:
        name = TO_DEVICE_PINNED if claim.loader else MEMORY_COPY
        found["bytes"] = _share(run, "bytes", work.bytes / seconds, "B/s", name)
    if work.decoded > 0:
        cores = _cores(run)
        one = highest(run.ceilings, DECODE, "cpu")
        whole = one.value * cores if one is not None and cores else None
        found["decoded"] = Utilisation("decoded", work.decoded / seconds, "1/s", DECODE, whole)
    return found


def device_of(run: Run) -> str:
    """Where the run's ceilings, and its work, were measured: ``cuda`` or ``cpu``."""
    return "cuda" if any(ceiling.device == "cuda" for ceiling in run.ceilings) else "cpu"


def _share(run: Run, work: str, rate: float, unit: str, name: str) -> Utilisation:
    found: Ceiling | None = highest(run.ceilings, name, device_of(run))
    return Utilisation(work, rate, unit, name, found.value if found is not None else None)


def _cores(run: Run) -> int:
    machine = run.environment.get("machine")
    cores = machine.get("usable_cores") if isinstance(machine, dict) else None
    return cores if isinstance(cores, int) and cores > 0 else 0
