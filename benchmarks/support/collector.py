"""Python's garbage collector, switched on with or without what is there frozen, and as it was afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting(freeze: bool = False) -> Iterator[None]:
    """The collector is on inside; what was made before is out of its reach with ``freeze``."""
    before = gc.isenabled()
    if freeze:
        gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        if not before:
            gc.disable()
        if freeze:
            gc.unfreeze()


@contextmanager
def unfrozen() -> Iterator[None]:
    """What was frozen before, what is imported for example, is within reach of collections inside."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    try:
        yield
    finally:
        if frozen:
            gc.collect()
            gc.freeze()
