"""A run as JSON for machines: facts, environment, claims, every verdict with its comparison, footnotes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.model import Claim, Verdict
from harness.report.builders.run import RunContent
from harness.store import Run
from harness.store.codec import to_json


@dataclass(frozen=True, slots=True)
class Reported:
    """What the document holds; ``kind`` tells it from other documents of ours."""

    kind: str
    run: str
    ended: str
    facts: Mapping[str, Any]
    environment: Mapping[str, Any]
    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    footnotes: tuple[str, ...]


def document(run: Run, content: RunContent) -> dict[str, Any]:
    """The document; what is not finite is null."""
    return to_json(
        Reported(
            "report",
            run.folder.name,
            run.ended.text,
            run.facts,
            run.environment,
            run.claims,
            content.verdicts,
            content.footnotes,
        )
    )
