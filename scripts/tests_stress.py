"""The suite again and again, under conditions that find tests that lie: any failure is a defect of test or
product.

A round runs the suite once under each condition: all files together, as ``nox -s tests`` does, and each file
alone in a process of its own; the order of files and tests is random. Round k of seed S has the seed S + k -
1, so that ``--seed S+3 --rounds 1`` is the fourth round of S, and a failure can be had again with what is
printed beside it.

Each pytest has a folder of its own for temporary files. A process that it leaves running, or anything in that
folder beside pytest's own, is a failure too.

    python scripts/tests_stress.py --rounds 5 --conditions one-core,neighbours --seed 7 --summary rounds.json

Exit status: 0 if no test failed, 1 if one did, 2 for a usage error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import SystemRandom
from uuid import uuid4

import psutil

from harness.cli.parser import positive

ROOT = Path(__file__).resolve().parents[1]
MARK = "TIPBENCH_STRESS_RUN"
"""The environment variable that all processes of one pytest share."""

GRACE = 20.0
"""Seconds that the processes of a pytest have to end after it."""

LONGEST_TEST = 900
"""Seconds after which a test is taken for hung, on the busiest machine."""

EXPECTED = ("pytest-of-", "torchinductor_", "pymp-")
"""How the names begin of what may stay in the folder for temporary files: pytest's results, torch's cache,
and what multiprocessing keeps there for a worker, which one that is killed cannot remove."""

SPIN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"
"""A neighbour: busy until the process that started it is gone."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How many cores the suite may use, and how many busy processes use them too."""

    cores: int
    neighbours: int = 0


CONDITIONS = {
    "one-core": Condition(1),
    "two-cores": Condition(2),
    "neighbours": Condition(2, neighbours=2),
}
SCOPES = ("together", "alone")


@dataclass(frozen=True, slots=True)
class Trial:
    """One pytest to come."""

    round: int
    seed: int
    condition: str
    scope: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it; ``failed`` has the reason of each failure by test, or by what was left behind."""

    trial: Trial
    status: int
    seconds: float
    passed: int
    skipped: int
    failed: dict[str, str] = field(default_factory=dict)


def plan(
    files: Sequence[str], *, rounds: int, seed: int, conditions: Sequence[str], scopes: Sequence[str]
) -> Iterator[Trial]:
    """All trials in their order."""
    for number in range(1, rounds + 1):
        for condition in conditions:
            stated = (number, seed + number - 1, condition)
            if "together" in scopes:
                yield Trial(*stated, "together", tuple(files))
            if "alone" in scopes:
                yield from (Trial(*stated, "alone", (file,)) for file in files)


def command(trial: Trial, outcomes: Path) -> list[str]:
    """The pytest of a trial."""
    boot = (
        f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import pytest; sys.exit(pytest.main())"
    )
    side_by_side = ["--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return [
        sys.executable, "-c", boot,
        "-q", "-p", "shuffled", "--shuffle", str(trial.seed), "--outcomes", str(outcomes),
        "-p", "no:cacheprovider",
        # Not by a signal: the alarm is what some tests are about.
        "--timeout", str(LONGEST_TEST), "--timeout-method", "thread",
        *(side_by_side if trial.scope == "together" else []),
        *trial.files,
    ]  # fmt: skip


@contextlib.contextmanager
def under(condition: Condition) -> Iterator[None]:
    """On so many cores, beside so many neighbours; what is started inside inherits the cores."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_cores)[: condition.cores])
    neighbours = [subprocess.Popen([sys.executable, "-S", "-c", SPIN]) for _ in range(condition.neighbours)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
        os.sched_setaffinity(0, all_cores)


def run(trial: Trial, log: Path, temporary: Path) -> Result:
    """Run one pytest in a folder for temporary files, which is new; its output goes to ``log``."""
    outcomes, token = temporary.with_suffix(".json"), uuid4().hex
    start = time.monotonic()
    temporary.mkdir()
    outcomes.unlink(missing_ok=True)
    with log.open("wb") as output:
        status = subprocess.run(
            command(trial, outcomes),
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary), MARK: token},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - start
    found = json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.exists() else {}
    failed: dict[str, str] = found.get("failed", {})
    if status != 0 and not failed:
        failed = {" ".join(trial.files)[:200]: f"pytest ended with status {status} and named no test"}
    failed |= {f"process {pid}": f"left running: {line}" for pid, line in left_running(token).items()}
    failed |= {f"{temporary}/{name}": f"left behind: {what}" for name, what in left_behind(temporary).items()}
    return Result(trial, status, round(seconds, 1), found.get("passed", 0), found.get("skipped", 0), failed)


def left_running(token: str) -> dict[int, str]:
    """The command lines of processes of a pytest that has ended, after they had time to end; these are
    killed."""
    alive = [each for each in psutil.process_iter() if _environment(each).get(MARK) == token]
    _, left = psutil.wait_procs(alive, timeout=GRACE)
    lines = {}
    for process in left:
        with contextlib.suppress(psutil.Error):
            lines[process.pid] = " ".join(process.cmdline())[:200]
            process.kill()
    return lines


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def left_behind(temporary: Path) -> dict[str, str]:
    """What lies in a folder for temporary files and should not, and what is in it: names alone do not tell
    whose it is."""
    return {
        path.name: described(path)
        for path in sorted(temporary.iterdir())
        if not path.name.startswith(EXPECTED)
    }


def described(path: Path) -> str:
    """A file's size, or the first names in a folder."""
    if not path.is_dir():
        return f"a file of {path.lstat().st_size} bytes"
    names = sorted(inside.name for inside in path.iterdir())
    return f"a folder with {', '.join(names[:5])}" if names else "an empty folder"


def line(result: Result) -> str:
    """A trial and its outcome on one line, with what runs it again."""
    trial = result.trial
    what = trial.files[0] if trial.scope == "alone" else f"{len(trial.files)} files together"
    return (
        f"round {trial.round}, --conditions {trial.condition} --scopes {trial.scope} --rounds 1 --seed {trial.seed}, "
        f"{what}: {result.passed} passed, {result.skipped} skipped, {len(result.failed)} failed "
        f"({result.seconds:.0f} s)"
    )


def summary(results: Sequence[Result]) -> dict[str, object]:
    """The summary file: totals, each trial, and how often each test failed, where and how."""
    failures: dict[str, list[dict[str, object]]] = {}
    for result in results:
        for name, reason in result.failed.items():
            trial = result.trial
            failures.setdefault(name, []).append(
                {"seed": trial.seed, "condition": trial.condition, "scope": trial.scope, "reason": reason}
            )
    together = [result for result in results if result.trial.scope == "together"]
    return {
        "trials": len(results),
        "suites": len(together),
        "suites_without_failure": sum(not result.failed for result in together),
        "failures": failures,
        "results": [asdict(result) for result in results],
    }


def stress(trials: Sequence[Trial], file: Path | None, perform: Callable[[Trial], Result]) -> list[Result]:
    """Perform the trials one after the other; the summary is written after each."""
    results: list[Result] = []
    for trial in trials:
        results.append(perform(trial))
        print(line(results[-1]), flush=True)
        for name, reason in results[-1].failed.items():
            print(f"    {name}: {reason}", flush=True)
        if file is not None:
            file.write_text(json.dumps(summary(results), indent=1) + "\n", encoding="utf-8")
    return results


def named(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    """A type of option: some of these names, with commas between."""

    def parse(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(allowed)}")
        return text.split(",")

    return parse


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options as typed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=positive, default=1, help="how many rounds (default: 1)")
    parser.add_argument(
        "--seed", type=int, help="of the first round (default: a random one, which is printed)"
    )
    parser.add_argument(
        "--conditions",
        type=named(tuple(CONDITIONS)),
        default=list(CONDITIONS),
        help=f"some of {','.join(CONDITIONS)}",
    )
    parser.add_argument(
        "--scopes", type=named(SCOPES), default=list(SCOPES), help=f"some of {','.join(SCOPES)}"
    )
    parser.add_argument(
        "--summary", type=Path, metavar="FILE", help="write a summary as JSON after each trial"
    )
    parser.add_argument(
        "--logs", type=Path, metavar="DIRECTORY", help="keep the output of trials that failed"
    )
    parser.add_argument("files", nargs="*", help="test files (default: all)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen trials."""
    chosen = options(arguments)
    files = chosen.files or sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")
    )
    seed = chosen.seed if chosen.seed is not None else SystemRandom().randrange(10**6)
    trials = list(
        plan(files, rounds=chosen.rounds, seed=seed, conditions=chosen.conditions, scopes=chosen.scopes)
    )
    print(f"--seed {seed}: {chosen.rounds} rounds, {len(trials)} trials", flush=True)
    with tempfile.TemporaryDirectory(prefix="stress-") as folder:
        logs = chosen.logs or Path(folder)
        logs.mkdir(parents=True, exist_ok=True)

        def perform(trial: Trial) -> Result:
            temporary = Path(folder) / "t"
            name = "all" if trial.scope == "together" else Path(trial.files[0]).stem
            log = logs / f"{trial.seed}-{trial.condition}-{name}.log"
            with under(CONDITIONS[trial.condition]):
                result = run(trial, log, temporary)
            shutil.rmtree(temporary, ignore_errors=True)
            if not result.failed:
                log.unlink()
            return result

        results = stress(trials, chosen.summary, perform)
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
