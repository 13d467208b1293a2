"""The traced pass: one variant alone in a fresh process, under the profiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.measure.case import local
from harness.measure.failure import logged
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import Claim
from harness.processes.live import Message


def traced(claim: Claim, asked: BenchmarkSpec, name: str, device: Any, file: Path) -> Message:
    """Trace that variant into ``file``: iterations and seconds of one without and with the profiler, or an error.

    The process is to be thrown away afterwards.
    """
    given = asked.variants[name]
    assert isinstance(given, Variant)
    runner = local(name, given, claim, device)
    try:
        runner.setup()
        runner.first_call()
        found = runner.profile(file)
        runner.teardown()
    except Exception as error:
        return {"reason": logged(error)}
    return {"iterations": found.iterations, "seconds": found.seconds, "traced_seconds": found.traced_seconds}
