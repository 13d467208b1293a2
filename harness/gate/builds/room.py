"""Whether there is room for both sides' worktrees and for what head gets a copy of, known before anything is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from harness.errors import UsageError
from harness.gate.builds.checkout import Checkout
from harness.gate.builds.overlay import Amount, amount, can_clone
from harness.gate.builds.repository import Repository
from harness.gate.configuration import Configuration
from harness.processes.launch import LaunchError
from harness.report.format import quantity

ELSEWHERE = "set TMPDIR to a folder that has room and may be written to"

_SPARE = 64 * 2**20
"""Bytes for environments, logs and what builds leave behind."""

_WORTH_SAYING = 10 * 2**20
"""Bytes that take a noticeable time to copy."""


def check_room(
    repository: Repository,
    checkouts: Collection[Checkout],
    folder: Path,
    configuration: Configuration,
    tell: Callable[[str], None],
) -> None:
    """Say how much is about to be copied into the scratch ``folder``.

    Raises UsageError where git tracks nothing of so much that it cannot be meant, LaunchError where there is no room.
    """
    untracked = amount(repository.top, (change for checkout in checkouts for change in checkout.changes))
    # Copies that share their blocks cost nothing, however large.
    cloned = any(can_clone(repository.top, checkout.changes, folder) for checkout in checkouts)
    if untracked.size > configuration.untracked_limit and not cloned:
        raise UsageError(
            f"head would get a copy of {_told(untracked)}, and the limit is "
            f"{quantity(configuration.untracked_limit, 'B')}; add {_example(untracked)} to .gitignore if the "
            f"benchmarks do not read it, or raise the limit in {configuration.file}: [tool.harness] "
            'untracked-limit = "8 GiB"'
        )
    tracked = sum(repository.contents(checkout.revision.commit).size for checkout in checkouts)
    needed = tracked + (0 if cloned else untracked.size) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        holds = f", {_told(untracked)}" if untracked.size > _WORTH_SAYING else ""
        raise LaunchError(
            f"the file system of {folder.parent} has {quantity(free, 'B')} left, and both sides need "
            f"{quantity(needed, 'B')} (their worktrees{holds}); {ELSEWHERE}"
        )
    if untracked.size > _WORTH_SAYING:
        tell(f"copying {_told(untracked)} for head")


def _told(untracked: Amount) -> str:
    files = f"{untracked.count} file" + ("s" if untracked.count != 1 else "")
    most = f", {quantity(untracked.share, 'B')} of it in {_example(untracked)}" if untracked.largest.parts else ""
    return f"{quantity(untracked.size, 'B')} in {files} that git does not track{most}"


def _example(untracked: Amount) -> str:
    if not untracked.largest.parts:
        return "what is large"
    return f"{untracked.largest}" if untracked.single else f"{untracked.largest}/"
