"""Do the parts of a loop's time add up to the loop that was raced? They are measured apart from it, by differences.

Tunes several times and sets the sum of step, copy and prepare, which are those of a warm page cache, against the median
lap of the same setting in the race, another warm loop, some time before.

    python scripts/parts_sum.py --runs 3 -- --batch-size 32 --step 20ms --budget 3m
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.model import Part, Tuned
from harness.report.plain import noun_from

WITHIN = 0.05


def tuned(arguments: list[str], folder: Path) -> Any:
    """One tuning, in a process of its own. Raises CalledProcessError."""
    file = folder / "tuned.json"
    command = [sys.executable, "-m", "harness", "tune", *arguments, "--results", str(folder), "--json", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return noun_from(Tuned, json.loads(file.read_text(encoding="utf-8")))


def main() -> None:
    """Tune, print each sum and their median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("tune", nargs="*", metavar="ARGUMENT", help="for tune, after --")
    options = parser.parse_args()
    sums = []
    for number in range(options.runs):
        with TemporaryDirectory(prefix="tipbench-parts-") as folder:
            found = tuned(options.tune, Path(folder))
        if found.answer is None or found.headspace is None:
            sys.exit("there is no loop to take apart: ask for a --step")
        raced = next(ranked for ranked in found.ranked if ranked.setting == found.answer)
        warm = {share.part: share.seconds for share in found.headspace.parts if share.part is not Part.FETCH}
        sums.append(sum(warm.values()) / raced.seconds)
        told = " + ".join(f"{part} {1e3 * seconds:.3f}" for part, seconds in warm.items())
        print(
            f"run {number + 1}: {found.answer.name}: {told} = {1e3 * sum(warm.values()):.3f} ms a sample; "
            f"raced {1e3 * raced.seconds:.3f}: {sums[-1] - 1:+.1%}",
            flush=True,
        )
    off = median(abs(value - 1) for value in sums)
    print(f"median off by {off:.1%} (goal below {WITHIN:.0%}): {'reached' if off < WITHIN else 'missed'}")


if __name__ == "__main__":
    main()
