"""The traced pass: one variant alone in a fresh process, under the profiler."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.measure.case import local
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import Claim

if TYPE_CHECKING:
    import torch

    from harness.probes.profile import ProfiledPass


def traced(claim: Claim, spec: BenchmarkSpec, name: str, device: torch.device, file: Path) -> ProfiledPass:
    """Trace that variant into ``file``. Raises whatever the variant or the profiler raises.

    The process is to be thrown away afterwards.
    """
    given = spec.variants[name]
    assert isinstance(given, Variant)
    runner = local(name, given, claim, device)
    runner.setup()
    runner.first_call()
    found = runner.profile(file)
    runner.teardown()
    return found
