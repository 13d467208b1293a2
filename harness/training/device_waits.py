"""How long a GPU stood still while the loop waited for a batch.

The host runs ahead of a GPU: what it waits while the GPU still works costs nothing. Two events of each wait
are recorded among the work of the GPU, and the time between them is what the GPU had nothing to do.
"""

from __future__ import annotations

import sys
from collections import deque
from types import ModuleType
from typing import Any

LONGEST = 64
"""Waits whose events may be outstanding; the oldest is waited for beyond that."""


class DeviceWaits:
    """Waits as the GPU saw them. Nothing is known before torch has used a GPU in this process."""

    def __init__(self, torch: ModuleType | None = None) -> None:
        self._torch: Any = torch
        self._ahead: deque[tuple[Any, Any]] = deque()
        self._began: Any = None
        self.seconds: list[float] = []

    def begins(self) -> None:
        """The loop begins to wait for a batch."""
        torch = self._torch or sys.modules.get("torch")
        if torch is None or not torch.cuda.is_initialized():
            return
        self._torch = torch
        self._began = torch.cuda.Event(enable_timing=True)
        self._began.record()

    def ends(self) -> None:
        """The batch is there."""
        if self._began is None:
            return
        ended = self._torch.cuda.Event(enable_timing=True)
        ended.record()
        self._ahead.append((self._began, ended))
        self._began = None
        while self._ahead and (len(self._ahead) > LONGEST or self._ahead[0][1].query()):
            self._take()

    def all(self) -> list[float]:
        """Seconds of each wait since they were last asked for, when the GPU has come to the last one."""
        self._began = None
        while self._ahead:
            self._take()
        found, self.seconds = self.seconds, []
        return found

    def _take(self) -> None:
        began, ended = self._ahead.popleft()
        ended.synchronize()
        self.seconds.append(began.elapsed_time(ended) / 1000)
