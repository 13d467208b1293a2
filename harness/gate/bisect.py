"""The first revision that regressed, by git's own bisection in a clone that is thrown away.

Every revision is judged against the good one. One that cannot be judged, or where nothing is decided, is
skipped, as a person would do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.errors import UsageError
from harness.gate.builds.repository import GitFailed, git

_FIRST = re.compile(r"^# first bad commit: \[([0-9a-f]{40,64})\]", re.MULTILINE)
_POSSIBLE = re.compile(r"^# possible first bad commit: \[([0-9a-f]{40,64})\]", re.MULTILINE)

MOST_STEPS = 200
"""Revisions that are judged at most: git halves what is left each time, and skips one by one."""


class RevisionState(StrEnum):
    """What a revision is against the good one; git's words for it."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skip"


Judge = Callable[[str], RevisionState]
"""Judges the files of a commit, which are checked out in the clone."""


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """The two ends of a bisection, as they were written and as commits."""

    good: str
    bad: str
    good_commit: str
    bad_commit: str


@dataclass(frozen=True, slots=True)
class BisectFound:
    """What a bisection came to: the first bad commit, or those that may be it; ``states`` has what was
    judged."""

    first: str = ""
    possible: tuple[str, ...] = ()
    states: dict[str, RevisionState] = field(default_factory=dict)


def revision_range(text: str, top: Path) -> RevisionRange:
    """``GOOD..BAD`` as commits of the repository. Raises UsageError with what is wrong with it."""
    good, dots, bad = text.partition("..")
    if not dots or not good or not bad or bad.startswith("."):
        raise UsageError(f"--bisect: {text!r} is not a range of revisions (example: v1.2..HEAD)")
    commits = []
    for name in (good, bad):
        try:
            commits.append(
                git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
            )
        except GitFailed:
            raise UsageError(
                f"--bisect: {name!r} is not a revision of {top}; git fetch it, or name another"
            ) from None
    if commits[0] == commits[1]:
        raise UsageError(f"--bisect: {good} and {bad} are the same commit; name a good and a bad one")
    try:
        git(top, "merge-base", "--is-ancestor", *commits)
    except GitFailed:
        raise UsageError(
            f"--bisect: {good} is not an ancestor of {bad}, or the clone is too shallow to know; name one that is, "
            f"git merge-base {good} {bad} for example"
        ) from None
    return RevisionRange(good, bad, *commits)


def clone(top: Path, place: Path) -> Path:
    """A clone with the repository's objects, in which nothing is checked out."""
    git(top, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(place))
    return place


def check_out(place: Path, commit: str) -> None:
    """Put exactly the files of a commit into the clone."""
    git(place, "checkout", "--quiet", "--force", "--detach", commit)
    git(place, "clean", "--quiet", "-ffdx")


def bisect(place: Path, ends: RevisionRange, judge: Judge) -> BisectFound:
    """Find the first bad commit between the ends, of which the bad one is known to be bad.

    Raises GitFailed, and what ``judge`` raises.
    """
    git(place, "bisect", "start", "--no-checkout", ends.bad_commit, ends.good_commit)
    states: dict[str, RevisionState] = {}
    while len(states) < MOST_STEPS:
        log = git(place, "bisect", "log")
        if found := _FIRST.search(log):
            return BisectFound(found[1], states=states)
        if possible := _POSSIBLE.findall(log):
            return BisectFound(possible=tuple(possible), states=states)
        commit = git(place, "rev-parse", "BISECT_HEAD").strip()
        if commit in states:
            break
        check_out(place, commit)
        states[commit] = judge(commit)
        try:
            git(place, "bisect", states[commit], commit)
        except GitFailed:
            # Only skipped commits are left, which the log names.
            if not _POSSIBLE.search(git(place, "bisect", "log")):
                raise
    return BisectFound(states=states)
