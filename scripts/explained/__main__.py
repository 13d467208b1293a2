"""Whether a gate names what was changed: planted differences, profiled as a gate does, each named rightly or
not.

Usage: ``python scripts/explained [PAIR ...]``. One line for each; exit status 1 unless all are right.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console

from harness.gate.case_state import CaseStatus
from harness.gate.decision import Decision
from harness.gate.explain import explain
from harness.gate.limits import effort_for
from harness.gate.pair import SideCommand, WorkerPair
from harness.judge.gate_verdicts import EXACT
from harness.judge.regression import GateThresholds
from harness.measure.paired import PairSettings, paired_rounds
from harness.model import Claim, Side
from harness.report.format import quantity
from harness.report.progress.gate import GateProgress
from harness.workers.protocol import SidePlan

HERE = Path(__file__).resolve().parent
FILE = "bench_planted.py"
CLAIM = Claim("P1", "planted", FILE, "bench_planted")
PLAN = SidePlan((), "cpu", None, core=0)
LIMITS = GateThresholds()


@dataclass(frozen=True, slots=True)
class Planted:
    """A pair by its name, the kind of difference, and what its explanation must begin with (a regular
    expression)."""

    pair: str
    kind: str
    pattern: str
    metric: str = "seconds"


OUTSIDE = r"code outside torch's operators \+\S+ \w+.*"

PLANTED = (
    Planted("layer_twice", "more calls", r"aten::linear runs 2x instead of 1x, \+"),
    Planted("relu_three_times", "more calls", r"aten::relu runs 3x instead of 1x, \+"),
    Planted("sum_by_row", "more calls", r"aten::sum runs 128x instead of 1x, \+"),
    Planted("sums_joined", "fewer, longer calls", r"aten::sum runs 1x instead of 2x, \+"),
    Planted("products_joined", "fewer, longer calls", r"aten::matmul runs 1x instead of 2x, \+"),
    Planted("sorts_joined", "fewer, longer calls", r"aten::sort runs 1x instead of 4x, \+"),
    Planted(
        "erfinv_for_relu", "another operator", r"aten::erfinv runs 1x instead of 0x, \+.*; aten::relu runs 0x"
    ),
    Planted(
        "sums_for_bmm", "another operator", r"aten::(mul|sum) runs 1x instead of 0x, \+.*aten::matmul runs 0x"
    ),
    Planted(
        "gelu_by_hand",
        "another operator",
        r"aten::(erf|mul|div|add) runs [12]x instead of 0x, \+.*aten::gelu",
    ),
    Planted("python_loop", "Python", OUTSIDE + r"bookkeeping\S* \(\S*bench_planted\.py:\d+\)"),
    Planted("python_json", "Python", OUTSIDE + r"JSONEncoder.* \(json/encoder\.py:\d+\)"),
    Planted("python_calls", "Python", OUTSIDE + r"(counted|noted\S*) \(\S+:\d+\)"),
    Planted("python_list", "Python", OUTSIDE + r"torch\.tensor, called by \S+ \(\S+:\d+\)"),
    Planted("copy_contiguous", "a copy", r"aten::contiguous runs 1x instead of 0x, \+"),
    Planted("copy_clone", "a copy", r"aten::clone runs 1x instead of 0x, \+"),
    Planted("copy_double", "a copy", r"aten::to runs 1x instead of 0x, \+"),
    Planted("copy_numpy", "a copy", OUTSIDE + r"numpy\.ndarray\.copy, called by \S+ \(\S+:\d+\)"),
    Planted("wait_sleep", "a wait", OUTSIDE + r"time\.sleep, called by \S+ \(\S+:\d+\)"),
    Planted(
        "wait_thread",
        "a wait",
        OUTSIDE + r"_thread\.lock\.acquire, called by Condition\.wait \(threading\.py",
    ),
    Planted(
        "wait_event", "a wait", OUTSIDE + r"_thread\.lock\.acquire, called by Condition\.wait \(threading\.py"
    ),
    Planted(
        "memory_kept",
        "memory",
        r"aten::neg holds 6\.00 MiB at the peak instead of 1\.00 MiB, \+5",
        "peak_bytes",
    ),
    Planted(
        "memory_out_of_place",
        "memory",
        r"aten::relu holds 1\.00 MiB at the peak instead of 0 B",
        "peak_bytes",
    ),
    Planted(
        "memory_double", "memory", r"aten::(to|sqrt) holds 2\.00 MiB at the peak instead of", "peak_bytes"
    ),
    Planted(
        "memory_pairs", "memory", r"aten::(sub|abs) holds 16\.0 MiB at the peak instead of 0 B", "peak_bytes"
    ),
)

_SCALE = {
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "B": 1.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
}


def main(names: Sequence[str]) -> int:
    """Measure and profile every pair named, all of them where none is; print a line each."""
    unknown = sorted(set(names) - {planted.pair for planted in PLANTED})
    if unknown:
        print(f"{unknown[0]!r} is not a planted pair (they are: {', '.join(each.pair for each in PLANTED)})")
        return 2
    chosen = [planted for planted in PLANTED if not names or planted.pair in names]
    start = time.monotonic()
    with TemporaryDirectory(prefix="tipbench-explained-") as folder:
        decisions = {decision.case: decision for decision in _explained(chosen, Path(folder))}
    right = 0
    for planted in chosen:
        wrong, text = _judged(planted, decisions[_case(planted.pair)])
        right += not wrong
        print(
            f"{'WRONG' if wrong else 'right'}  {planted.kind}, {planted.pair}: {text}{f' [{wrong}]' if wrong else ''}"
        )
    print(f"{right} of {len(chosen)} planted differences named rightly, in {time.monotonic() - start:.0f} s")
    return 0 if right == len(chosen) else 1


def _case(pair: str) -> str:
    return f"{FILE}::bench_planted[{pair}]"


def _explained(chosen: Sequence[Planted], folder: Path) -> list[Decision]:
    """A short measurement of each pair, then what a gate does with regressions."""
    random = Random()
    decisions = {_case(each.pair): Decision(_case(each.pair), CLAIM, "baseline") for each in chosen}
    sides = [SideCommand(side, sys.executable, {"PLANTED_SIDE": str(side)}) for side in Side]
    with WorkerPair(sides, HERE, [FILE], folder, 1) as pair:
        pair.begin(list(decisions), PLAN)
        for case, states in pair.walk(random):
            for side, state in states.items():
                if state.status is not CaseStatus.READY:
                    raise SystemExit(f"{case}: {side}: {state.reason}")
            decision = decisions[case]
            rounds = paired_rounds(
                pair.runner(Side.BASE, decision.variant),
                pair.runner(Side.HEAD, decision.variant),
                PairSettings(effort_for(CLAIM, LIMITS.target), readings=EXACT),
                now=time.monotonic,
                random=random,
            )
            decision.take(1, rounds, 0.0)
            decision.judge(LIMITS, len(decisions))
    with WorkerPair(sides, HERE, [FILE], folder, 2) as pair:
        pair.begin(list(decisions), PLAN)
        for case, _ in pair.walk(random):
            explain(pair, decisions[case], folder, LIMITS, GateProgress(Console()), random)
    return list(decisions.values())


def _judged(planted: Planted, decision: Decision) -> tuple[str, str]:
    """What is wrong with an explanation, if anything, and the explanation with the measured change."""
    text = decision.growth.get(planted.metric, "")
    if planted.metric == "seconds":
        change, unit = decision.seconds_more(LIMITS), "s"
    else:
        before, after = decision.exact[planted.metric]
        change, unit = after - before, "B"
    wrong = ""
    if not re.match(planted.pattern, text):
        wrong = f"does not begin with {planted.pattern}"
    elif (named := _named(text)) > 1.01 * change:  # three digits are shown of each
        wrong = f"names {quantity(named, unit)}"
    return wrong, f"{text} (measured: +{quantity(change, unit)})"


def _named(text: str) -> float:
    """The sum of what an explanation says has grown, in seconds or bytes."""
    return sum(float(number) * _SCALE[unit] for number, unit in re.findall(r"\+([\d.]+) (\w+)", text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
