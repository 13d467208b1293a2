"""Options that several commands share, and what they stand for. Imports nothing heavy: ``--help`` does not
wait."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.claims.folder import chosen_folder
from harness.cli.forms import add_forms
from harness.cli.page import add_page
from harness.cli.parser import positive, written_folder
from harness.errors import UsageError

RUN = "a folder, a name, the beginning of either, latest, latest~1 or baseline"


def add_claims(parser: argparse.ArgumentParser, *, python: bool = True) -> None:
    """Add which claims, on which device, with which data and interpreter."""
    parser.add_argument(
        "tests", type=Path, nargs="?", metavar="FOLDER",
        help="the same as --benchmarks: benchmarks, or tests that use pytest-benchmark's fixture",
    )  # fmt: skip
    parser.add_argument(
        "--select", metavar="NAME", action="append", default=[],
        help="only these claims: L1,C4, or a part of a path; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--benchmarks", type=Path, metavar="FOLDER",
        help="the folder of benchmarks; default: ./benchmarks, else the claims that come with tipbench",
    )  # fmt: skip
    add_results(parser)
    add_device(parser)
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="your ImageFolder; default: generated images"
    )
    if python:
        add_python(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="default: auto, the GPU if there is one",
    )


def add_python(parser: argparse.ArgumentParser) -> None:
    """Add the interpreter."""
    parser.add_argument(
        "--python", metavar="PATH", help="measure the torch of this interpreter; default: this one"
    )


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add how often the machine is monitored."""
    parser.add_argument(
        "--watch", metavar="HZ", help="monitor GPU and host this often a second; default 20, 0: never"
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the folder of saved runs."""
    parser.add_argument(
        "--results",
        type=written_folder,
        default=Path("results"),
        metavar="FOLDER",
        help="the folder of saved runs; default: results",
    )


def benchmarks_folder(options: argparse.Namespace) -> Path:
    """The folder of claims: the one named, one here, or the one that comes with the package. Raises
    ClaimError."""
    named = named_folder(options)
    if named is not None:
        return named.resolve()
    package = Path(__file__).resolve().parents[1]
    shipped = package / "claims_shipped"
    return chosen_folder(
        Path("benchmarks").resolve(), shipped if shipped.is_dir() else package.parent / "benchmarks"
    )


def named_folder(options: argparse.Namespace) -> Path | None:
    """The folder of benchmarks that was named, in either way. Raises UsageError."""
    plain: Path | None = getattr(options, "tests", None)
    option: Path | None = options.benchmarks
    if plain is None:
        return option
    if option is not None:
        raise UsageError(f"{plain}: --benchmarks {option} names a folder already; leave out one of the two")
    if plain.is_file():
        raise UsageError(f"{plain} is a file: name its folder, and the file with --select {plain.name}")
    if not plain.is_dir():
        raise UsageError(f"{plain} is not a folder; to select benchmarks by their names: --select {plain}")
    return plain


def data_folder(options: argparse.Namespace) -> Path | None:
    """The folder of images, resolved; None for generated ones."""
    named: Path | None = options.data
    return named.resolve() if named is not None else None


def add_gating(parser: argparse.ArgumentParser) -> None:
    """Add what gate and selftest have in common: targets, budget, threads and forms."""
    parser.add_argument("--target", metavar="SHARE", help="the slow-down to detect: 5%% (default), 3%%, 0.02")
    parser.add_argument("--loader-target", metavar="SHARE", help="the same for data loaders; default 10%%")
    parser.add_argument("--budget", metavar="TIME", help="stop after this time: 90s, 5m, 1h; default 30m")
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads of torch on either side; default: all cores but one",
    )
    add_forms(parser, "json", "junit", "markdown")
    parser.add_argument(
        "--every", action="store_true", help="show every decision, not only those that changed"
    )
    add_page(parser)
    add_watch(parser)
