"""The command line: ``python -m harness`` and ``tipbench``."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import __version__
from harness.claims.file import ClaimError
from harness.claims.folder import chosen_folder, read
from harness.cli.options import RUN, add_comparing, add_managing, add_report
from harness.cli.parser import Parser, positive
from harness.program import program

OK, TOOL_ERROR, CANNOT_JUDGE = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 2 (usage or tool error) or 3 (something was wrong, failed or lost)."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    understood = parser()
    # ``--list`` without a command is the command ``list``, with all its options.
    options = understood.parse_args(["list", *typed[1:]] if typed[:1] == ["--list"] else typed)
    if not hasattr(options, "command"):
        understood.print_help()
        return OK
    try:
        status: int = options.command(options, typed)
    except ClaimError as error:
        from harness.cli.output import complain

        complain(error)
        return TOOL_ERROR
    except Exception:
        # Left to itself, Python would exit with 1, which is what a gate says of a regression.
        traceback.print_exc()
        return TOOL_ERROR
    return status


def parser() -> argparse.ArgumentParser:
    """What may be typed; each command's function is in the namespace as ``command``."""
    top = Parser(prog=program(), description="Puts PyTorch's performance tips on trial on this machine.")
    top.add_argument("--version", action="version", version=f"tipbench {__version__}")
    top.add_argument("--list", action="store_true", help="short for the command list")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    _benching(commands)
    listing = commands.add_parser("list", help="list the claims")
    _where(listing)
    listing.add_argument("--cases", action="store_true", help="the cases and variants too (imports torch)")
    listing.set_defaults(command=_list)

    gate = commands.add_parser(
        "gate",
        help="is this slower than that? for CI",
        description="Judge whether head is slower than base. Exit status: 0 nothing regressed, 1 regressed, "
        "2 usage or tool error, 3 cannot judge.",
    )
    _where(gate, python=False)
    gate.add_argument("--base", metavar="REV", help="a git revision to compare the working tree with")
    gate.add_argument("--base-python", metavar="PATH", help="the interpreter of the base side")
    gate.add_argument("--base-env", metavar="K=V", action="append", default=[], help="a variable of the base side")
    gate.add_argument("--head-python", metavar="PATH", help="the interpreter of the head side")
    gate.add_argument("--head-env", metavar="K=V", action="append", default=[], help="a variable of the head side")
    gate.add_argument("--baseline", metavar="RUN", help=f"a stored run to compare with instead of a base: {RUN}")
    gate.add_argument(
        "--unchanged-ok", action="store_true",
        help="exit 0 where nothing under test changed, as in a change of README.md alone; default 3",
    )  # fmt: skip
    gate.add_argument(
        "--accept", metavar="METRIC", action="append", default=[],
        help="list more of this without failing: memory, launches; for a change that is meant to cost it",
    )  # fmt: skip
    _gating(gate)
    gate.set_defaults(command=_gate)

    selftest = commands.add_parser(
        "selftest",
        help="what can this machine tell apart?",
        description="Gate this code against itself: noise floor, smallest resolvable effect, false alarms.",
    )
    _where(selftest)
    _gating(selftest)
    selftest.set_defaults(command=_selftest)

    tuning = commands.add_parser(
        "tune",
        help="find the best loader setting",
        description="Race loader settings on your images and your training step, and say where the loop's time goes.",
    )
    tuning.add_argument("--data", type=Path, metavar="FOLDER", help="your ImageFolder; default: generated images")
    tuning.add_argument("--batch-size", default="64", metavar="N", help="default 64; 32,64 races both")
    tuning.add_argument(
        "--step", default="none", metavar="STEP",
        help="what is done with a batch: none, 20ms, resnet18, resnet50, or module:function of yours",
    )  # fmt: skip
    tuning.add_argument("--kinds", action="append", default=[], metavar="NAME", help="only these: dataloader,dali")
    tuning.add_argument("--workers", metavar="N,N", help="only these worker counts; default: 0 to twice the cores")
    tuning.add_argument("--margin", metavar="SHARE", help="what counts as equally good; default 3%%")
    tuning.add_argument("--budget", metavar="TIME", help="90s, 5m, 1h; default 5m")
    tuning.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    tuning.add_argument("--python", metavar="PATH", help="tune for the torch of this interpreter")
    tuning.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help="where runs are saved")
    tuning.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    _watched(tuning)
    tuning.set_defaults(command=_tune)

    _ceilings_parser(commands)

    add_report(commands, _report)
    add_comparing(commands, _compare, _trend)
    add_managing(commands, _manage)
    return top


def _ceilings_parser(commands: Any) -> None:
    ceilings = commands.add_parser(
        "ceilings",
        help="what nothing beats on this machine",
        description="Rates of copies, matrix products, launches and decoding: measured once for each environment.",
    )
    ceilings.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    ceilings.add_argument("--data", type=Path, metavar="FOLDER", help="decode your own ImageFolder")
    ceilings.add_argument("--python", metavar="PATH", help="measure the torch of this interpreter")
    ceilings.add_argument("--anew", action="store_true", help="measure again, whatever was kept")
    ceilings.add_argument("--json", type=Path, metavar="FILE", help="also write them as JSON")
    ceilings.set_defaults(command=_ceilings)


def _benching(commands: Any) -> None:
    bench = commands.add_parser(
        "bench", help="put the claims on trial", description="Measure the claims on this machine."
    )
    _where(bench)
    bench.add_argument("--budget", metavar="TIME", help="90s, 5m, 1h; default 10m (smoke 3m, thorough 1h)")
    bench.add_argument(
        "--profile",
        choices=("smoke", "standard", "thorough"),
        default="standard",
        help="smoke: everything once, no verdicts; standard; thorough: more rounds",
    )
    _watched(bench)
    bench.add_argument(
        "--memory-snapshot",
        action="store_true",
        help="keep each variant's CUDA allocations, with the lines that made them, as JSON in the run's folder",
    )
    bench.add_argument(
        "--trace", metavar="NAMES", nargs="?", const="all", action="append", default=[],
        help="also take a profiler trace of every variant, or only of these claims': L1,C4; what surprises is traced "
        "anyway",
    )  # fmt: skip
    bench.add_argument("--list", action="store_true", help="list the claims and stop")
    bench.add_argument("--cases", action="store_true", help="with --list: the cases and variants too (imports torch)")
    bench.set_defaults(command=_bench)


def _gating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", metavar="SHARE", help="the slow-down to catch: 5%% (default), 3%%, 0.02")
    parser.add_argument("--loader-target", metavar="SHARE", help="the same for data loaders; default 10%%")
    parser.add_argument("--budget", metavar="TIME", help="stop after this time: 90s, 5m, 1h; default 30m")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads of torch on either side; default: all cores but one"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write it as JUnit XML")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write it as Markdown")
    parser.add_argument("--every", action="store_true", help="show every decision, the unchanged ones too")
    _watched(parser)


def _watched(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch", metavar="HZ", help="look at GPU and host this often a second meanwhile; default 20, 0: never"
    )


def _where(parser: argparse.ArgumentParser, *, python: bool = True) -> None:
    parser.add_argument(
        "--select",
        metavar="NAME",
        action="append",
        default=[],
        help="only these claims: L1,C4 or a part of a path; may be repeated",
    )
    parser.add_argument(
        "--benchmarks",
        type=Path,
        metavar="FOLDER",
        help="the folder of benchmarks (default: ./benchmarks, else the claims that come with tipbench)",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="FOLDER", help="where runs are saved")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="your own ImageFolder instead of generated images")
    if python:
        parser.add_argument("--python", metavar="PATH", help="measure the torch of this interpreter")


def _bench(options: argparse.Namespace, typed: Sequence[str]) -> int:
    if options.list:
        return _list(options, typed)
    from harness.cli.bench import bench

    return bench(options, typed, _benchmarks(options))


def _gate(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.gate import hold

    return hold(options, _benchmarks(options))


def _selftest(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.gate import selftest

    return selftest(options, _benchmarks(options))


def _tune(options: argparse.Namespace, typed: Sequence[str]) -> int:
    from harness.cli.tune import hold

    return hold(options, typed)


def _ceilings(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.ceilings import hold

    return hold(options)


def _list(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    if getattr(options, "cases", False):
        from harness.cli.bench import list_cases

        return list_cases(options, _benchmarks(options))
    from harness.cli.list import list_claims

    return list_claims(read(_benchmarks(options)), options.select)


def _report(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.report import report

    return report(options)


def _compare(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.compare import compare

    return compare(options)


def _trend(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli.trend import trend

    return trend(options)


def _manage(options: argparse.Namespace, _typed: Sequence[str]) -> int:
    from harness.cli import runs

    command: Callable[[argparse.Namespace], int] = getattr(runs, options.verb)
    return command(options)


def _benchmarks(options: argparse.Namespace) -> Path:
    """The folder to take claims from: the one named, one here, or the one that came with the package.

    Raises NoBenchmarks.
    """
    named: Path | None = getattr(options, "benchmarks", None)
    if named is not None:
        return named.resolve()
    package = Path(__file__).resolve().parents[1]
    shipped = package / "claims_shipped"
    return chosen_folder(Path("benchmarks").resolve(), shipped if shipped.is_dir() else package.parent / "benchmarks")
