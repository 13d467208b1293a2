"""The page of a run: the same analysis that the terminal shows, with figures, every number and the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.report.ceilings import ceilings_line
from harness.report.content import RunContent, content
from harness.report.format import sanitize
from harness.report.header import header_lines
from harness.report.html.machine import ceilings_grid, environment_grid
from harness.report.html.parts import HtmlPage, Section
from harness.report.html.summary import headlines, summary
from harness.report.html.verdicts import cases_of, forests, verdict_table
from harness.report.machine_notes import watched_line
from harness.report.next_command import next_command
from harness.report.selftest import selftest_of
from harness.store import Run

NEVER_ENDED = "This run never said that it ended: it was killed, or is still going on."


def run_page(run: Run, page: Path | None = None, told: RunContent | None = None) -> HtmlPage:
    """What there is to show of a run, judged anew where that was not ``told`` before.

    ``page`` is where it will be written, for links to files in the run's folder.
    """
    told = told or content(run)
    facts = [
        *header_lines(run),
        ("ceilings", ceilings_line(run.ceilings)),
        ("watched", watched_line(run)),
        ("ended", sanitize(run.ended.text)),
    ]
    return HtmlPage(
        f"Run {sanitize(run.folder.name, 80)}",
        tuple((label, words) for label, words in facts if words),
        tuple(_parts(run, told, page)),
        told.footnotes,
        "" if run.ended.text else NEVER_ENDED,
        sanitize(run.folder.name, 200),
    )


def _parts(run: Run, told: RunContent, page: Path | None) -> Iterator[Section]:
    from harness.report.figures.forest import forest

    resolution = selftest_of(run)
    overview = forest("overview", "The largest effect of each claim", list(headlines(told)), _AXIS)
    yield Section(
        "glance", "At a glance", "glance.html", summary(told, next_command(run, told.verdicts), resolution),
        (overview,) if overview else (),
    )  # fmt: skip
    if told.sections:
        yield Section("verdicts", "Verdicts", "table.html", verdict_table(run, told))
        if drawn := forests(told):
            yield Section("effects", "Effects", "effects.html", _AXIS, tuple(drawn))
    yield from _curves(run)
    yield from _telemetry(run)
    yield from _traces(run, page)
    yield from _ceilings(run)
    yield machine_part(run.environment, resolution)


_AXIS = (
    'Each line is the 95 % interval of variant against baseline, the mark its best estimate; left of "equal" is less '
    "of the metric, and the grey band is what counts as no effect. Hollow marks are not decided."
)


def machine_part(environment: Any, resolution: str) -> Section:
    """The machine: what it can tell apart, and everything that was recorded of it."""
    return Section("machine", "Machine", "machine.html", (resolution, environment_grid(environment)))


def _curves(run: Run) -> Iterator[Section]:
    if any(claim.loader for claim in run.claims):
        from harness.report.figures.curves import run_curves

        if figures := run_curves(run.claims, cases_of(run)):
            yield Section("curves", "Loaders by workers", "figures.html", None, tuple(figures))


def _telemetry(run: Run) -> Iterator[Section]:
    if run.telemetry.series:
        from harness.report.figures.timeline import timelines
        from harness.report.frames import telemetry_frame

        if figures := timelines(telemetry_frame(run)):
            yield Section("telemetry", "The machine meanwhile", "figures.html", None, tuple(figures))


def _traces(run: Run, page: Path | None) -> Iterator[Section]:
    if run.traces:
        from harness.report.html.traces import trace_grid
        from harness.report.trace_frame import trace_frame

        if grid := trace_grid(trace_frame(run), run.folder, page):
            yield Section("traces", "Traces", "traces.html", grid)


def _ceilings(run: Run) -> Iterator[Section]:
    if run.ceilings:
        yield Section("ceilings", "What this machine reaches at best", "grid.html", ceilings_grid(run.ceilings))
