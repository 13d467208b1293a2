"""What one trace says, in sentences: where an iteration's time goes, and what a report tells of a traced
variant."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import BASELINE, Spent, Traced, TraceSummary, parameters
from harness.report.format import quantity, sanitize
from harness.report.grown import LONGEST_NAME, difference
from harness.store import Run

_WAITS = {
    "idle_loader_seconds": "for the loader",
    "idle_sync_seconds": "for synchronisation",
    "idle_copy_seconds": "for copies",
    "idle_other_seconds": "with its work already queued",
}


def cause(summary: TraceSummary) -> str:
    """One sentence that names what most of the time goes to."""
    wall = summary.wall_seconds
    if wall <= 0:
        return "the trace has no time in it"
    parts = {name: getattr(summary, name) / wall for name in (*_WAITS, "idle_host_seconds")}
    most = max(parts, key=lambda name: parts[name])
    if summary.busy_seconds / wall >= parts[most]:
        return _busy(summary)
    if most == "idle_host_seconds":
        return _host(summary, parts[most])
    if not summary.gpu:
        return f"the loop waits {_share(parts[most])} of the time for the loader"
    return f"the GPU waits {_share(parts[most])} of the time {_WAITS[most]}"


def cause_of(traced: Traced) -> str:
    """The sentence for a traced pass; that of the record where it has no summary."""
    return traced.cause if traced.summary is None else cause(traced.summary)


def _busy(summary: TraceSummary) -> str:
    share = summary.busy_seconds / summary.wall_seconds
    if not summary.gpu:
        whole = f"{_share(share)} of the time goes to operators"
        return f"{whole}{_most(summary.operators, sum(spent.seconds for spent in summary.operators))}"
    if summary.copy_seconds > summary.kernel_seconds:
        return f"the GPU is busy {_share(share)} of the time, mostly with copies"
    whole = f"the GPU is busy {_share(share)} of the time"
    if summary.tensor_core_share is not None:
        whole += f", {_share(summary.tensor_core_share)} of its kernels' time on tensor cores"
    return whole + _most(summary.kernels, summary.kernel_seconds)


def _host(summary: TraceSummary, share: float) -> str:
    if not summary.gpu:
        return f"{_share(share)} of the time goes to Python and whatever else is in no operator"
    each = summary.launches / summary.iterations
    return (
        f"the GPU waits {_share(share)} of the time for the host to launch: {each:.3g} kernels an iteration "
        f"of {quantity(summary.kernel_seconds / max(1, summary.launches), 's')} each"
    )


def _most(spent: Sequence[Spent], whole: float) -> str:
    if not spent or whole <= 0:
        return ""
    return f", most of it {_name(spent[0].name)} ({_share(spent[0].seconds / whole)})"


def trace_notes(run: Run, case: str, variant: str) -> list[str]:
    """Footnotes for a variant that was traced: the cause, what differs from the baseline, where the trace
    lies."""
    notes = []
    for traced in (each for each in run.traces if (each.case, each.variant) == (case, variant)):
        parts = [part for part in (cause_of(traced), traced.note) if part]
        base = next(
            (each.summary for each in run.traces if (each.case, each.variant) == (case, BASELINE)), None
        )
        if traced.summary is not None and base is not None and variant != BASELINE:
            parts.append(f"against the baseline: {difference(base, traced.summary)}")
        where = sanitize(" ".join(part for part in (parameters(case), variant) if part), 60)
        # The file before the rest: a footnote that is too long loses its end.
        notes.append(f"trace of {where}{f' ({traced.file})' if traced.file else ''}: {'; '.join(parts)}")
    return notes


def described(traced: Traced) -> str:
    """A traced pass in one line, for the display of a run."""
    words = cause_of(traced) or traced.note
    slower = traced.slow_down
    return (
        f"{words} (the profiler made it {slower:.2g}x as long)"
        if slower is not None and slower > 1.1
        else words
    )


def _name(name: str) -> str:
    return sanitize(name, LONGEST_NAME) or "(no name)"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
