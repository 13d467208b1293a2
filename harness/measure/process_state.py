"""What a benchmark may change for those that come after it in its process: flags, folder, handlers, clock.

It is read before a case and after it. What a case has changed is named, and put back as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.measure.process_parts import PARTS, parts_of_torch
from harness.model import CaseWarning, WarningCode


class ProcessState:
    """The state of this process at one moment."""

    def __init__(self) -> None:
        self._parts = {**PARTS, **parts_of_torch()}
        self._values = {name: part.read() for name, part in self._parts.items()}

    def changes(self) -> dict[str, str]:
        """What is otherwise now, by name, in words."""
        return {
            name: self._parts[name].shown(self._values[name], now) for name, now in self._changed().items()
        }

    def warnings(self) -> tuple[CaseWarning, ...]:
        """A warning that names what is otherwise now; none if nothing is."""
        found = self.changes()
        words = ", ".join(f"{name} ({how})" if how else name for name, how in found.items())
        return (CaseWarning(WarningCode.STATE_CHANGED, detail=words),) if found else ()

    def restore(self) -> bool:
        """Put back what is otherwise now; whether all of it could be."""
        for name in self._changed():
            if (restore := self._parts[name].restore) is not None:
                restore(self._values[name])
        return not self._changed()

    def _changed(self) -> dict[str, Any]:
        now = {name: part.read() for name, part in self._parts.items()}
        return {
            name: value for name, value in now.items() if self._parts[name].differs(self._values[name], value)
        }


@contextmanager
def restoring(give_up: Callable[[], object]) -> Iterator[None]:
    """Put back what is changed inside; ``give_up`` is called where not all of it can be."""
    before, own = ProcessState(), os.getpid()
    try:
        yield
    finally:
        restored = os.getpid() == own and before.restore()
    if not restored:
        give_up()
