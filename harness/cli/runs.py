"""The saved runs themselves: list, show, remove, name, tag, keep as a baseline."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console

from harness.cli.output import complain, say
from harness.cli.writing import console
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.plural import counted
from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.document.terminal import show_paper
from harness.report.format import quantity, sanitize
from harness.report.header import header_lines
from harness.store import StoreError
from harness.store.run_labels import check_removable, label, remove, set_baseline
from harness.store.runs import BASELINES, RunEntry, find, is_run, kinds, no_runs, open_entry, run_entries, size

_COLUMNS = (
    Column("run", "run", foreign=True),
    Column("name", "name", foreign=True),
    Column("started", "started", rank=3),
    Column("kind", "kind", foreign=True, rank=1),
    Column("tags", "tags", foreign=True, rank=2),
    Column("trouble", "", foreign=True, rank=4),
)


def runs(options: argparse.Namespace) -> int:
    """List the runs in the results folder, oldest first."""
    known = run_entries(options.results)
    wanted = [entry for entry in known if options.tag is None or options.tag in entry.tags]
    place = options.results / BASELINES
    kept = sorted(path.name for path in place.iterdir() if is_run(path)) if place.is_dir() else []
    rows = [_row(entry) for entry in wanted]
    facts = [("baselines", sanitize(", ".join(kept)))] if kept else []
    closing = "" if rows else no_runs(options.results, ())
    tables = [Table("", _COLUMNS, tuple(rows))] if rows else []
    title = f"{kinds(wanted)} in {sanitize(options.results)}"
    show_paper(Document(title, facts, (), tables, (), closing), console(options))
    return OK


def show(options: argparse.Namespace) -> int:
    """Say what a run is: where and when it was held, what it holds, how large it is. Judges nothing."""
    return _guarded(lambda: _show(find(options.run, options.results), console(options)))


def _show(entry: RunEntry, screen: Console) -> int:
    if entry.gate and entry.side is None:
        facts = [
            ("gate", f"one side of it can be compared: {sanitize(entry.label)}@base, {sanitize(entry.label)}@head")
        ]
        show_paper(Document(sanitize(entry.label), [*facts, *_place(entry)]), screen)
        return OK
    run = open_entry(entry)
    statuses = Counter(str(measurement.status) for measurement in run.measurements if not measurement.survey)
    held = max((measurement.invocation for measurement in run.measurements), default=0)
    samples = sum(len(v) for m in run.measurements for t in m.trials for v in t.samples.values())
    cases = {measurement.case for measurement in run.measurements}
    told = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "none finished"
    facts = [
        *header_lines(run),
        ("ended", sanitize(run.ended.text) or "it never said so: the run was killed, or is still going on"),
        ("claims", sanitize(", ".join(claim.name for claim in run.claims), 1000) or "none"),
        (
            "measured",
            f"{len(cases)} of {counted(len({*run.planned, *cases}), 'case')}, {counted(held, 'invocation')}",
        ),
        ("measurements", f"{told}; {counted(samples, 'sample')}"),
        *_place(entry),
    ]
    show_paper(Document(sanitize(entry.label), facts, [sanitize(warning) for warning in run.warnings]), screen)
    return OK if run.measurements else CANNOT_JUDGE


def _place(entry: RunEntry) -> list[tuple[str, str]]:
    tags = [("tags", sanitize(", ".join(entry.tags)))] if entry.tags else []
    return [*tags, ("folder", f"{sanitize(entry.folder, 1000)} ({quantity(size(entry.folder), 'B')})")]


def rm(options: argparse.Namespace) -> int:
    """Remove runs, all or none of those named: each must be one of ours, and is asked about unless ``--yes``."""

    def removed() -> int:
        found = [find(word, options.results) for word in options.runs]
        for entry in found:
            check_removable(entry, options.results)
        if not options.yes and not _confirmed(found):
            return TOOL_ERROR
        for entry in {entry.folder.resolve(): entry for entry in found}.values():
            remove(entry, options.results)
            say(f"removed {sanitize(entry.folder, 1000)}")
        return OK

    return _guarded(removed)


def _confirmed(found: Sequence[RunEntry]) -> bool:
    listed = ", ".join(sanitize(entry.label) for entry in found)
    if not sys.stdin.isatty():
        complain(StoreError(f"this would remove {listed} for good: say so with --yes"))
        return False
    return input(f"Remove {listed} for good? [y/N] ").strip().lower() in ("y", "yes")


def name(options: argparse.Namespace) -> int:
    """Give a run a name, or take it away with an empty one."""

    def named() -> int:
        entry = find(options.run, options.results)
        changed = label(entry, name=options.name)
        say(f"{sanitize(entry.folder, 1000)} is called {changed.name}" if changed.name else "it has no name now")
        return OK

    return _guarded(named)


def tag(options: argparse.Namespace) -> int:
    """Add tags to a run, or remove them."""

    def tagged() -> int:
        words = {"drop": options.tags} if options.remove else {"add": options.tags}
        changed = label(find(options.run, options.results), **words)
        say(f"{sanitize(changed.label)}: {', '.join(changed.tags) or 'no tags'}")
        return OK

    return _guarded(tagged)


def baseline(options: argparse.Namespace) -> int:
    """Keep a run's records as its machine's baseline."""

    def kept() -> int:
        place = set_baseline(find(options.run, options.results), options.results)
        say(f"{sanitize(place, 1000)} ({quantity(size(place), 'B')}) is the baseline of that machine now: commit it")
        return OK

    return _guarded(kept)


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except (StoreError, OSError) as error:
        complain(error)
        return TOOL_ERROR


def _row(entry: RunEntry) -> Row:
    return Row(
        {
            "run": sanitize(entry.folder.name),
            "name": sanitize(entry.name),
            "started": sanitize(entry.started[:16].replace("T", " "), 40),
            "kind": "gate" if entry.gate else sanitize(entry.profile, 40),
            "tags": sanitize(", ".join(entry.tags)),
            "trouble": sanitize(entry.broken),
        },
        {"trouble": Tone.BAD},
    )
