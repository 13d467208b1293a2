"""Print the proof of the gate: what it decides, and what the rules of others decide, on the same samples.

python scripts/gate_power recorded          the recorded samples, and units with a known truth
python scripts/gate_power live --runs 5     the real command, on a repository made for it
python scripts/gate_power together          base and head as two variants in one process
python scripts/gate_power all
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

# A folder that is run has its own modules on the path, not the package that they are in.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gate_power import live, recorded, show, simulated
from gate_power.rivals import RIVALS
from gate_power.samples import read
from gate_power.together import run_together
from harness.cli.parser import positive
from harness.judge.regression import GateThresholds

PAIRS = (8, 15, 20, 0)
"""Pairs of rounds in a unit that are tried beside the gate's; 0 is all that a process has."""


def main() -> None:
    """Read the options, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["recorded", "live", "together", "all"])
    parser.add_argument(
        "--suites", type=positive, default=4000, help="suites of identical code drawn from the recording"
    )
    parser.add_argument(
        "--trials", type=positive, default=500, help="decisions drawn per workload and condition"
    )
    parser.add_argument(
        "--known", type=positive, default=2000, help="decisions simulated per noise and truth"
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=10,
        help="pairs of a unit, and more as the gate would; 0 for all that were recorded (10, the gate's)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=positive, default=3, help="live: times that each experiment is run")
    parser.add_argument(
        "--copies", type=positive, default=2, help="live: cases of each of 10 kinds, two decisions each"
    )
    parser.add_argument(
        "--neighbours", type=int, default=0, help="live: processes that keep a core busy meanwhile"
    )
    parser.add_argument("--only", help="live: only experiments with this in their name")
    options = parser.parse_args()
    if options.pairs < 0:
        parser.error(f"--pairs {options.pairs}: a number of pairs from 0 up")
    console = Console(width=None if sys.stdout.isatty() else 160)
    if options.what in ("recorded", "all"):
        show_recorded(console, options)
    if options.what in ("live", "all"):
        show_live(console, options)
    if options.what in ("together", "all"):
        show_together(console, options)


def show_recorded(console: Console, options: argparse.Namespace) -> None:
    """All that needs no measuring."""
    workloads = read()
    drawn_suites, decisions = recorded.our_suites(workloads, options.suites, options.pairs, options.seed)
    found = recorded.ours(workloads, options.trials, options.pairs, options.seed)
    identical = {name: tally for condition, rows in found.items() if not condition.slowdown
                 and condition.target in (0.05, 0.10) for name, tally in rows.items()}  # fmt: skip
    sequential = [recorded.theirs(rival, workloads, options.suites, options.seed) for rival in RIVALS]
    turns = [recorded.theirs_paired(rival, workloads, options.suites, options.seed) for rival in RIVALS]
    collected, own = "others as their tools collect", "all on our paired samples"
    show.show_suites(console, f"Identical code, {collected}", drawn_suites, decisions, sequential)
    show.show_alarms(
        console, f"Identical code: false alarms per benchmark, {collected}", identical, sequential
    )
    show.show_ours(console, found)
    show.show_workloads(console, found)
    fewer = {n: recorded.ours(workloads, options.trials // 2, n, options.seed) for n in PAIRS}
    show.show_pairs(console, fewer | {options.pairs: found})
    show.show_power(console, f"Compute: slow-downs, scaled, {collected}", sequential, recorded.SLOWDOWNS)
    show.show_suites(console, f"Identical code, {own}", drawn_suites, decisions, turns)
    show.show_alarms(console, f"Identical code: false alarms per benchmark, {own}", identical, turns)
    show.show_power(console, f"Compute: slow-downs, really executed, {own}", turns, (0.02, 0.05))
    thresholds = GateThresholds()
    known = simulated.simulate(thresholds, options.known, options.seed)
    show.show_known(console, known, f"target {thresholds.target:.0%}")
    console.print(show.RECORDED_NOTES)


def show_live(console: Console, options: argparse.Namespace) -> None:
    """The real command."""
    found = _run(console, options, live.EXPERIMENTS, lambda one: live.run(one, options.runs, options.copies))
    show.show_live(console, "Live, two processes that take turns", found)


def show_together(console: Console, options: argparse.Namespace) -> None:
    """The same rule on pairs of one process: twice the cases, for each is one decision."""
    compute = [experiment for experiment in live.EXPERIMENTS if not experiment.loader]
    found = _run(console, options, compute, lambda one: run_together(one, options.runs, 2 * options.copies))
    show.show_live(console, "Live, base and head in one process", found)


def _run(
    console: Console,
    options: argparse.Namespace,
    experiments: Iterable[live.Experiment],
    run: Callable[[live.Experiment], Iterable[live.Call]],
) -> list[tuple[live.Experiment, live.Counted]]:
    """Run the requested experiments; each call's line as soon as it is there."""
    found = []
    for stated in experiments:
        experiment = replace(stated, neighbours=options.neighbours)
        if options.only and options.only not in str(experiment):
            continue
        calls = []
        for call in run(experiment):
            calls.append(call)
            measuring = sum(decision.seconds for decision in call.decisions)
            console.print(
                f"{experiment}: exit {call.status}, {len(call.decisions)} decisions, {call.wall:.1f} s, "
                f"{measuring:.1f} s of them in measurements"
            )
        found.append((experiment, live.count(calls)))
    return found


if __name__ == "__main__":
    main()
