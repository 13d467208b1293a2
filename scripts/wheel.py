"""The wheel as a newcomer uses it: installed into a fresh environment outside the checkout, in another
repository.

    python scripts/wheel.py [--keep FOLDER]

The wheel is built, and installed with uv as README.md has it. In a repository with a package that the last
change made slower, the installed command lists the claims that come with it, writes a benchmark, measures it,
gates the change and reports both. Anything unexpected ends with a line that says what, and status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = """import torch

values = torch.rand({values})


def total():
    return values.sin().sum()
"""
BENCHMARK = '''"""A total takes as long the second time."""

import parcel
import torch

from harness import claim


@claim("T1", expect="same", margin=0.5)
def bench_total(compare):
    compare(baseline=parcel.total, again=parcel.total, same=torch.equal)
'''
PROJECT = '[tool.harness]\nunder-test = ["parcel"]\n'
BASE, HEAD = 2**16, 2**19
"""Values that are summed; eight times as many take far more than the five per cent that a gate detects."""


class Unexpected(Exception):
    """Something was not as README.md says."""


def main() -> int:
    """Build, install, use; 0 if all was as expected."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work here, and leave everything there")
    options = parser.parse_args()
    with ExitStack() as stack:
        place = (options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        if place.is_relative_to(ROOT):
            parser.error(f"--keep: {place} is in the checkout; name a folder outside of it")
        try:
            used(installed(built(place / "dist"), place / "env"), place / "repository")
        except Unexpected as error:
            print(f"wheel: {error}", file=sys.stderr)
            return 1
    print("the wheel works outside of the checkout")
    return 0


def built(folder: Path) -> Path:
    """The wheel."""
    run(ROOT, sys.executable, "-m", "build", "--wheel", "--outdir", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(wheel: Path, environment: Path) -> Path:
    """The command in a fresh environment with the wheel and what the gate needs; torch is the pinned one."""
    uv = (sys.executable, "-m", "uv")
    run(ROOT, *uv, "venv", "--quiet", "--python", sys.executable, str(environment))
    python = environment / "bin" / "python"
    pins = ("--constraint", str(ROOT / "constraints.txt"))
    run(ROOT, *uv, "pip", "install", "--quiet", "--python", str(python), *pins, f"{wheel}[gate]")
    return environment / "bin" / "tipbench"


def used(command: Path, repository: Path) -> None:
    """What README.md has people type, in a repository that knows nothing of the checkout."""
    changed(repository, BASE, "Sum few values")
    tipbench = str(command)
    found = run(repository, tipbench, "list")
    expect("claims that come with the wheel", "L1" in found and "pinned" in found.lower(), found)
    found = run(repository, str(command.parent / "python"), "-c", "import harness; print(harness.__file__)")
    expect("the installed package", Path(found).is_relative_to(command.parents[1].resolve()), found)

    run(repository, tipbench, "new", "a total takes no time")
    (written,) = (repository / "benchmarks").glob("bench_*.py")
    written.unlink()
    (repository / "benchmarks" / "bench_total.py").write_text(BENCHMARK)
    run(repository, "git", "add", "--all")
    run(repository, "git", "commit", "--quiet", "--message", "Add a benchmark")

    found = run(repository, tipbench, "bench", "--select", "T1", "--budget", "5m", "--device", "cpu")
    expect("a verdict", "T1" in found and "Page: " in found, found)
    expect("a page", len(list(repository.glob("results/*/page.html"))) == 1, found)

    changed(repository, HEAD, "Sum many values")
    gating = ("gate", "--base", "HEAD~1", "--budget", "10m", "--device", "cpu", "--json", "gate.json")
    found = run(repository, tipbench, *gating, status=1)
    outcomes = {each["outcome"] for each in json.loads((repository / "gate.json").read_text())["verdicts"]}
    expect("the slower change, found", "regressed" in outcomes, found)

    for words, part in (((), "T1"), (("--json", "run.json"), "T1")):
        found = run(repository, tipbench, "report", *words)
        expect("the run again", part in found, found)
    expect("JSON", bool(json.loads((repository / "run.json").read_text())["verdicts"]), found)
    expect("both in the list", len(run(repository, tipbench, "runs").splitlines()) >= 2, "")


def changed(repository: Path, values: int, title: str) -> None:
    """Commit the package with so many values; the repository is made first."""
    if not repository.exists():
        (repository / "parcel").mkdir(parents=True)
        run(repository, "git", "init", "--quiet")
        run(repository, "git", "config", "user.email", "someone@example.invalid")
        run(repository, "git", "config", "user.name", "someone")
        (repository / "pyproject.toml").write_text(PROJECT)
        (repository / ".gitignore").write_text("results/\n*.json\n")
    (repository / "parcel" / "__init__.py").write_text(PACKAGE.format(values=values))
    run(repository, "git", "add", "--all")
    run(repository, "git", "commit", "--quiet", "--message", title)


def run(folder: Path, *words: str, status: int = 0) -> str:
    """The standard output of a command; Unexpected for another exit status."""
    print(f"$ {shlex.join(words)}", flush=True)
    # What an environment of nox or of a checkout sets would be found again here.
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, flush=True)
    if done.returncode != status:
        raise Unexpected(
            f"{shlex.join(words)} ended with {done.returncode}, not {status}: {done.stderr[-2000:]}"
        )
    return done.stdout.strip()


def expect(what: str, there: bool, text: str) -> None:
    """Raises Unexpected for what is not there."""
    if not there:
        raise Unexpected(f"{what}: not there, in\n{text}")


if __name__ == "__main__":
    sys.exit(main())
