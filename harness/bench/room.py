"""Room on the disk for what a run records: looked at before it begins, and before each of its steps.

A full disk stops whatever else writes to it. Measuring ends before that, in order, and can be resumed.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.report.format import quantity
from harness.store import StoreError

LOW = 64 * 2**20
"""Bytes below which measuring stops; a step writes far less, but for a trace."""


def check_room(folder: Path) -> None:
    """Raises StoreError where the disk of a folder, which need not exist yet, has less than `LOW` left."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    if there is None:
        return
    has = os.statvfs(there)
    free = has.f_bavail * has.f_frsize
    if free < LOW:
        raise StoreError(
            f"the disk of {folder} has {quantity(free, 'B')} left, and measuring stops below {quantity(LOW, 'B')}; "
            "make room there, or choose another folder with --results FOLDER"
        )
