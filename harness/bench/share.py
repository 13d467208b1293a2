"""The share of the cases that one of several nodes measures: the same case on the same node, every day.

Rendezvous hashing: every node has a number for every case, and the highest one has the case. No node has to
know of the others' work, and where a node leaves, only its own cases move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Share:
    """The cases of ``node``, one of ``nodes``."""

    node: str
    nodes: tuple[str, ...]

    def has(self, case: str) -> bool:
        """Whether the case is this node's."""
        return node_of(case, self.nodes) == self.node

    def __str__(self) -> str:
        return f"{self.node}/{','.join(self.nodes)}"


def node_of(case: str, nodes: Sequence[str]) -> str:
    """The node that has a case, whatever the order of the nodes. Raises ValueError for no nodes."""
    return max(sorted(nodes), key=lambda node: sha256(f"{node}\0{case}".encode("utf-8", "replace")).digest())
