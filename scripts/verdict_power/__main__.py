"""Print the proof of the verdicts on claims: what the rule decides on recorded units, beside the rule it
replaced.

python scripts/verdict_power recorded       the recorded units, their signs flipped by chance, around known
effects
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

# A folder that is run has its own modules on the path, not the package that they are in.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.cli.parser import positive
from harness.model import Outcome
from verdict_power.pools import RECORDINGS, Pool, read
from verdict_power.rules import RULES, tallies

EFFECTS = {False: (0.05, 0.10, 0.30), True: (0.10, 0.20, 0.50)}
"""True effects that are to be found; True is for loaders."""

LIMIT = 0.025
"""The share of decisions that may lie on the wrong side of the margin, on either side."""


def main() -> None:
    """Read the options, print the tables. The status is 1 where a rule of claims is over its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["recorded"], nargs="?", default="recorded")
    parser.add_argument(
        "--trials", type=positive, default=1500, help="decisions with the effect at the margin"
    )
    parser.add_argument("--found", type=positive, default=150, help="decisions with each other effect")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 170)
    beyond = [
        name
        for recording, file in RECORDINGS.items()
        for name in show(console, recording, read(file), options.trials, options.found, options.seed)
    ]
    if beyond:
        console.print(f"over {LIMIT:.1%} at the margin: {', '.join(beyond)}")
    sys.exit(1 if beyond else 0)


def show(
    console: Console, recording: str, pools: tuple[Pool, ...], trials: int, found: int, seed: int
) -> list[str]:
    """Print the tables of a recording; return the workloads whose errors at the margin are over the limit."""
    over: list[str] = []
    for loader in (False, True):
        own = [pool for pool in pools if pool.loader is loader]
        table = Table(title=_title(recording, own), title_justify="left")
        effects = EFFECTS[loader]
        for title in ("workload", "rule", "at the margin\nbeyond", "\ninside", "no effect\nan effect", "\nnone",
                      "\nunits", *(f"{effect:.0%}\nfound, units" for effect in effects)):  # fmt: skip
            table.add_column(title, no_wrap=True)
        for pool in own:
            for name, cells, wrong in rows(pool, pools, trials, found, seed):
                table.add_row(pool.name, name, *cells)
                if wrong and name == next(iter(RULES)):
                    over.append(f"{pool.name} ({recording})")
        console.print(table)
    return over


def rows(
    pool: Pool, pools: tuple[Pool, ...], trials: int, found: int, seed: int
) -> Iterator[tuple[str, list[str], bool]]:
    """For each rule its cells, and whether it is over the limit."""
    at_margin = tallies(pool, pools, pool.margin, trials, seed)
    none = tallies(pool, pools, 0.0, found, seed)
    others = [tallies(pool, pools, effect, found, seed) for effect in EFFECTS[pool.loader]]
    for name in RULES:
        beyond, inside = (at_margin[name].share(outcome) for outcome in (Outcome.FAILS, Outcome.NO_EFFECT))
        cells = [
            beyond.short(),
            inside.short(),
            none[name].share(Outcome.HOLDS, Outcome.FAILS).short(),
            none[name].share(Outcome.NO_EFFECT).short(),
            none[name].units,
            *(f"{each[name].share(Outcome.FAILS).short()}, {each[name].units}" for each in others),
        ]
        yield name, cells, max(beyond.share, inside.share) > LIMIT


def _title(recording: str, pools: list[Pool]) -> str:
    what = "loaders, two pairs a unit" if pools and pools[0].loader else "compute, ten pairs a unit"
    return (
        f"{recording}: {what}, margin {pools[0].margin:.0%}; units are means (medians)"
        if pools
        else recording
    )


if __name__ == "__main__":
    main()
