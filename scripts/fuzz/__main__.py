"""Damaged and hostile input for everything that reads a file: nothing but a clear error may come of it.

Each reader gets valid content with bytes changed, and with values replaced by those of other types, at the
ends of their ranges, or with a meaning to somebody; checksums are made right again. A reader may take it or
refuse it by an error of this project's. It may raise nothing else, take no more than a second of CPU time,
and its process may not grow by more than 512 MiB.

    python scripts/fuzz --inputs 1000000 --readers "run record,trace" --keep failing/

Exit status: 0 if every input was read so, 1 if one was not, 2 for a usage error.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import SystemRandom

from rich.console import Console
from rich.table import Table

# A folder that is run has its own modules on the path, not the package that they are in.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.campaign import BY_NAME, Tally, clear, fuzz_named
from harness.cli.parser import positive


def main() -> int:
    """Fuzz the chosen readers, each in a process of its own, and print what became of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=positive, default=10_000, help="for each reader (default: 10,000)")
    parser.add_argument("--seed", type=int, help="of the inputs (default: a random one, which is printed)")
    parser.add_argument("--readers", help=f"some of {', '.join(BY_NAME)}, with commas between (default: all)")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where inputs go that fail; it is emptied"
    )
    parser.add_argument("--processes", type=positive, default=1, help="readers at work at once (default: 1)")
    options = parser.parse_args()
    names = options.readers.split(",") if options.readers else list(BY_NAME)
    if unknown := [name for name in names if name not in BY_NAME]:
        parser.error(f"--readers: {unknown[0]!r} is not one of {', '.join(BY_NAME)}")
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10**6)
    if options.keep is not None:
        clear(options.keep)
    print(f"--seed {seed} --inputs {options.inputs}", flush=True)
    table = Table("reader", "inputs", "taken", "refused", "slowest", "grown by", "failures")
    failed = False
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=fresh, max_tasks_per_child=1) as pool:
        jobs = [pool.submit(fuzz_named, name, options.inputs, seed, options.keep) for name in names]
        for job in jobs:
            tally = job.result()
            failed |= bool(tally.failures)
            table.add_row(*_cells(tally))
            print(f"{tally.reader}: {sum(tally.failures.values())} of {tally.inputs} failed", flush=True)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return int(failed)


def _cells(tally: Tally) -> tuple[str, ...]:
    failures = "\n".join(f"{count} x {what}" for what, count in tally.failures.most_common(8))
    return (
        tally.reader, f"{tally.inputs:,}", f"{tally.taken:,}", f"{tally.refused:,}",
        f"{1000 * tally.slowest:.0f} ms", f"{tally.grown >> 20} MiB", failures or "none",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
