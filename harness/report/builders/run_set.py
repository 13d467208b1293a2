"""A set in words, as one document: its jobs, then every verdict with the node that gave it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.model import Outcome
from harness.model.run_set import JobEnd, JobOutcome, SetJob, outcome_of
from harness.plural import counted
from harness.report.builders.run import CLAIM_COLUMNS, cells_of, counts_text
from harness.report.builders.run_content import RunContent, content
from harness.report.document import (
    Column,
    Document,
    Fact,
    Notes,
    Row,
    Table,
    Tone,
)
from harness.report.environment_diff import environment_diff
from harness.report.format import duration, sanitize
from harness.report.header import machine_lines
from harness.report.next_command import near
from harness.store import Run
from harness.store.sets import RunSet

_JOBS = (
    Column("node", "node", foreign=True),
    Column("state", "state", verdict=True),
    Column("run", "run", foreign=True, rank=3),
    Column("host", "host", foreign=True, rank=4),
    Column("exit", "exit status", rank=2),
    Column("cases", "cases", rank=5),
    Column("reason", "why", foreign=True, prose=True),
)
_LOG = (Column("line", "", foreign=True, prose=True),)
_SKIPPED = (
    Column("claim", "claim", foreign=True),
    Column("node", "nodes", foreign=True),
    Column("reason", "why", foreign=True, prose=True),
)
_SAME_SOFTWARE = ("software.", "driver.")
"""What has to be the same on all nodes of a set."""


@dataclass(frozen=True, slots=True)
class SetContent:
    """A set before it has a form: what was saved of it, the run of each node, and that run judged.

    ``unread`` says of a node why its run cannot be read.
    """

    found: RunSet
    runs: Mapping[str, Run]
    contents: Mapping[str, RunContent]
    unread: Mapping[str, str]

    @property
    def lost(self) -> tuple[str, ...]:
        """The nodes whose part is missing, or not whole."""
        return tuple(
            node
            for node in self.found.plan.nodes
            if node not in self.runs or state_of(self, node)[0] != str(JobOutcome.FINISHED)
        )


def set_content(found: RunSet, runs: Mapping[str, Run], unread: Mapping[str, str]) -> SetContent:
    """Judge every node's run by itself: no case is measured on two nodes, or else they are to be compared."""
    return SetContent(found, runs, {node: content(run) for node, run in runs.items()}, unread)


def set_document(judged: SetContent) -> Document:
    """The whole report."""
    found, plan = judged.found, judged.found.plan
    notes = Notes()
    tables = [_jobs(judged), *_logs(found), *_claims(judged, notes)]
    if skipped := _skipped(judged):
        tables.append(Table(f"Skipped ({len(skipped)})", _SKIPPED, skipped, folded=True))
    verdicts = [verdict for each in judged.contents.values() for verdict in each.verdicts]
    missing = (
        f"; the part of {', '.join(map(sanitize, judged.lost))} is missing or not whole"
        if judged.lost
        else ""
    )
    counts = Counter(verdict.outcome for verdict in verdicts)
    worded = counts_text([(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]])
    return Document(
        f"Claims on trial on {counted(len(plan.nodes), 'node')}",
        list(_facts(judged)),
        tuple(_warnings(judged)),
        tables,
        notes.texts,
        outcome=f"{worded or 'no benchmark was reached'}{missing}",
        tone=Tone.TROUBLE if judged.lost else Tone.PLAIN,
        closing=(f"Saved in {near(found.folder)}",),
    )


def _facts(judged: SetContent) -> Iterator[Fact]:
    plan = judged.found.plan
    when = sanitize(plan.started.replace("T", " ")[:16])
    yield (
        "set",
        f"{when}, on {sanitize(plan.on)}, profile {sanitize(plan.profile)}, budget {duration(plan.budget, exact=True)}",
    )
    dealt = "each measures all cases" if plan.each else "each case is measured on one of them"
    yield "nodes", f"{', '.join(map(sanitize, plan.nodes))}: {dealt}"
    machines: dict[tuple[Fact, ...], list[str]] = {}
    for node, run in judged.runs.items():
        machines.setdefault(tuple(machine_lines(run.environment)), []).append(sanitize(node))
    for lines, nodes in machines.items():
        named = "" if len(machines) == 1 else f"{', '.join(nodes)}: "
        for label, line in lines:
            yield label, f"{named}{line}"


def _warnings(judged: SetContent) -> Iterator[str]:
    found = judged.found
    yield from map(sanitize, found.warnings)
    if not found.ended:
        yield "no end is recorded: the process that submitted the jobs was killed, or still waits for them"
    for node, why in judged.unread.items():
        yield f"the run of {sanitize(node)} cannot be read: {sanitize(why, 1000)}"
    environments = [run.environment for run in judged.runs.values()]
    for difference in environment_diff(environments) if len(environments) > 1 else ():
        if difference.name.startswith(_SAME_SOFTWARE):
            each = ", ".join(
                f"{sanitize(value)} on {sanitize(node)}"
                for node, value in zip(judged.runs, difference.values, strict=True)
            )
            yield f"the nodes do not have the same software ({difference.name}: {each}); give all of them one image"
    for end in found.ends.values():
        if end.clock_off:
            way = "ahead of" if end.clock_off > 0 else "behind"
            yield (
                f"the clock of {sanitize(end.host or end.name)} is about {duration(abs(end.clock_off))} {way} that of "
                "the machine that submitted: times of its run are off by that; set it right"
            )
    if found.strays:
        yield f"{', '.join(map(sanitize, found.strays))}: no job of this set wrote this; left out"


def state_of(judged: SetContent, node: str) -> tuple[str, str]:
    """The state of a node's latest job in a word, and why."""
    job = judged.found.latest.get(node)
    if job is None:
        return "not submitted", "the set ended before its turn"
    end = judged.found.ends.get(job.name)
    if end is None:
        run = judged.runs.get(node)
        if run is not None and run.ended.text:
            return str(outcome_of(run.ended)), ""
        return "open", "still running, or nobody waited for its end"
    return str(end.outcome), _why(judged, job, end)


def _why(judged: SetContent, job: SetJob, end: JobEnd) -> str:
    parts = [sanitize(part) for part in (end.state, end.reason) if part]
    run = judged.runs.get(job.node)
    if end.outcome is JobOutcome.FINISHED:
        return ""
    if end.outcome is JobOutcome.STOPPED and run is not None:
        parts.append(sanitize(run.ended.text))
    if end.outcome is JobOutcome.LOST:
        if not end.host and not end.tail:
            parts.append(
                f"it left nothing in {sanitize(judged.found.folder, 1000)}: every node must share this folder"
            )
        elif run is None or job.node not in judged.runs:
            parts.append("its run was never begun")
        else:
            parts.append("its processes are gone, and its run has no end")
    if end.retried:
        parts.append("it was submitted again")
    return "; ".join(parts)


def _jobs(judged: SetContent) -> Table:
    rows = []
    latest = judged.found.latest
    for node in judged.found.plan.nodes:
        jobs: Sequence[SetJob | None] = [job for job in judged.found.jobs if job.node == node] or [None]
        for job in jobs:
            end = judged.found.ends.get(job.name) if job else None
            counts = job is None or latest[node] is job
            if counts:
                state, why = state_of(judged, node)
            else:
                assert job is not None
                state, why = (str(end.outcome), _why(judged, job, end)) if end else ("open", "")
            run = judged.runs.get(node) if counts else None
            measured = len({measurement.case for measurement in run.measurements}) if run else 0
            planned = len({*run.planned}) if run else 0
            rows.append(
                Row(
                    {
                        "node": sanitize(node),
                        "state": state,
                        "run": sanitize(job.name) if job and job.name != node else "",
                        "host": sanitize(end.host) if end and end.host != node else "",
                        "exit": _exit(end),
                        "cases": f"{measured} of {planned}" if run else "",
                        "reason": why,
                    },
                    {"state": Tone.GOOD if state == str(JobOutcome.FINISHED) else Tone.TROUBLE},
                )
            )
    return Table("Jobs", _JOBS, tuple(rows))


def _exit(end: JobEnd | None) -> str:
    if end is None or (end.exit_code is None and not end.signal):
        return ""
    return f"signal {end.signal}" if end.signal else str(end.exit_code)


def _logs(found: RunSet) -> Iterator[Table]:
    for end in found.ends.values():
        if end.tail:
            lines = tuple(Row({"line": sanitize(line, 500)}, {}) for line in end.tail)
            yield Table("", _LOG, lines, foreign=f"The end of the log of {sanitize(end.name)}", folded=True)


def _claims(judged: SetContent, notes: Notes) -> Iterator[Table]:
    """A table for each claim, with the rows of all nodes."""
    columns = (
        *CLAIM_COLUMNS[:2],
        Column("node", "node", foreign=True, rank=0 if judged.found.plan.each else 8),
        *CLAIM_COLUMNS[2:],
    )
    sections: dict[str, list[tuple[str, Any]]] = {}
    for node, own in judged.contents.items():
        for section in own.sections:
            sections.setdefault(section.claim, []).append((node, section))
    for claim, found in sections.items():
        first = found[0][1]
        rows = sorted(
            ((row, node) for node, section in found for row in section.rows),
            key=lambda pair: (pair[0].case, pair[0].variant),
        )
        counts: Counter[Outcome] = Counter()
        for _, section in found:
            counts.update(dict(section.counts))
        lines = tuple(
            Row(
                {**cells_of(row), "node": sanitize(node)},
                {"outcome": row.tone, "effect": row.effect_tone},
                notes.of(*(judged.contents[node].footnotes[number - 1] for number in row.notes)),
            )
            for row, node in rows
        )
        worded = counts_text([(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]])
        yield Table(
            "",
            columns,
            lines,
            foreign=f"{claim}  {first.sentence}",
            below=f"{worded} ({first.judged})",
            why=first.why,
        )


def _skipped(judged: SetContent) -> tuple[Row, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for node, own in judged.contents.items():
        for claim, reason in own.skipped:
            found.setdefault((claim, reason), []).append(sanitize(node))
    return tuple(
        Row({"claim": claim, "node": ", ".join(nodes), "reason": reason}, {})
        for (claim, reason), nodes in found.items()
    )
