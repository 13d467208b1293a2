"""Every k-th call fails: what was acknowledged is read by both readers, and nothing else is broken."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.independent import measurements
from faults.injected import FAULTS, KINDS, SHORT, TORN, Faults, failing
from faults.scripted import CASES, Outcome, prepared, scenario
from harness.errors import HarnessError
from harness.model import EndReason
from harness.report.builders.run import run_document
from harness.report.render.markdown import markdown
from harness.store import StoreError, load, run_folders


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a fault did and that it must not do."""

    where: str
    what: str


def swept(most: int = 10_000) -> Iterator[tuple[str, list[Finding]]]:
    """Each kind of call with each fault, for all k until nothing is hit; at most ``most`` of each."""
    for kind in KINDS:
        for fault in FAULTS:
            if fault in (SHORT, TORN) and kind != "write":
                continue
            for persistent in (False, True):
                for at in range(1, most + 1):
                    where = f"{kind} {at}{' and on' if persistent else ''}: {fault}"
                    hit, found = tried(Faults(kind, at, fault, Path(), persistent), where)
                    if not hit:
                        break
                    yield kind, found


def tried(faults: Faults, where: str) -> tuple[bool, list[Finding]]:
    """The scenario with one fault; whether it was hit, and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        place = prepared(Path(name))
        faults.within = place / "results"
        with failing(faults):
            outcome = scenario(place)
        return bool(faults.hit), [Finding(where, what) for what in checked(place / "results", outcome)]


def checked(results: Path, outcome: Outcome) -> Iterator[str]:
    """What is wrong with what can be read."""
    for error in outcome.raised:
        if not isinstance(error, HarnessError | OSError | KeyboardInterrupt):
            yield f"raised {type(error).__name__}: {error}"
    yield from (f"left {path.name}" for path in results.glob("*/.tipbench-*"))
    independent, ours = set(), set()
    for folder in run_folders(results):
        independent |= measurements(folder)
        try:
            run = load(folder)
        except StoreError as error:
            yield f"unreadable: {error}"
            continue
        ours |= {(m.case, m.invocation, m.survey, "") for m in run.measurements}
        one, other = (markdown(run_document(load(folder))) for _ in range(2))
        if one != other:
            yield "two reports of it differ"
        units = Counter(m.case for m in run.measurements if not m.survey)
        if run.ended.reason is EndReason.ALL_DECIDED and set(units) != set(CASES):
            yield "it says that everything was decided, and cases are missing"
    for name, found in (("the independent reader", independent), ("our reader", ours)):
        if lost := outcome.acknowledged - found:
            yield f"{len(lost)} acknowledged measurements are not read by {name}"


def clean() -> Outcome:
    """The scenario without any fault."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        return scenario(prepared(Path(name)))
