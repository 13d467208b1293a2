"""Hold the proof on a GPU: in two commands of five minutes each, or in parts of at most ten.

python scripts/gpu_proof first                   facts, clock, traces, ceilings, the watch: five and a half
minutes python scripts/gpu_proof second                  the gate and a short bench: five minutes
python scripts/gpu_proof all                     every part at its full length, each in a process of its own
python scripts/gpu_proof clock ceilings          these
python scripts/gpu_proof first --device cpu --quick    a rehearsal: what needs CUDA is skipped, with a line

What is found goes to a folder: a JSON file for each part, and ``summary.md`` with all of them. The two
commands pack all that the folder holds by then into ``gpu-proof.tar.gz`` beside it.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

# A folder that is run has its own modules on the path, not the package that they are in, nor the harness
# beside it, nor what the claims share.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gpu_proof.commands import COMMANDS, ends_in_order
from gpu_proof.commands import hold as hold_command
from gpu_proof.findings import DONE, FAILED, RUNNING, SKIPPED, Part, Skipped, summary

ROOT = Path(__file__).resolve().parents[2]

Hold = Callable[[Part, argparse.Namespace], None]

GATE_ROOM, BENCH_ROOM = 50.0, 40.0
"""Seconds of a part's limit beyond its budget: to start, to end what is late, and to judge what was found."""


def _facts(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.facts import facts
    from harness.measure.device import chosen

    facts(part, options.folder, chosen(options.device))


def _gate(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.gating import gate

    gate(part, options.folder, options.device, min(100 if options.quick else 160, options.limit - GATE_ROOM))


def _bench_few(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import bench_few

    seconds = min(40 if options.quick else 110, options.limit - BENCH_ROOM)
    bench_few(part, options.folder, options.device, seconds)


def _bench(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import bench

    bench(part, options.folder, options.device, 40 if options.quick else 420, options.select)


def _tests(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import gpu_tests

    gpu_tests(part, options.folder, options.device, 180)


def _clock(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.clocks import clocks
    from harness.measure.device import chosen

    clocks(part, chosen(options.device))


def _watching(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.watching import watching

    watching(part, options.folder, options.device, quick=options.quick or options.short)


def _traces(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.tracing import traces

    traces(part, options.folder, options.device)


def _ceilings(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.reaching import ceilings

    ceilings(part, options.folder, options.device)


def _identical(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.gating import gate_identical

    gate_identical(part, options.folder, options.device, 60 if options.quick else 300, 1)


def _slower(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.gating import gate_slower

    gate_slower(part, options.folder, options.device, 60 if options.quick else 270, 1)


def _floor(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import floor

    floor(part, options.folder)


PARTS: Mapping[str, tuple[Hold, str]] = {
    "facts": (_facts, "what nobody can look up without a GPU (1 min)"),
    "bench": (_bench, "the whole bench: every claim decided or explained (8 min)"),
    "tests": (_tests, "the suite's own GPU tests (2 min)"),
    "clock": (_clock, "the clock against triton's and torch's own (2 min)"),
    "watching": (_watching, "NVML against nvidia-smi, energy, the watch's cost, a foreign process (3 min)"),
    "traces": (_traces, "the summary of a trace against HolisticTraceAnalysis (1 min)"),
    "ceilings": (_ceilings, "ceilings against what is known of the card (1 min)"),
    "gate": (_gate, "six decisions: 3 % more work caught, the same code left alone (3 min)"),
    "bench-few": (_bench_few, "three claims that a GPU decides: C4, M1, the products of C2 (2 min)"),
    "gate-identical": (_identical, "identical code: no false alarm, half of it called unchanged (5 min)"),
    "gate-slower": (_slower, "3 % more work, really done: caught (4 min)"),
    "floor": (_floor, "the noise floor of every claim, from the bench's run (no time)"),
}


def main() -> int:
    """Run the chosen parts; exit status 1 where one failed, or missed a goal and was no rehearsal."""
    listed = "\n".join(f"  {name:<15} {words}" for name, (_, words) in PARTS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nparts:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts",
        nargs="+",
        choices=[*COMMANDS, *PARTS, "all"],
        metavar="PART",
        help="first, second, all, or some of those above",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("results/gpu-proof"), help="where the findings go"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true", help="a rehearsal: shorter, and fewer decisions")
    parser.add_argument("--short", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=float, default=600.0, help=argparse.SUPPRESS)
    parser.add_argument(
        "--select", action="append", default=[], metavar="NAME", help="bench: only these claims"
    )
    options = parser.parse_args()
    # Kineto would print lines about every profile; it reads its level when torch is imported.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    options.folder = options.folder.resolve()
    commands = [name for name in COMMANDS if name in options.parts]
    if commands:
        ends_in_order()
        options.short = True
        return max(_command(name, options) for name in commands)
    wanted = [name for name in PARTS if name in options.parts or "all" in options.parts]
    if len(wanted) > 1:
        return _one_by_one(wanted, options)
    faulthandler.register(signal.SIGUSR1)  # prints where all threads are, also where one waits in C
    options.device = _device(options.device)
    return _hold(wanted[0], options)


def _command(name: str, options: argparse.Namespace) -> int:
    """One of the two commands."""

    def words(part: str, seconds: float) -> list[str]:
        return [*_part_command(part, options), "--limit", f"{seconds:.0f}"]

    return hold_command(COMMANDS[name], options.folder, options.device, words, list(PARTS))


def _part_command(name: str, options: argparse.Namespace) -> list[str]:
    """How to run one part in a process of its own: one's CUDA context would be a foreign process to the
    next."""
    words = [name, "--folder", str(options.folder), "--device", options.device]
    words += [f"--{flag}" for flag in ("quick", "short") if getattr(options, flag)]
    for chosen in options.select:
        words += ["--select", chosen]
    return [sys.executable, "-X", "faulthandler", "-u", str(Path(__file__).parent), *words]


def _one_by_one(wanted: list[str], options: argparse.Namespace) -> int:
    """Each in a process of its own."""
    statuses = [subprocess.run(_part_command(name, options), check=False).returncode for name in wanted]
    return max(map(abs, statuses))


def _device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu_proof: --device cuda was asked for, and torch sees no CUDA device here")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _hold(name: str, options: argparse.Namespace) -> int:
    part = Part(name, options.device, RUNNING, folder=options.folder)
    part.save(options.folder)  # what an earlier proof found is no finding of this one
    print(f"{name} on {options.device}", flush=True)
    try:
        PARTS[name][0](part, options)
        part.status = DONE
    except Skipped as error:
        part.status, part.reason = SKIPPED, str(error)
    except KeyboardInterrupt:
        part.status, part.reason = FAILED, "interrupted"
        traceback.print_exc()
    except Exception as error:
        part.status, part.reason = FAILED, f"{type(error).__name__}: {error}"
        traceback.print_exc()
    if part.reason:
        print(f"  {part.status}: {part.reason}", flush=True)
    part.save(options.folder)
    summary(options.folder, list(PARTS))
    return int(part.status == FAILED or (bool(part.failures) and not options.quick))


if __name__ == "__main__":
    sys.exit(main())
