"""Marks around the waits for a batch, for a profile; outside one they cost a look at a variable and
nothing else.

torch's own DataLoader marks its waits itself, other packages' loaders mark nothing: so the loop does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_mark: Callable[[], AbstractContextManager[object]] = nullcontext


def waiting() -> AbstractContextManager[object]:
    """A context around one wait for a batch."""
    return _mark()


@contextmanager
def marking(mark: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Mark every wait in this process with what ``mark`` gives."""
    global _mark  # noqa: PLW0603 - one process is profiled as a whole, and loaders' loops hold nothing to reach them by
    before, _mark = _mark, mark
    try:
        yield
    finally:
        _mark = before
