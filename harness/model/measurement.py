"""Measurements: the samples of every metric for one case, all variants, one invocation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.model.claim import Expect, Work
from harness.model.warning import CaseWarning

SCHEMA = 1
"""Version of the record format; a file of a newer schema is refused, never half understood."""

BASELINE = "baseline"
"""The name of the variant that all others of a case are measured against."""


class Status(StrEnum):
    """What became of a planned measurement, or of one variant in it.

    Confirmed and refuted are variants of which the claim is that they raise an error; gone are those whose
    function no longer exists.

    Example::

        >>> Status("timed out") is Status.TIMED_OUT
        True
    """

    MEASURED = "measured"
    SKIPPED = "skipped"
    WRONG = "wrong"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant in one measurement.

    ``samples`` maps a metric's name to one value a block, in block order; ``exact`` and ``solo`` hold single
    readings (``solo``: from a pass with this variant alone in a fresh process); ``sources`` says where a
    reading comes from. ``first_seconds`` is the very first call, ``warmup_seconds`` everything before the
    first timed round. Samples are SI units per iteration: seconds, bytes, joules.

    Example::

        >>> trial = Trial("pinned", iterations=3, samples={"seconds": (2e-3, 4e-3)})
        >>> sum(trial.samples["seconds"]) / len(trial.samples["seconds"])
        0.003
    """

    variant: str
    status: Status = Status.MEASURED
    reason: str = ""
    expect: Expect = Expect.LOWER
    iterations: int = 0
    first_seconds: float = 0.0
    warmup_seconds: float = 0.0
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    exact: Mapping[str, float] = field(default_factory=dict)
    solo: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The samples of every metric for one case, all variants, one invocation.

    ``case`` is ``<path under benchmarks>::<function>[<parameters>]``; ``seconds`` is the wall time spent on
    it, set-up included. An isolated or counting pass has trials without samples, and ``survey`` set.
    ``blocks`` says when each block took place, from and to, in seconds of the machine's monotonic clock;
    older records have none. ``clock_events`` has a bit mask for each block: why a GPU's clocks were held back
    (ClockEvent). The measuring side leaves it empty: it follows from the telemetry. ``digests`` distinguish
    the values of the case's parameters, by their names: its own name may only count them. Values without a
    stable form have an empty one, older records none.

    Example::

        >>> trials = (Trial("baseline"), Trial("pinned"))
        >>> found = Measurement("loading/a.py::bench_a[4]", "A", 1, trials=trials)
        >>> found.title, found.trial("pinned").status.value, found.trial("other")
        ('4', 'measured', None)
    """

    case: str
    claim: str
    invocation: int
    status: Status = Status.MEASURED
    reason: str = ""
    trials: tuple[Trial, ...] = ()
    work: Work = field(default_factory=Work)
    seconds: float = 0.0
    survey: bool = False
    warnings: tuple[CaseWarning, ...] = ()
    blocks: tuple[tuple[float, float], ...] = ()
    clock_events: tuple[int, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What distinguishes this case from its claim's others: its parameters, or nothing."""
        return parameters(self.case)

    def trial(self, variant: str) -> Trial | None:
        """The named variant's trial, or None."""
        return next((trial for trial in self.trials if trial.variant == variant), None)


def benchmark_of(case: str) -> str:
    """The benchmark in a case's name: ``a.py::b[x-1]`` -> ``a.py::b``; a folder may have brackets in its
    name, too."""
    path, mark, rest = case.partition(_FILE)
    return f"{path}{mark}{rest.partition('[')[0]}" if mark else case.partition("[")[0]


def other_parameters(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """The names of the parameters whose digests say that the values differ; empty if none does, as far as is
    known.

    A digest may begin with what it is a digest of, and a space: those of different things say nothing.
    """
    return ", ".join(
        name
        for name, digest in one.items()
        if digest and (there := other.get(name)) and there != digest and _kind(there) == _kind(digest)
    )


def _kind(digest: str) -> str:
    return digest.rpartition(" ")[0]


def counted_parameters(case: str, digests: Mapping[str, str]) -> str:
    """The names of the parameters of which nothing is known but their position, which the case's name has."""
    parts = parameters(case).split("-")
    return ", ".join(
        name
        for name, digest in digests.items()
        if not digest and any(re.fullmatch(rf"{re.escape(name)}\d+", part) for part in parts)
    )


def parameters(case: str) -> str:
    """The pytest parameters in a case's name: ``a.py::b[x-1]`` -> ``x-1``; nothing where it has none."""
    _, bracket, rest = case.removeprefix(benchmark_of(case)).partition("[")
    return rest.removesuffix("]") if bracket else ""


_FILE = ".py::"
"""What ends the path in a case's name."""
