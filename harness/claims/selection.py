"""Which claims of a folder are meant by the words that name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.claims.folder import BenchmarkFolder, Problem
from harness.errors import UsageError
from harness.model import Claim


def select(reading: BenchmarkFolder, wanted: Sequence[str], option: str = "--select") -> BenchmarkFolder:
    """What is named: by name, else by how names begin (L: all of L1, L2, ...), else by a part of the path.

    What cannot be read is named in the same ways. Raises UsageError naming what there is.
    """
    if not wanted or tuple(wanted) == ("all",):
        return reading
    known: list[Claim | Problem] = [*reading.claims, *reading.problems]
    chosen: set[Claim | Problem] = set()
    for word in wanted:
        low = word.lower()
        matching = (
            [one for one in known if low == one.name.lower()]
            or [one for one in known if one.name.lower().startswith(low)]
            or [one for one in known if low in f"{one.path}::{one.function}".lower()]
        )
        if not matching:
            there = ", ".join(claim.name for claim in reading.claims) or "none"
            unread = f"; what cannot be read:\n{reading.complaint()}" if reading.problems else ""
            raise UsageError(f"{option} {word}: no such claim; there are {there}{unread}")
        chosen.update(matching)
    return replace(
        reading,
        claims=tuple(claim for claim in reading.claims if claim in chosen),
        problems=tuple(problem for problem in reading.problems if problem in chosen),
    )


def left_out(reading: BenchmarkFolder, chosen: BenchmarkFolder) -> list[str]:
    """Notes on what cannot be read and is not needed."""
    return [
        f"not read, and not selected: {one.message}" for one in reading.problems if one not in chosen.problems
    ]
