"""What a repository states of its cluster: the table ``[tool.harness.cluster]`` of its pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.store.runs import NAME

TABLE = "[tool.harness.cluster]"


@dataclass(frozen=True, slots=True)
class ClusterConfiguration:
    """How jobs are submitted. ``time`` is the longest time limit that the site allows, in seconds; ``setup``
    are lines of shell that come before the command on the node.

    ``nodes`` are the only ones to be used; empty for all of the partition that have the constraint.
    ``file`` is None where there is none; then everything is the site's default.
    """

    partition: str = ""
    constraint: str = ""
    account: str = ""
    time: float | None = None
    nodes: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def place(self) -> str:
        """Where the table is or would be, for messages."""
        return f"{TABLE} of {self.file or 'pyproject.toml'}"


def cluster_configuration(entries: Mapping[str, object], file: Path | None) -> ClusterConfiguration:
    """The table's content, checked. Raises UsageError with the file, the key and what may stand there."""
    allowed = ("partition", "constraint", "account", "time", "nodes", "set-up")
    for key in entries:
        if key not in allowed:
            raise UsageError(f"{file}: {TABLE} has no key {key!r} (allowed: {', '.join(allowed)})")

    def error(key: str, expected: str) -> UsageError:
        return UsageError(f"{file}: {TABLE} {key}: {entries[key]!r} is not {expected}")

    def word(key: str, example: str) -> str:
        found = entries.get(key, "")
        if not isinstance(found, str) or not re.fullmatch(r"[^\s\x00-\x1f]*", found) or found.startswith("-"):
            raise error(key, f'one word, as sbatch takes it (example: "{example}")')
        return found

    def lines(key: str, example: str) -> tuple[str, ...]:
        found = entries.get(key, [])
        if not isinstance(found, list) or not all(isinstance(line, str) and line for line in found):
            raise error(key, f"a list of {example}")
        return tuple(found)

    nodes = lines("nodes", 'names of nodes (example: ["n1", "n2"])')
    if not all(map(NAME.fullmatch, nodes)) or len(set(nodes)) < len(nodes):
        raise error("nodes", 'a list of names of nodes, each once and written out (example: ["n1", "n2"])')
    time = None
    if "time" in entries:
        time = _seconds(entries["time"])
        if time is None:
            raise error("time", 'a duration (examples: "90m", "4h")')
    return ClusterConfiguration(
        word("partition", "gpu"),
        word("constraint", "a100"),
        word("account", "team"),
        time,
        tuple(sorted(nodes)),
        lines("set-up", 'lines of shell (example: ["module load cuda"])'),
        file,
    )


def _seconds(found: object) -> float | None:
    match = (
        re.fullmatch(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?", found, re.ASCII) if isinstance(found, str) else None
    )
    total = 3600.0 * int(match[1] or 0) + 60.0 * int(match[2] or 0) if match else 0.0
    return total or None
