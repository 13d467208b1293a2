"""A set as data: its plan, its jobs and every run's document; results for programs that run tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.report.builders import run_records
from harness.report.builders.run_set import SetContent, state_of
from harness.report.document import CaseResult, CaseResults, CheckState
from harness.store.codec import to_json


def set_records(judged: SetContent) -> dict[str, Any]:
    """The same as a document for programs: plan, jobs and the document of every node's run."""
    found = judged.found
    return {
        "kind": "set",
        "set": found.folder.name,
        "ended": found.ended,
        "plan": to_json(found.plan),
        "jobs": [
            {"job": to_json(job), "end": to_json(found.ends[job.name]) if job.name in found.ends else None}
            for job in found.jobs
        ],
        "lost": list(judged.lost),
        "runs": {node: run_records.document(run, judged.contents[node]) for node, run in judged.runs.items()},
    }


def set_results(judged: SetContent) -> CaseResults:
    """A result for each verdict, with its node, and an error for each node whose part is missing."""
    results: list[CaseResult] = []
    seconds = 0.0
    for node, run in judged.runs.items():
        own = run_records.results(run, judged.contents[node].verdicts)
        results += [replace(each, words=(*each.words, node)) for each in own.cases]
        seconds += own.seconds
    for node in judged.lost:
        state, reason = state_of(judged, node)
        results.append(CaseResult(f"job::{node}", (), state, reason, CheckState.ERROR, reason))
    return CaseResults(
        "bench", results, [("set.folder", judged.found.folder.name)], seconds, judged.found.plan.started
    )
