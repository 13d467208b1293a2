"""Bad neighbours: benchmarks that crash, hang, or change what others depend on, beside a healthy one.

Counted for each kind: whether the healthy one is decided all the same, and whether the bad one is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from harness.judge.run import judge
from harness.model import Measurement, Outcome
from harness.report.warning_text import warning_text
from harness.store import Run, load, run_folders

ROOT = Path(__file__).resolve().parents[2]

SHARED = Path("/dev/shm")
"""Where named blocks of shared memory lie, those of other processes as well."""

LONGEST = 600.0
"""Seconds after which a run counts as one that never ends."""

HEALTHY = '''"""Twice the work takes longer."""
import torch
from harness import claim
@claim("healthy", expect="higher")
def bench_healthy(compare):
    a = torch.rand(48, 48)
    compare(baseline=lambda: a @ a, twice=lambda: (a @ a, a @ a)[0], same=torch.equal)
'''

BAD = '''"""A bad neighbour: {name}."""
import ctypes, os, random, resource, signal, subprocess, sys, threading, time
import numpy, torch
from multiprocessing import shared_memory
from harness import claim
{top}
@claim("{name}", expect="same", time_limit=10.0{options})
def bench_{name}(compare):
    a, first = torch.rand(48, 48), [True]
    def bad():
        global kept
        if first.pop() if first else False:
            {body}
        return {result}
    compare(baseline=lambda: a @ a, bad=bad, same=lambda expected, got: True)
'''


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of bad neighbour: what it does in its first call, and the words with which it is to be named.

    No words: it harms nobody, and is decided like any other. ``top`` runs when its file is imported.
    """

    name: str
    body: str
    words: str = ""
    top: str = ""
    options: str = ""
    result: str = "a @ a"


KINDS = (
    Kind("segfault", "ctypes.string_at(0)", "SIGSEGV"),
    Kind("abort", "os.abort()", "SIGABRT"),
    Kind("leaves_at_once", "os._exit(0)", "exit status 0"),
    Kind("sys_exit", "sys.exit(3)", "SystemExit"),
    Kind("keyboard_interrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    Kind(
        "memory",
        "resource.setrlimit(resource.RLIMIT_AS, (2**34, resource.RLIM_INFINITY)); bytearray(2**40)",
        "MemoryError",
    ),
    Kind("dtype", "torch.set_default_dtype(torch.float64)", "default dtype"),
    Kind("threads_of_torch", "torch.set_num_threads(1 + torch.get_num_threads())", "threads of torch"),
    Kind("grad", "torch.set_grad_enabled(False)", "grad mode"),
    Kind("deterministic", "torch.use_deterministic_algorithms(True)", "deterministic algorithms"),
    Kind("seeds", "random.seed(0); numpy.random.seed(0); torch.manual_seed(0)"),
    Kind("folder", "os.chdir('/')", "working folder"),
    Kind("handlers", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "signal handlers"),
    Kind("open_files", "kept = [open(os.devnull) for _ in range(100)]", "open files"),
    Kind("closes_descriptors", "os.closerange(0, 256)", "closed"),
    Kind("umask", "os.umask(0o777)", "umask"),
    Kind("environment", "os.environ['HOME'] = '/nowhere'", "environment variables (HOME)"),
    Kind("sys_path", "sys.path.clear()", "sys.path"),
    Kind("clock", "time.perf_counter = lambda: 0.0", "clock"),
    Kind("process", "subprocess.Popen(['sleep', '1000'], start_new_session=True)", "processes in sessions"),
    Kind("thread", "threading.Thread(target=time.sleep, args=(1000.0,), daemon=True).start()", "threads"),
    Kind(
        "shared_memory",
        "kept = shared_memory.SharedMemory(f'psm_{os.environ[\"FAULTS\"]}_{os.getpid()}', create=True, size=2**20)",
        "shared memory (psm_",
    ),
    Kind("forks", "os.fork()", "forked processes"),
    Kind("prints", "print('x' * 50_000_000)"),
    Kind("hangs", "time.sleep(1000.0)", "time limit"),
    Kind("hanging_import", "pass", "did not import", top="time.sleep(1000.0)"),
    Kind("unpicklable", "pass", "cannot be sent", options=", apart=True", result="lambda: a"),
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What came of a kind: whether the healthy benchmark was decided, and how the bad one was named."""

    kind: Kind
    healthy: bool
    named: str
    wrong: tuple[str, ...]


def neighbours(names: Sequence[str] = (), budget: int = 120) -> Iterator[Beside]:
    """Each kind, or those named, in a run of its own beside the healthy benchmark."""
    for kind in KINDS:
        if not names or kind.name in names:
            with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as place:
                yield _beside(kind, Path(place), budget)


def source(kind: Kind) -> str:
    """The benchmark file of a kind."""
    return BAD.format(name=kind.name, top=kind.top, body=kind.body, options=kind.options, result=kind.result)


def _beside(kind: Kind, place: Path, budget: int) -> Beside:
    for folder in ("benchmarks", "tmp"):
        (place / folder).mkdir()
    (place / "benchmarks" / "bench_healthy.py").write_text(HEALTHY)
    (place / "benchmarks" / "bench_bad.py").write_text(source(kind))
    # In the name of what a kind leaves in a place that all processes share.
    mark = uuid4().hex
    command = [sys.executable, "-m", "harness", "bench", "--device", "cpu", "--budget", f"{budget}s"]
    try:
        ended = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=LONGEST, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place / "tmp"), "FAULTS": mark},
        )  # fmt: skip
        screen = ended.stdout + ended.stderr
    except subprocess.TimeoutExpired:
        return Beside(kind, healthy=False, named="", wrong=(f"it did not end in {LONGEST:g} s",))
    wrong = ["a traceback of ours"] if "Traceback" in screen else []
    wrong += [f"{path.name} is left" for path in (place / "tmp").glob("tipbench-*")]
    wrong += [f"{path} is left" for path in SHARED.glob(f"*{mark}*")]
    found = run_folders(place / "results")
    if not found:
        return Beside(kind, healthy=False, named="", wrong=(*wrong, f"no run: {screen.strip()[-300:]}"))
    run = load(found[0])
    return Beside(kind, decided(run, "healthy"), named(kind, run), tuple(wrong))


def decided(run: Run, claim: str) -> bool:
    """Whether all verdicts on a claim were decided, and it could be measured."""
    verdicts = [verdict for verdict in judge(run) if verdict.claim == claim]
    return bool(verdicts) and all(verdict.outcome is Outcome.HOLDS for verdict in verdicts)


def named(kind: Kind, run: Run) -> str:
    """What the record says of the bad benchmark; empty if its words are not in it."""
    texts = [text for one in run.measurements if one.claim == kind.name for text in _texts(one)]
    if not kind.words:
        return "" if any(texts) else "measured like any other"
    return next((text for text in texts if kind.words in text), "")


def _texts(measurement: Measurement) -> Iterator[str]:
    yield measurement.reason
    yield from (trial.reason for trial in measurement.trials)
    yield from map(warning_text, measurement.warnings)
