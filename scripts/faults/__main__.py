"""The fault campaign: counts what is lost, unreadable or left behind. The status is 1 if anything is.

python scripts/faults              every k-th write, open, fsync, rename and mkdir fails; a journal is cut
                                   at every byte; 27 bad neighbours; 300 kills of bench, gate and tune
python scripts/faults --kills 0    without the kills, which take about half a minute each
python scripts/faults --neighbours forks,hangs --kills 0    only these neighbours; none for none of them
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# A folder that is run has its own modules on the path, not the package that they are in.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.cuts import cut
from faults.disk import swept
from faults.kills import COMMANDS, kills
from faults.neighbours import KINDS, neighbours


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number (examples: 0 for none, 300)")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    known = [kind.name for kind in KINDS]
    names = () if text == "none" else tuple(known) if text == "all" else tuple(text.split(","))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no kind (all, none, {', '.join(known)})")
    return names


def main() -> None:
    """Run the parts and print what they counted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=_count, default=300, help="how many commands are killed; default 300")
    parser.add_argument("--longest", type=float, default=30.0, help="seconds within which each is killed")
    parser.add_argument("--of", choices=COMMANDS, action="append", help="only this command; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--neighbours", type=_names, default="all", help="these bad neighbours; default all")
    parser.add_argument("--only", action="store_true", help="neither disk nor cuts")
    options = parser.parse_args()
    wrong = [] if options.only else [*_disk(), *_cuts()]
    wrong += _neighbours(options.neighbours)
    if options.kills:
        wrong += _kills(options)
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


def _disk() -> Iterator[str]:
    counts: Counter[str] = Counter()
    findings = 0
    for kind, found in swept():
        counts[kind] += 1
        findings += len(found)
        yield from (f"{each.where}: {each.what}" for each in found)
    shown = ", ".join(f"{count} of {kind}" for kind, count in counts.items())
    print(f"disk: {counts.total()} runs with a fault ({shown}); wrong: {findings}")


def _cuts() -> Iterator[str]:
    results = list(cut())
    wrong = list(filter(None, results))
    print(f"cuts: {len(results)} journals cut; wrong: {len(wrong)}")
    yield from wrong


def _neighbours(names: tuple[str, ...]) -> Iterator[str]:
    good = 0
    for one in neighbours(names) if names else ():
        found = [
            *([] if one.healthy else ["the healthy benchmark is not decided"]),
            *([] if one.named else ["the bad one is not named"]),
            *one.wrong,
        ]
        good += not found
        print(f"{one.kind.name}: {'; '.join(found) or one.named}", flush=True)
        yield from (f"{one.kind.name}: {each}" for each in found)
    print(f"neighbours: {good} of {len(names)}")


def _kills(options: argparse.Namespace) -> Iterator[str]:
    found = []
    for one in kills(options.kills, options.longest, options.of or [*COMMANDS], options.seed):
        found.append(one)
        print(
            f"{len(found)}: {one.command}, {one.victim} after {one.seconds:.1f} s, "
            f"{one.acknowledged} acknowledged{'; ' if one.wrong else ''}{'; '.join(one.wrong)}",
            flush=True,
        )
        yield from (f"{one.command}: {each}" for each in one.wrong)
    acknowledged = sum(one.acknowledged for one in found)
    print(
        f"kills: {len(found)}, {acknowledged} measurements acknowledged; wrong: {sum(bool(one.wrong) for one in found)}"
    )


if __name__ == "__main__":
    main()
