"""The page of a run: the analysis that the terminal shows, with figures, every number and the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.report.builders.run_content import RunContent, content
from harness.report.ceilings import ceilings_line
from harness.report.figures.activities import activities
from harness.report.figures.curves import run_curves
from harness.report.figures.forest import forest
from harness.report.figures.timeline import timelines
from harness.report.format import sanitize
from harness.report.header import header_lines, resumed_line
from harness.report.html.machine import ceilings_grid, environment_grid
from harness.report.html.parts import Figures, Grids, HtmlPage, Section, with_text
from harness.report.html.summary import headlines, summary
from harness.report.html.traces import trace_grid
from harness.report.html.verdicts import cases_of, forests, verdict_table
from harness.report.machine_notes import spoilt, taken_meanwhile, watched_line
from harness.report.next_command import next_command
from harness.report.selftest import selftest_of
from harness.store import Run

NEVER_ENDED = "This run has no end: it was killed, or it is still running."


def run_page(run: Run, page: Path | None = None, judged: RunContent | None = None) -> HtmlPage:
    """The page of a run; it is judged here unless its judged content is given.

    ``page`` is the file that will be written, for links to files in the run's folder.
    """
    judged = judged or content(run)
    facts = with_text(
        *header_lines(run),
        ("resumed", resumed_line(run)),
        ("ceilings", ceilings_line(run.ceilings)),
        ("watched", watched_line(run)),
        ("ended", sanitize(run.ended.text)),
    )
    return HtmlPage(
        f"Run {sanitize(run.folder.name, 80)}",
        facts,
        tuple(_sections(run, judged, page)),
        judged.footnotes,
        " ".join(filter(None, ("" if run.ended.text else NEVER_ENDED, *map(spoilt, taken_meanwhile(run))))),
        sanitize(run.folder.name, 200),
    )


def _sections(run: Run, judged: RunContent, page: Path | None) -> Iterator[Section]:
    resolution = selftest_of(run)
    overview = forest("overview", "The largest effect of each claim", list(headlines(judged)), _AXIS)
    head = summary(judged, next_command(run, judged.verdicts), resolution)
    yield Section("glance", "At a glance", head, (overview,) if overview else ())
    if judged.sections:
        yield Section("verdicts", "Verdicts", verdict_table(run, judged))
        if drawn := forests(judged):
            yield Section("effects", "Effects", Figures(), tuple(drawn), _AXIS)
    if any(claim.loader for claim in run.claims) and (curves := run_curves(run.claims, cases_of(run))):
        yield Section("curves", "Loaders by workers", Figures(), tuple(curves))
    if figure := activities(run.timeline):
        yield Section("timeline", "Where the time went", Figures(), (figure,))
    yield from _telemetry(run)
    yield from _traces(run, page)
    if run.ceilings:
        ceilings = Grids((ceilings_grid(run.ceilings),), titled=False)
        yield Section("ceilings", "The best rates of this machine", ceilings)
    yield machine_section(run.environment, resolution)


_AXIS = (
    'Each line is the 95 % interval of variant against baseline, the mark its best estimate; left of "equal" is faster '
    "or less, right of it slower or more, and the grey band is what counts as no effect. Hollow marks are not decided."
)


def machine_section(environment: Mapping[str, object], resolution: str) -> Section:
    """The machine: the smallest effect that it can resolve, and everything that was recorded of it."""
    grid = environment_grid(environment)
    intro = f"Noise floor and smallest effect that can be resolved (selftest): {resolution}."
    intro += "" if grid.rows else " Nothing else was recorded of it."
    return Section("machine", "Machine", Grids((grid,) if grid.rows else ()), intro=intro)


def _telemetry(run: Run) -> Iterator[Section]:
    if run.telemetry.series:
        from harness.report.frames import telemetry_frame

        if figures := timelines(telemetry_frame(run)):
            yield Section("telemetry", "The machine meanwhile", Figures(), tuple(figures))


def _traces(run: Run, page: Path | None) -> Iterator[Section]:
    if run.traces:
        from harness.report.trace_frame import trace_frame

        if grid := trace_grid(trace_frame(run), run.folder, page):
            yield Section("traces", "Traces", Grids((grid,), titled=False), intro=TRACES)


TRACES = (
    "One untimed pass of each, with a profiler attached. Open a trace in ui.perfetto.dev or chrome://tracing."
)
