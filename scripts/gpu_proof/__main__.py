"""Hold the proof on a GPU, in parts of at most ten minutes; all of them take at most twenty-five.

python scripts/gpu_proof all                     every part, each in a process of its own
python scripts/gpu_proof clock ceilings          these
python scripts/gpu_proof all --device cpu --quick    a rehearsal: what needs CUDA is skipped, and says so

What is found goes to a folder: a JSON file for each part, and ``summary.md`` with all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

# A folder that is run has its own modules on the path, not the package that they are in, nor the harness beside it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gpu_proof.findings import DONE, FAILED, SKIPPED, Part, Skipped, summary

ROOT = Path(__file__).resolve().parents[2]

Hold = Callable[[Part, argparse.Namespace], None]


def _bench(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import bench

    bench(part, options.folder, options.device, 40 if options.quick else 420, options.select)


def _tests(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import gpu_tests

    gpu_tests(part, options.folder, options.device, 180)


def _clock(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.clocks import clocks
    from harness.device import chosen

    clocks(part, chosen(options.device))


def _watching(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.watching import watching

    watching(part, options.folder, options.device, quick=options.quick)


def _traces(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.tracing import traces

    traces(part, options.folder, options.device)


def _ceilings(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.reaching import ceilings

    ceilings(part, options.folder, options.device)


def _identical(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.gating import gate_identical

    gate_identical(part, options.device, 60 if options.quick else 300, 1 if options.quick else 5)


def _slower(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.gating import gate_slower

    gate_slower(part, options.device, 60 if options.quick else 270, 1)


def _floor(part: Part, options: argparse.Namespace) -> None:
    from gpu_proof.running import floor

    floor(part, options.folder)


PARTS: Mapping[str, tuple[Hold, str]] = {
    "bench": (_bench, "the whole bench: every claim decided or explained (8 min)"),
    "tests": (_tests, "the suite's own GPU tests (2 min)"),
    "clock": (_clock, "the clock against triton's and torch's own (2 min)"),
    "watching": (_watching, "NVML against nvidia-smi, energy, the watch's cost, a foreign process (3 min)"),
    "traces": (_traces, "the summary of a trace against HolisticTraceAnalysis (1 min)"),
    "ceilings": (_ceilings, "ceilings against what is known of the card (1 min)"),
    "gate-identical": (_identical, "identical code: no false alarm in a hundred decisions (5 min)"),
    "gate-slower": (_slower, "3 % more work, really done: caught (4 min)"),
    "floor": (_floor, "the noise floor of every claim, from the bench's run (no time)"),
}


def main() -> int:
    """Hold the parts that were asked for; exit status 1 where one failed, or missed a goal and was no rehearsal."""
    listed = "\n".join(f"  {name:<15} {words}" for name, (_, words) in PARTS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nparts:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "all"], metavar="PART", help="all, or some of those above")
    parser.add_argument("--folder", type=Path, default=Path("results/gpu-proof"), help="where the findings go")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--quick", action="store_true", help="a rehearsal: shorter, and fewer decisions")
    parser.add_argument("--select", action="append", default=[], metavar="NAME", help="bench: only these claims")
    options = parser.parse_args()
    # Kineto would print lines about every profile; it reads its level when torch is imported.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    options.folder = options.folder.resolve()
    wanted = [name for name in PARTS if name in options.parts or "all" in options.parts]
    if len(wanted) > 1:
        return _one_by_one(wanted, options)
    options.device = _device(options.device)
    return _hold(wanted[0], options)


def _one_by_one(wanted: list[str], options: argparse.Namespace) -> int:
    """Each in a process of its own: one part's CUDA context would be a foreign process to the next."""
    common = ["--folder", str(options.folder), "--device", options.device, *(["--quick"] if options.quick else [])]
    for name in options.select:
        common += ["--select", name]
    folder = str(Path(__file__).parent)
    statuses = [subprocess.run([sys.executable, folder, name, *common], check=False).returncode for name in wanted]
    return max(map(abs, statuses))


def _device(name: str) -> str:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu_proof: --device cuda was asked for, and torch sees no CUDA device here")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _hold(name: str, options: argparse.Namespace) -> int:
    part = Part(name, options.device)
    print(f"{name} on {options.device}", flush=True)
    try:
        PARTS[name][0](part, options)
        part.status = DONE
    except Skipped as error:
        part.status, part.reason = SKIPPED, str(error)
    except KeyboardInterrupt:
        part.status, part.reason = FAILED, "interrupted"
    except Exception as error:
        part.status, part.reason = FAILED, f"{type(error).__name__}: {error}"
    if part.reason:
        print(f"  {part.status}: {part.reason}", flush=True)
    part.save(options.folder)
    summary(options.folder, list(PARTS))
    return int(part.status == FAILED or (bool(part.failures) and not options.quick))


if __name__ == "__main__":
    sys.exit(main())
