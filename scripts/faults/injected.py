"""Faults of the disk: the k-th call of a kind fails, or writes half."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

KINDS = {
    "open": ((os, "open"), (io, "open")),
    "write": ((os, "write"),),
    "fsync": ((os, "fsync"),),
    "rename": ((os, "rename"), (os, "replace")),
    "mkdir": ((os, "mkdir"),),
}
"""Calls by their kind: where Python's own library finds them."""

SHORT, TORN = "short", "torn"
"""Half of a write arrives; it cannot be taken back either."""

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EINTR": errno.EINTR}
FAULTS = (*ERRORS, SHORT, TORN)


@dataclass
class Faults:
    """The calls of one kind that were counted, and where the fault was put."""

    kind: str
    at: int
    fault: str
    within: Path
    persistent: bool = False
    calls: int = 0
    hit: list[str] = field(default_factory=list)

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, which fails when its turn comes. Only what is about our folder counts."""

        def wrapped(first: Any, *more: Any, **named: Any) -> Any:
            if not self._ours(first, more, named):
                return call(first, *more, **named)
            self.calls += 1
            if self.calls != self.at and not (self.persistent and self.calls > self.at):
                return call(first, *more, **named)
            self.hit.append(self.kind)
            if self.fault in (SHORT, TORN):
                return call(first, more[0][: len(more[0]) // 2])
            raise OSError(ERRORS[self.fault], os.strerror(ERRORS[self.fault]))

        return wrapped

    def _ours(self, first: Any, more: tuple[Any, ...], named: dict[str, Any]) -> bool:
        try:
            path = Path(f"/proc/self/fd/{first}").readlink() if isinstance(first, int) else os.fspath(first)
        except (OSError, TypeError):
            return False
        mode = (more[0] if more else named.get("mode", "")) if self.kind == "open" else ""
        reading = isinstance(mode, str) and not set(mode) & set("wax+") and self.kind == "open"
        reading = reading or (isinstance(mode, int) and not mode & (os.O_WRONLY | os.O_RDWR))
        return not reading and str(path).startswith(str(self.within))


@contextmanager
def failing(faults: Faults) -> Iterator[Faults]:
    """The calls fail as stated, in this process alone."""
    with ExitStack() as stack:
        for module, name in KINDS[faults.kind]:
            stack.enter_context(patch.object(module, name, faults.wrap(getattr(module, name))))
        if faults.fault == TORN:
            refused = OSError(errno.EIO, os.strerror(errno.EIO))
            stack.enter_context(patch.object(os, "ftruncate", side_effect=refused))
        yield faults
