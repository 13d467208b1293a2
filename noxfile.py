"""Sessions for people and for CI; everything they do also works as ``python -m harness ...`` and plain
pytest."""

import os
import re
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "types"]

# uv leaves compiling to the first import, and to every one where PYTHONDONTWRITEBYTECODE is set: seconds a
# process.
os.environ.setdefault("UV_COMPILE_BYTECODE", "1")

PINNED = ("-c", "constraints.txt")
LOADERS = ".[loaders,tools]"
"""This project with every kind of loader, and every tool, that it measures."""
BENCH = ".[loaders,slurm,tools]"
"""The same, and what submits jobs: for ``--on``."""

GATE = ".[dali-cuda130,torchcodec,gate]"
"""This project with what its own claims decode with, and what builds both sides."""


def _harness(session: nox.Session, command: str) -> None:
    """Run a command whose advice is to be typed for nox; nox ends with the command's own status."""
    _run(session, "python", "-m", "harness", command, *session.posargs, env={"TIPBENCH_NOX": "1"})


def _run(session: nox.Session, *words: str, env: dict[str, str] | None = None) -> None:
    """Run a command whose status has a meaning: nox turns every failure into 1, unless the session exits
    itself.

    Later sessions do not run then, as after an interrupt.
    """
    try:
        # An interrupted command has a report to print and processes to end; nox would kill it after half a
        # second.
        session.run(*words, env=env, interrupt_timeout=None)
    except CommandFailed as failed:
        status = getattr(failed, "return_code", None)  # nox 2026
        if status is None and (found := re.fullmatch(r"Returned code (-?\d+)", str(failed.reason))):
            status = int(found[1])
        if status is None:  # it was never started
            raise
        sys.exit(status if status >= 0 else 128 - status)


def _bytecode(session: nox.Session) -> dict[str, str]:
    """Variables with which Python keeps bytecode in the session's own environment.

    The tests start about a thousand processes. Where ``PYTHONDONTWRITEBYTECODE`` is set, each of them would
    compile this project again.
    """
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path(session.virtualenv.location, "bytecode")),
    }


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure the claims on this machine; what follows ``--`` goes to ``python -m harness bench``."""
    session.install(*PINNED, "-e", BENCH)
    _harness(session, "bench")


@nox.session(reuse_venv=True)
def report(session: nox.Session) -> None:
    """Show a saved run again; what follows ``--`` goes to ``python -m harness report``."""
    session.install(*PINNED, "-e", ".[parquet]")
    _harness(session, "report")


@nox.session(reuse_venv=True)
def compare(session: nox.Session) -> None:
    """Compare two saved runs or more; what follows ``--`` goes to ``python -m harness compare``."""
    session.install(*PINNED, "-e", ".[parquet]")
    _harness(session, "compare")


@nox.session(reuse_venv=True)
def trend(session: nox.Session) -> None:
    """Show what changed over many runs; what follows ``--`` goes to ``python -m harness trend``."""
    session.install(*PINNED, "-e", ".[parquet]")
    _harness(session, "trend")


@nox.session(reuse_venv=True)
def gate(session: nox.Session) -> None:
    """Judge whether the working tree is slower than a base; what follows ``--`` goes to ``python -m harness
    gate``."""
    session.install(*PINNED, "-e", GATE)
    _harness(session, "gate")


@nox.session(reuse_venv=True)
def selftest(session: nox.Session) -> None:
    """Gate this code against itself: what this machine can distinguish."""
    session.install(*PINNED, "-e", GATE)
    _harness(session, "selftest")


@nox.session(reuse_venv=True)
def tune(session: nox.Session) -> None:
    """Find the best loader setting for your images and your training step."""
    session.install(*PINNED, "-e", LOADERS)
    _harness(session, "tune")


@nox.session(reuse_venv=True)
def ceilings(session: nox.Session) -> None:
    """Measure the highest rates of this machine; what follows ``--`` goes to ``python -m harness
    ceilings``."""
    session.install(*PINNED, "-e", LOADERS)
    _harness(session, "ceilings")


@nox.session(reuse_venv=True)
def build(session: nox.Session) -> None:
    """Build a wheel into dist/, to be installed anywhere."""
    session.install("build")
    session.run("python", "-m", "build", "--wheel", *session.posargs)


@nox.session(reuse_venv=True)
def wheel(session: nox.Session) -> None:
    """Install the built wheel outside of the checkout, and run bench, gate and report in another
    repository."""
    session.install(*PINNED, "build", "uv")
    session.run("python", "scripts/wheel.py", *session.posargs)


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the documentation as a site in site/; a broken link is an error."""
    session.install(*PINNED, "-e", ".", "--group", "docs")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with real DALI and real loader workers on the CPU."""
    session.install(*PINNED, "-e", LOADERS, "--group", "tests")
    # Two at a time: most tests wait for processes that they start. A file's tests stay together, with what
    # they share. Files come in the order of tests/conftest.py, the longest first.
    side_by_side = ("--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder")
    session.run("pytest", *side_by_side, *session.posargs, env=_bytecode(session))


@nox.session(reuse_venv=True)
def tests_stress(session: nox.Session) -> None:
    """The tests in random order, each file alone and all together, on one core and beside busy neighbours."""
    session.install(*PINNED, "-e", LOADERS, "--group", "tests")
    session.run("python", "scripts/tests_stress.py", *session.posargs, env=_bytecode(session))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and words."""
    session.install(*PINNED, "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly."""
    session.install(*PINNED, "-e", ".", "--group", "tests", "--group", "types")
    session.run("mypy")


@nox.session(reuse_venv=True)
def trial(session: nox.Session) -> None:
    """The long proof: 200 same-code measurements, and 5 % more work really done (about half an hour)."""
    session.install(*PINNED, "-e", LOADERS)
    session.run("python", "scripts/same_code.py", *session.posargs)


@nox.session(reuse_venv=True)
def gate_power(session: nox.Session) -> None:
    """The gate's proof: false alarms and power, recorded and live, beside the rules of other tools."""
    session.install(*PINNED, "-e", GATE, "--group", "proof")
    session.run("python", "scripts/gate_power", *(session.posargs or ("all",)))


@nox.session(reuse_venv=True)
def faults(session: nox.Session) -> None:
    """The fault campaign: failing disks, cut journals, 300 kills (`-- --kills N`); what is lost or left is
    counted."""
    session.install(*PINNED, "-e", LOADERS)
    session.run("python", "scripts/faults", *session.posargs)


@nox.session(reuse_venv=True)
def verdict_power(session: nox.Session) -> None:
    """The proof of verdicts on claims: errors and power on recorded units, beside the rule that came
    before."""
    session.install(*PINNED, "-e", ".")
    session.run("python", "scripts/verdict_power", *session.posargs)


@nox.session(reuse_venv=True)
def fuzz(session: nox.Session) -> None:
    """Damaged and hostile input for everything that reads a file (`-- --inputs 1000000`: the long proof)."""
    session.install(*PINNED, "-e", LOADERS, "--group", "tests")
    session.run("python", "scripts/fuzz", *session.posargs, env=_bytecode(session))


@nox.session(reuse_venv=True)
def explained(session: nox.Session) -> None:
    """Whether the gate names what was changed: planted differences, each profiled and named rightly or
    not."""
    session.install(*PINNED, "-e", ".")
    session.run("python", "scripts/explained", *session.posargs)


@nox.session(reuse_venv=True)
def gpu_proof(session: nox.Session) -> None:
    """The proof on a GPU: `first` and `second`, five minutes each, or parts of at most ten (`-- --help` lists
    them)."""
    session.install(*PINNED, "-e", LOADERS, "--group", "tests")
    session.run("python", "scripts/gpu_proof", *(session.posargs or ("all",)))


@nox.session(reuse_venv=True)
def slurm(session: nox.Session) -> None:
    """The proof on a real Slurm: two nodes on this machine, by Debian's slurmctld, slurmd and munge (ten
    minutes)."""
    session.install(*PINNED, "-e", ".[slurm]")
    session.run("python", "scripts/slurm_real.py", *session.posargs)


@nox.session(reuse_venv=True)
def cost(session: nox.Session) -> None:
    """Print the harness's own cost: between rounds, against torch's Timer, at start-up, and of decoding."""
    session.install(*PINNED, "-e", LOADERS, "--group", "tests")
    session.run("python", "scripts/own_cost.py")
    session.run("python", "scripts/decode_cost.py")
    session.run("python", "scripts/load_million.py")
    session.run("python", "scripts/compare_speed.py")


@nox.session(reuse_venv=True)
def watch_cost(session: nox.Session) -> None:
    """What monitoring at 20 Hz changes in 5 ms rounds, and the monitor's own CPU time (about five
    minutes)."""
    session.install(*PINNED, "-e", ".")
    session.run("python", "scripts/watch_cost.py", *session.posargs)


@nox.session(reuse_venv=True)
def race(session: nox.Session) -> None:
    """The race of loader settings against the full grid, a loop's parts, loaders against one core, a million
    files."""
    session.install(*PINNED, "-e", LOADERS)
    session.run("python", "scripts/race_power.py", *session.posargs)
    session.run("python", "scripts/parts_sum.py")
    session.run("python", "scripts/loader_ceiling.py")
    session.run("python", "scripts/million_files.py")


@nox.session(reuse_venv=True)
def traces(session: nox.Session) -> None:
    """Time the summary of a 500 MB trace; traces named after ``--`` are compared with
    HolisticTraceAnalysis."""
    session.install(*PINNED, "-e", ".", "--group", "traces")
    session.run("python", "scripts/trace_speed.py")
    if session.posargs:
        session.run("python", "scripts/trace_against_hta.py", *session.posargs)
