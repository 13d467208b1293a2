"""The part of a run that is measured now, all of it or what a resumption adds: its files and first record."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from harness import store
from harness.bench.resume import Resumption
from harness.bench.settings import Settings
from harness.model import Claim, RunRequest
from harness.store.parts import part_file


class RunPart:
    """The first part of a run, in a folder made for it, or the one that resumes it."""

    def __init__(self, settings: Settings, resumption: Resumption | None, sources: dict[str, str]) -> None:
        self._settings = settings
        self.resumption = resumption
        self._sources = sources
        self._number = resumption.part if resumption else 1
        self.folder = (
            resumption.run.folder
            if resumption
            else store.new_run_folder(settings.results, datetime.now(UTC).astimezone(), settings.folder)
        )

    @property
    def before(self) -> int:
        """The last invocation that there was before."""
        return self.resumption.invocation if self.resumption else 0

    @property
    def first_log(self) -> int:
        """The number of the first log."""
        return self.resumption.process if self.resumption else 0

    def file(self, name: str) -> str:
        """The name that a file of that kind has in this part."""
        return part_file(name, self._number)

    def open(self, claims: Sequence[Claim], command: Sequence[str], python: str) -> store.Writer:
        """The record of this part, with its first line. Raises StoreError."""
        settings = self._settings
        facts: dict[str, Any] = {
            "command": list(command),
            "budget": settings.part_seconds,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if self.resumption:
            return store.open_resumed(self.folder, self._number, after=self.before, **facts)
        return store.open_run(
            self.folder,
            claims,
            request=RunRequest(
                settings.select, settings.device, settings.trace, settings.snapshots, self._sources
            ),
            **facts,
            profile=settings.profile,
            benchmarks=str(settings.benchmarks),
            data=str(settings.data or ""),
            python=python,
            **({"share": str(settings.share)} if settings.share else {}),
        )

    def discard(self) -> None:
        """Leave no trace of a part in which nothing could be measured."""
        if self.resumption:
            self.resumption.discard()
        else:
            shutil.rmtree(self.folder)
