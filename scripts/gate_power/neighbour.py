"""A busy neighbour: a process that does nothing but compute, on a machine of few cores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def busy(spinning: int) -> Iterator[None]:
    """So many processes that compute without end, until the block is left."""
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(spinning)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
