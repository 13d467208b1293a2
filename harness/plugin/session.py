"""Sessions: what a pytest process knows, and how it measures a case when no other process drives it."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from harness.errors import UsageError
from harness.measure.case import MeasureOptions, measure
from harness.measure.device import chosen
from harness.measure.limits import RoundLimits
from harness.measure.spec import BenchmarkSpec
from harness.model import Claim, Measurement
from harness.processes.launch import pytest_command
from harness.workers.codec import Message
from harness.workers.protocol import VariantPlan
from harness.workers.turns import Launch, own_processes

if TYPE_CHECKING:
    import torch


class Session:
    """What every session knows: the device and the data. Measures a case and returns the measurement."""

    def __init__(
        self, device: str = "auto", data: Path | None = None, limits: RoundLimits | None = None
    ) -> None:
        self._device_name = device
        self.data = data
        self._limits = limits or RoundLimits()

    @cached_property
    def _device(self) -> torch.device:
        try:
            return chosen(self._device_name)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def device(self) -> torch.device:
        """Where benchmarks run."""
        return self._device

    def begin(self, case: str) -> None:
        """A case is about to be set up."""

    def not_collected(self, place: str, *, skipped: bool, reason: str) -> None:
        """A file or folder was skipped as a whole, or cannot be imported; in plain pytest its own report has
        it."""

    def imports(self, place: str) -> None:
        """A file is about to be imported; empty when that is over."""

    def passed(self, case: str, claim: Claim) -> None:
        """A benchmark came to its end."""

    def raised(self, error: BaseException) -> None:
        """A benchmark, or the import of its file, raised that; in plain pytest its own report has it."""

    def without_measurement(self, case: str, claim: Claim, *, skipped: bool, reason: str) -> None:
        """A case ended without a measurement; in plain pytest its own report has it."""

    def close(self) -> None:
        """The last benchmark has ended."""

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Measure with the standard limits, or just once; a variant that is wrong or fails fails the test."""
        options = MeasureOptions(
            self.device(),
            self._limits,
            seed=Random().getrandbits(32),
            invocation=1,
            own_processes=own_processes(launch(self, case, target, root)),
        )
        return measure(case, claim, spec, options)


def plain(config: pytest.Config) -> Session:
    """The session of ``pytest benchmarks``, typed by hand."""
    data = config.getoption("--harness-data")
    # --benchmark-disable asks whether benchmarks run, not how fast: one block, and no rounds of 5 ms. Beside
    # other workers of pytest-xdist no time would mean anything.
    quick = config.getoption("benchmark_disable", False) or side_by_side(config)
    limits = (
        RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=1, warmup_limit=0.0)
        if quick
        else None
    )
    return Session(config.getoption("--harness-device"), Path(data) if data else None, limits)


def side_by_side(config: pytest.Config) -> bool:
    """Whether this session is a worker of pytest-xdist, or a test of one started it: others run beside it."""
    return hasattr(config, "workerinput") or "PYTEST_XDIST_WORKER" in os.environ


def launch(session: Session, case: str, target: str, root: Path) -> Launch:
    """How to start a live process for one variant of this case: the same interpreter, the same file.

    The plan, not the command line, has the name of the case: it may be longer than a command line can be.
    """

    def command(variant: str) -> tuple[list[str], Message]:
        plan = VariantPlan((case,), session.device().type, session.data, variant=variant)
        return pytest_command(sys.executable, root, [target]), plan

    return command
