"""A saved run for notebooks: pandas frames that are made when they are first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.plural import counted
from harness.store import Run
from harness.store.runs import RunEntry, find, open_entry

if TYPE_CHECKING:
    import pandas as pd

    from harness.report.builders.run_content import RunContent
    from harness.report.plots import Plots


class SavedRun:
    """A saved run, and what is in it as tidy pandas frames; `harness.load` gives one.

    The first access to a frame makes it, later ones share it. Values are in SI units; ratios are
    variant/baseline.

    Example::

        >>> run = load("latest", results)
        >>> run.verdicts[["case", "variant", "verdict", "ratio"]].shape[1]
        4
        >>> run.folder.is_dir()
        True
    """

    def __init__(self, run: Run, entry: RunEntry) -> None:
        self.run = run
        self.entry = entry

    def __repr__(self) -> str:
        cases = len({measurement.case for measurement in self.run.measurements})
        held = counted(len(self.run.measurements), "measurement")
        return f"<SavedRun {self.entry.label}: {counted(cases, 'case')}, {held}>"

    def _repr_html_(self) -> str:
        from harness.report.html.render import claim_lines
        from harness.report.html.summary import groups

        return claim_lines(self.entry.label, groups(self._content))

    @property
    def plot(self) -> Plots:
        """Its figures: ``effects()``, ``loaders()``, ``timeline()``."""
        from harness.report.plots import Plots

        return Plots(self.run, self._content)

    @cached_property
    def _content(self) -> RunContent:
        """The run judged anew and put into words, as its report has it."""
        from harness.report.builders.run_content import content

        return content(self.run)

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self.run.folder

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Every sample of every round: ``label, case, claim, variant, invocation, block, metric, value,
        unit``."""
        from harness.report.frames import samples_frame

        return samples_frame(self.run)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Every verdict, judged anew: one row a case and variant, ratios and intervals as
        variant/baseline."""
        from harness.report.frames import verdicts_frame

        return verdicts_frame(self.run)

    @cached_property
    def telemetry(self) -> pd.DataFrame:
        """What was seen of the machine: ``moment, device, metric, value, case, invocation``, one row a
        reading."""
        from harness.report.frames import telemetry_frame

        return telemetry_frame(self.run)

    @cached_property
    def memory(self) -> pd.DataFrame:
        """Memory readings: ``case, claim, variant, invocation, metric, value, source``."""
        from harness.report.frames import memory_frame

        return memory_frame(self.run)

    @cached_property
    def throttle(self) -> pd.DataFrame:
        """Measurements and how many of their blocks were throttled, capped or left out."""
        from harness.report.frames import throttle_frame

        return throttle_frame(self.run)

    @cached_property
    def energy(self) -> pd.DataFrame:
        """Energy by device and case, from the board's own counter and from its power."""
        from harness.report.frames import energy_frame

        return energy_frame(self.run)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """Traced passes, one row each: where the time went, its parts, launches, and the cause as a
        sentence."""
        from harness.report.trace_frame import trace_frame

        return trace_frame(self.run)

    @cached_property
    def ceilings(self) -> pd.DataFrame:
        """What the machine reaches at best, one row a ceiling."""
        from harness.report.ceiling_frames import ceilings_frame

        return ceilings_frame(self.run)

    @cached_property
    def rates(self) -> pd.DataFrame:
        """What variants reached of the ceilings, where they declare their work."""
        from harness.report.ceiling_frames import rates_frame

        return rates_frame(self.run)

    @cached_property
    def environment(self) -> pd.DataFrame:
        """Where it was measured: ``name`` (dotted) and ``value``, one row a leaf of the fingerprint."""
        import pandas as pd

        from harness.model.leaves import leaves

        found: dict[str, Any] = leaves(self.run.environment)
        return pd.DataFrame(
            {"name": list(found), "value": [None if v is None else str(v) for v in found.values()]}
        )


def load(run: str | Path, results: Path = Path("results")) -> SavedRun:
    """Load a saved run by folder, name, a unique beginning of either, or ``latest``. Raises `StoreError`."""
    entry = find(run, results)
    return SavedRun(open_entry(entry), entry)
