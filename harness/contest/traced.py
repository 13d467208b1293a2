"""The traced pass: one variant alone in a fresh process, under the profiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.contest.asked import Asked
from harness.contest.failure import logged
from harness.contest.measure import local
from harness.contest.variant import Variant
from harness.model import Claim
from harness.processes import Message


def traced(claim: Claim, asked: Asked, name: str, device: Any, file: Path) -> Message:
    """Trace that variant into ``file``: iterations and seconds of one without and with the profiler, or an error.

    The process is to be thrown away afterwards.
    """
    given = asked.variants[name]
    assert isinstance(given, Variant)
    entrant = local(name, given, claim, device)
    try:
        entrant.enter()
        entrant.open()
        found = entrant.profile(file)
        entrant.leave()
    except Exception as error:
        return {"reason": logged(error)}
    return {"iterations": found.iterations, "seconds": found.seconds, "traced_seconds": found.traced_seconds}
