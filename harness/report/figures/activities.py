"""A run's timeline as a figure: a row a process, a bar for each thing that it did."""

from __future__ import annotations

from collections.abc import Mapping

from bokeh.models import HBar
from bokeh.models.glyph import Glyph
from bokeh.models.renderers import GlyphRenderer

from harness.model import Activity, Timeline
from harness.report.builders.timeline import activity_rows, percent, process_name, without_rounds
from harness.report.figures.canvas import canvas, hover, legend, source, span, themed, ticks, zoomable
from harness.report.format import duration, sanitize
from harness.report.html.parts import Figure, Grid

LOOKS: Mapping[Activity, tuple[str, str]] = {
    Activity.ROUNDS: ("good", " "),
    Activity.WARM_UP: ("accent", "/"),
    Activity.SET_UP: ("accent", "x"),
    Activity.WEIGHING: ("second", "-"),
    Activity.TRACING: ("second", "|"),
    Activity.CEILINGS: ("fourth", "."),
    Activity.COLLECTING: ("fourth", "\\"),
    Activity.IMPORT: ("third", "/"),
    Activity.ENDING: ("bad", "x"),
    Activity.WAITING: ("line", " "),
}
"""The colour and the hatching of each activity: colours repeat, and none is known by its colour alone."""

ROW, FOOT = 22, 100
COLUMNS = 5
MOST_ROWS = 60
MOST_BARS = 3000


def activities(timeline: Timeline) -> Figure | None:
    """The figure; None for a run whose timeline was not recorded."""
    if not timeline.spans or not timeline.seconds:
        return None
    first: dict[int, float] = {}
    for each in timeline.spans:
        first[each.process] = min(first.get(each.process, each.begin), each.begin)
    order = sorted(first, key=first.__getitem__)[:MOST_ROWS]
    rows = {number: len(order) - 1 - index for index, number in enumerate(order)}
    plot = canvas(ROW * len(order) + FOOT, span(0.0, timeline.seconds), span(-0.5, len(order) - 0.5))
    zoomable(plot)
    ticks(plot, "left", {float(row): process_name(number) for number, row in rows.items()})
    drawn: list[tuple[str, list[GlyphRenderer[Glyph]]]] = []
    shown = [each for each in timeline.spans if each.process in rows]
    if len(shown) > MOST_BARS:
        shown = sorted(shown, key=lambda each: -each.seconds)[:MOST_BARS]
    for activity, (colour, hatch) in LOOKS.items():
        own = [each for each in shown if each.activity is activity]
        if not own:
            continue
        data = source(
            left=[round(each.begin - timeline.start, 2) for each in own],
            right=[round(each.end - timeline.start, 2) for each in own],
            row=[rows[each.process] for each in own],
            what=[f"{activity}, {each.seconds:.1f} s" for each in own],
            case=[sanitize(each.case) for each in own],
        )
        bars = HBar(
            left="left", right="right", y="row", height=0.8, line_width=0.5, fill_alpha=0.75,
            hatch_pattern=hatch, hatch_alpha=0.6,
        )  # fmt: skip
        drawn.append(
            (str(activity), [plot.add_glyph(data, themed(bars, fill_color=colour, line_color="paper"))])
        )
    hover(plot, [bar for _, bars_ in drawn for bar in bars_], {"what": "", "case": ""})
    legend(plot, drawn, above=COLUMNS)
    numbers = Grid(
        "Time by activity",
        ("activity", "time", "share", "all processes", "what it is"),
        tuple(activity_rows(timeline)),
    )
    idle = percent(without_rounds(timeline))
    left_out = len(first) - len(order)
    caption = (
        f"Seconds since the run began; no round ran in {idle} of the time. Point at a bar for its case, drag to zoom."
        + (f" {left_out} later processes are not drawn." if left_out > 0 else "")
    )
    description = f"What {len(order)} processes did over {duration(timeline.seconds, exact=True)}. {caption}"
    return Figure("activities", "Which process did what", description, plot, caption, numbers, zoomable=True)
