"""Figures of a saved run for notebooks: each shows itself there, and is a page of its own elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from harness.report.html.parts import Figure, Figures, HtmlPage, Section

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

    from harness.report.builders.run_content import RunContent
    from harness.store import Run

AROUND, MOST = 170, 900
"""Pixels around a drawing, and of the tallest frame in a notebook; the rest is scrolled."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Figures under one title. The last line of a notebook's cell shows them.

    ``empty`` says why there is none, where there is none.

    Example::

        >>> load("latest", results).plot.effects().title
        'Effects'
    """

    title: str
    figures: tuple[Figure, ...]
    empty: str = ""

    @property
    def models(self) -> list[LayoutDOM]:
        """Bokeh's own models, to change them and for ``bokeh.io.show``."""
        return [figure.drawing for figure in self.figures]

    def html(self) -> str:
        """A page that needs nothing else: scripts and data are inside."""
        from harness.report.html.render import html

        intro = "" if self.figures else self.empty
        section = Section("figures", self.title, Figures(), self.figures, intro)
        return html(HtmlPage(self.title, (), (section,)))

    def save(self, path: str | Path) -> None:
        """Write the page. Raises OSError."""
        from harness.store.whole_file import write_whole

        write_whole(Path(path), self.html())

    def __repr__(self) -> str:
        found = ", ".join(figure.title for figure in self.figures) or self.empty
        return f"<Drawing {self.title}: {found}>"

    def _repr_html_(self) -> str:
        if not self.figures:
            return f"<p>{escape(self.empty)}</p>"
        heights = [getattr(model, "height", None) or _stacked(model) for model in self.models]
        height = min(MOST, sum(heights) + AROUND * len(heights))
        # In a frame of its own: neither its style nor its script can meet the notebook's.
        return (
            f'<iframe title="{escape(self.title)}" style="width: 100%; height: {height}px; border: 0" '
            f'sandbox="allow-scripts" srcdoc="{escape(self.html())}"></iframe>'
        )


@dataclass(frozen=True, slots=True)
class Plots:
    """The figures that a saved run has; ``run.plot`` gives them."""

    run: Run
    content: RunContent

    def effects(self) -> Drawing:
        """Every effect with its 95 % interval and its margin, by claim."""
        from harness.report.html.verdicts import forests

        return Drawing("Effects", tuple(forests(self.content)), "No effect: nothing was measured.")

    def loaders(self) -> Drawing:
        """Samples per second and memory of loaders by their number of workers."""
        from harness.report.figures.curves import run_curves
        from harness.report.html.verdicts import cases_of

        return Drawing(
            "Loaders by workers",
            tuple(run_curves(self.run.claims, cases_of(self.run))),
            "No loader was measured with several numbers of workers.",
        )

    def timeline(self) -> Drawing:
        """What the run's processes did and when, and what the machine did meanwhile."""
        from harness.report.figures.activities import activities
        from harness.report.figures.timeline import timelines
        from harness.report.frames import telemetry_frame

        processes = activities(self.run.timeline)
        machine = timelines(telemetry_frame(self.run)) if self.run.telemetry.series else []
        figures = (*([processes] if processes else []), *machine)
        return Drawing("The run over time", figures, "The run recorded no timeline.")


def _stacked(model: LayoutDOM) -> int:
    """The height of plots below each other."""
    return sum(getattr(child, "height", None) or 0 for child in getattr(model, "children", ()))
