"""``trend``: the level of every variant over many runs of one machine."""

from __future__ import annotations

import argparse
import gc
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.forms import Forms, add_forms, as_json
from harness.cli.options import add_results
from harness.cli.output import complain
from harness.cli.parser import positive
from harness.exit_status import CANNOT_JUDGE, OK
from harness.plural import counted
from harness.program import advised
from harness.store import LOOP, TUNE, Run, StoreError
from harness.store.runs import RUNS, RunEntry, find, no_runs, open_entry, run_entries, runs_of

if TYPE_CHECKING:
    from harness.judge.trend import TrendBuilder
    from harness.report.builders.trend import TrendRun

Kind = tuple[str, str, str]
"""Machine, device, data: runs that differ in one of them have no level in common."""


@dataclass(slots=True)
class _Group:
    """The runs of one machine, device and data, as far as they were read."""

    trends: TrendBuilder
    runs: list[TrendRun] = field(default_factory=list)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Show the level of every variant over the runs of one machine, and test whether it changed."
    )
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="only these claims: L1,C4")
    parser.add_argument(
        "--effect", action="store_true", help="show the ratio to the baseline instead of the time"
    )
    parser.add_argument(
        "--run", action="append", default=[], metavar="RUN", help="only these runs; repeatable"
    )
    parser.add_argument("--last", type=positive, metavar="N", help="only the last N runs")
    parser.add_argument("--machine", metavar="ID", help="this machine; default: the one of the latest run")
    add_results(parser)
    add_forms(parser, "markdown", "csv", "parquet", "json", "html")


def run(options: argparse.Namespace) -> int:
    """Read the runs and show. The status is 0 whatever changed, 3 if there is nothing to show. Raises
    StoreError."""
    # Records have no cycles: looking for some among a million numbers takes a quarter of the time.
    gc.disable()
    try:
        return _trend(options)
    finally:
        gc.enable()


def _trend(options: argparse.Namespace) -> int:
    from harness.judge.trend import TrendBuilder
    from harness.report.builders.trend import TrendRun, trend_document
    from harness.report.render.terminal import show_document

    forms = Forms.of(options)
    chosen = _chosen(options)
    groups: dict[Kind, _Group] = {}
    wanted = frozenset(word for part in options.claims for word in part.split(",") if word)
    empty = 0
    unreadable: list[str] = []
    last: Kind | None = None
    for entry in (run for each in chosen for run in runs_of(each)):
        try:
            found = open_entry(entry, telemetry=False)
        except StoreError as error:
            if options.run:  # what was asked for must be there
                raise
            unreadable.append(str(error))
            continue
        if not found.measurements:
            empty += 1
            continue
        last = _kind(found)
        group = groups.setdefault(last, _Group(TrendBuilder(options.effect, wanted)))
        group.trends.add(found)
        group.runs.append(TrendRun(entry.label, entry.started, found.environment, found.warnings))
    if last is None and unreadable:
        raise StoreError(unreadable[-1])
    if last is None:
        complain(f"none of {counted(len(chosen), 'run')} in {options.results} holds a finished measurement")
        return CANNOT_JUDGE
    kind = _machine(groups, options.machine) if options.machine else last
    group = groups[kind]
    courses = group.trends.courses()
    if not courses:
        claims = f"claims {', '.join(sorted(wanted))}" if wanted else "any claim"
        complain(f"no run of this machine has a level of {claims}; {advised('list')} names the claims")
        return CANNOT_JUDGE
    left_out = [f"a run that cannot be read: {why}" for why in unreadable]
    left_out += [_left_out(other, kind, its) for other, its in groups.items() if other != kind]
    left_out += [f"{counted(empty, 'run')} without a finished measurement"] if empty else []
    left_out += [
        f"{counted(runs, 'run')} of {case}: other parameters under the same name"
        for case, runs in group.trends.left_out.items()
    ]
    screen = forms.console()
    unicode = screen.encoding.lower().startswith("utf")
    document = trend_document(courses, group.runs, left_out, effects=options.effect, unicode=unicode)
    show_document(document, screen)
    from harness.report.builders import trend_records as records
    from harness.report.render.markdown import markdown
    from harness.report.render.tables import csv_of, write_parquet

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.trend_page import trend_page

        save_page(trend_page(courses, group.runs, document, effects=options.effect), path)

    forms.write(
        {
            "markdown": lambda: markdown(
                trend_document(courses, group.runs, left_out, effects=options.effect)
            ),
            "csv": lambda: csv_of(records.records(courses, group.runs)),
            "json": lambda: as_json(records.document(courses, group.runs, effects=options.effect)),
        },
        {"parquet": lambda path: write_parquet(records.records(courses, group.runs), path), "html": page},
    )
    return OK


def _chosen(options: argparse.Namespace) -> list[RunEntry]:
    """The runs to read, oldest first: those named, or all there are."""
    if options.run:
        return [find(word, options.results, RUNS) for word in options.run]
    there = run_entries(options.results)
    known = [entry for entry in there if not entry.gate and entry.profile not in (TUNE, LOOP)]
    if options.last is not None:
        known = known[-options.last :]
    if not known:
        raise StoreError(no_runs(options.results, there))
    return known


def _kind(run: Run) -> Kind:
    from harness.judge.comparable import device_kind
    from harness.judge.group import machine_of

    return machine_of(run), device_kind(run), Path(str(run.facts.get("data") or "")).name


def _machine(groups: dict[Kind, _Group], wanted: str) -> Kind:
    fitting = [kind for kind in groups if kind[0].startswith(wanted)]
    machines = dict.fromkeys(kind[0] for kind in fitting)
    if len(machines) == 1:
        return fitting[-1]
    known = ", ".join(dict.fromkeys(kind[0] for kind in groups))
    raise StoreError(
        f"--machine: {wanted!r} names {'several' if fitting else 'none'} of these machines: {known}"
    )


def _left_out(other: Kind, kind: Kind, group: _Group) -> str:
    why = next(
        f"{name} {theirs or 'generated images'}"
        for name, theirs, ours in zip(("machine", "device", "data"), other, kind, strict=True)
        if theirs != ours
    )
    return f"{counted(len(group.runs), 'run')}: {why}"
