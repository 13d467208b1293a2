"""A run's timeline as a report: how its time divides into activities, and what each process did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from harness.model import THE_RUN, Activity, Span, Timeline
from harness.plural import counted
from harness.report.document import Column, Document, Row, Table
from harness.report.format import duration, sanitize
from harness.store import Run

SHORT = 9.95

NOTHING = "nothing"
"""What a moment is called in which no process of the run did anything."""

MEANING = {
    Activity.ROUNDS: "variants are timed, lead-ins included",
    Activity.WARM_UP: "first calls, calibration and warm-up before the rounds",
    Activity.SET_UP: "inputs are made, processes of variants set apart are started",
    Activity.WEIGHING: "memory, launches and energy are read",
    Activity.TRACING: "a profiler is attached",
    Activity.CEILINGS: "the best rates of this machine are measured",
    Activity.COLLECTING: "benchmarks are called up to their measurement",
    Activity.IMPORT: "processes start and import torch",
    Activity.ENDING: "cases are torn down, processes end",
    Activity.WAITING: "processes that are ready wait for their turn",
}

_COLUMNS = (
    Column("process", "process"),
    Column("begin", "from"),
    Column("cases", "cases", rank=4),
    Column(Activity.IMPORT, "import"),
    Column(Activity.SET_UP, "set-up"),
    Column(Activity.WARM_UP, "warm-up"),
    Column(Activity.ROUNDS, "rounds"),
    Column(Activity.WEIGHING, "weighing"),
    Column("others", "others", rank=2),
    Column(Activity.WAITING, "waiting"),
)


def divided(timeline: Timeline) -> dict[Activity | None, float]:
    """Seconds of the run by what was done in them; None has those in which nothing was.

    Where processes do several things at once the most useful counts: rounds before all, waiting last. The
    seconds add up to the run's.
    """
    moments: list[tuple[float, Activity, int]] = []
    for span in timeline.spans:
        begin, end = max(span.begin, timeline.start), min(span.end, timeline.end)
        if begin < end:
            moments += [(begin, span.activity, 1), (end, span.activity, -1)]
    moments.sort(key=lambda moment: moment[0])
    going = dict.fromkeys(Activity, 0)
    found: dict[Activity | None, float] = defaultdict(float)
    at = timeline.start
    for moment, activity, change in moments:
        first = next((each for each in Activity if going[each]), None)
        found[first] += moment - at
        going[activity] += change
        at = moment
    found[None] += timeline.end - at
    return {each: found[each] for each in (*Activity, None) if found[each] > 0}


def without_rounds(timeline: Timeline) -> float:
    """The share of the run, from 0 to 1, in which no round ran."""
    if not timeline.seconds:
        return 0.0
    return 1 - divided(timeline).get(Activity.ROUNDS, 0.0) / timeline.seconds


def timeline_document(run: Run) -> Document:
    """The report of a run's timeline; without spans it says so."""
    timeline = run.timeline
    title = f"Timeline of run {sanitize(run.folder.name, 80)}"
    if not timeline.spans:
        return Document(title, warnings=["no timeline was recorded: the run is of an earlier version"])
    facts = [
        ("length", duration(timeline.seconds, exact=True)),
        ("rounds", f"no round ran in {percent(without_rounds(timeline))} of the time"),
    ]
    return Document(title, facts, tables=[_activities(timeline), _processes(timeline)])


def activity_rows(timeline: Timeline) -> list[tuple[str, str, str, str, str]]:
    """By activity: its word, its seconds of the run, their share, seconds summed over processes, its
    meaning."""
    summed: dict[Activity | None, float] = defaultdict(float)
    for span in timeline.spans:
        summed[span.activity] += span.seconds
    shares = divided(timeline)
    return [
        (
            NOTHING if activity is None else str(activity),
            _time(shares.get(activity, 0.0)),
            percent(shares.get(activity, 0.0) / timeline.seconds) if timeline.seconds else "",
            "" if activity is None else _time(summed[activity]),
            "no process does anything: the run judges and writes" if activity is None else MEANING[activity],
        )
        for activity in (*Activity, None)
        if activity in shares or activity in summed
    ]


def process_name(number: int) -> str:
    """A process as its log is called; the run itself where it is none."""
    return "the run" if number == THE_RUN else f"process-{number:03d}"


def percent(share: float) -> str:
    """A share of 1 as a percentage."""
    return f"{100 * share:.0f} %"


def _time(seconds: float) -> str:
    """A stretch of time, to the tenth of a second where it is short."""
    return f"{seconds:.1f} s" if seconds < SHORT else duration(seconds, exact=True)


def _activities(timeline: Timeline) -> Table:
    columns = (
        Column("activity", "activity"),
        Column("time", "time"),
        Column("share", "share"),
        Column("summed", "all processes"),
        Column("meaning", "", rank=1),
    )
    names = [column.name for column in columns]
    lines = tuple(Row(dict(zip(names, row, strict=True)), {}) for row in activity_rows(timeline))
    below = "Where processes do several things at once, the uppermost counts."
    return Table("By activity", columns, lines, below=below)


def _processes(timeline: Timeline) -> Table:
    by_process: dict[int, list[Span]] = defaultdict(list)
    for span in timeline.spans:
        by_process[span.process].append(span)
    first = {number: min(span.begin for span in spans) for number, spans in by_process.items()}
    lines = tuple(
        _process(number, by_process[number], timeline.start)
        for number in sorted(first, key=first.__getitem__)
    )
    return Table(f"By process ({counted(len(lines), 'process', 'processes')})", _COLUMNS, lines)


def _process(number: int, spans: Sequence[Span], start: float) -> Row:
    shown = {column.name for column in _COLUMNS}
    seconds: dict[str, float] = defaultdict(float)
    for span in spans:
        seconds[str(span.activity) if str(span.activity) in shown else "others"] += span.seconds
    cases = len({span.case for span in spans if span.case})
    cells = {name: _time(spent) for name, spent in seconds.items()}
    cells |= {
        "process": process_name(number),
        "begin": f"{min(span.begin for span in spans) - start:.0f} s",
        "cases": str(cases) if cases else "",
    }
    return Row(cells, {})
