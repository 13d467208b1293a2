"""What a probe is: something that reads metrics beside time, of a process in which one variant runs alone.

Probes belong to the isolated pass (`harness.measure.isolated`), never to a timed round: their cost
is in no sample. The pass calls every probe of `harness.probes.PROBES` at the same five moments; a
probe overrides those that it needs. Whatever it raises becomes a warning in the record, and the
other probes go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import torch

    from harness.probes.tree import ProcessTree


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """A value in the metric's own unit, and where it comes from; ``source`` is empty where naming
    the pass is enough.
    """

    value: float
    source: str = ""


ProbeReadings = Mapping[str, ProbeReading]
"""Readings by metric; those that cannot be had are left out."""


@dataclass(frozen=True, slots=True)
class ProbeSubject:
    """What is probed: a process with everything that it starts, and the device that it computes on."""

    tree: ProcessTree
    device: torch.device


class Probe(Protocol):
    """A probe; one is made for each pass.

    ``name`` is for warnings, ``metrics`` are those of `harness.model.METRICS` that it may give.
    ``counts`` means that readings grow with the work done in the round: they are then divided by
    the share of an iteration that it held.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    counts: ClassVar[bool] = False
    subject: ProbeSubject

    def __init__(self, subject: ProbeSubject) -> None:
        self.subject = subject

    def before(self) -> None:
        """Before the variant is set up: take the level that later readings are compared with."""

    def start(self) -> None:
        """Right before the round."""

    def stop(self) -> None:
        """Right after the round; called once where ``start`` returned."""

    def read(self) -> ProbeReadings:
        """After the round, while the variant is still alive."""
        return {}

    def after(self) -> ProbeReadings:
        """After the variant is gone: what it left behind."""
        return {}
