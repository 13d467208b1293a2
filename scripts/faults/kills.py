"""SIGKILL at random moments: of the driver of a command, or of a process that it started."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from faults.independent import Key, measurements
from harness.model import Side
from harness.store import GATE_FILE, StoreError, load
from harness.store.gates import load_side

ROOT = Path(__file__).resolve().parents[2]

COMMANDS = {
    "bench": ("bench", "--device", "cpu", "--budget", "60s"),
    "gate": ("gate", "--base-env", "NOTHING=1", "--budget", "60s", "--device", "cpu"),
    "tune": ("tune", "--budget", "30s", "--device", "cpu", "--kinds", "dataloader", "--workers", "0,1"),
}

BENCHMARK = '''"""Twice the work takes longer."""
import torch
from harness import claim
@claim("good", expect="higher")
def bench_good(compare):
    a = torch.rand(48, 48)
    compare(baseline=lambda: a @ a, twice=lambda: (a @ a, a @ a)[0], same=torch.equal)
'''

GRACE = 5.0
"""Seconds after which nothing may be left of a command whose driver was killed."""

MARK = "FAULTS_MARK"
SHARED = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Kill:
    """One command that was killed: what it acknowledged, and what is wrong afterwards."""

    command: str
    victim: str
    seconds: float
    acknowledged: int
    wrong: tuple[str, ...]


def kills(count: int, longest: float, names: Sequence[str], seed: int) -> Iterator[Kill]:
    """So many kills, the commands in turn, each within ``longest`` seconds of its start."""
    drawn = random.Random(seed)
    for number in range(count):
        name = names[number % len(names)]
        with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as place:
            yield _killed(name, Path(place), drawn, longest)


def _killed(name: str, place: Path, drawn: random.Random, longest: float) -> Kill:
    for folder in ("benchmarks", "tmp", "hook"):
        (place / folder).mkdir()
    (place / "benchmarks" / "bench_good.py").write_text(BENCHMARK)
    shutil.copy(Path(__file__).with_name("observer.py"), place / "hook" / "sitecustomize.py")
    acknowledged = place / "acknowledged"
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(place / "hook"), str(ROOT))),
        "TMPDIR": str(place / "tmp"),
        "FAULTS_ACKNOWLEDGED": str(acknowledged),
        MARK: mark,
    }
    shared = {*SHARED.iterdir()}
    with (place / "output").open("wb") as output:
        driver = subprocess.Popen(
            [sys.executable, "-m", "harness", *COMMANDS[name]],
            cwd=place, env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    begin = time.monotonic()
    victim = drawn.choice(("driver", "child"))
    _wait(driver, drawn.uniform(0.0, longest))
    if victim == "child":
        _kill_child(driver.pid, drawn)
        _wait(driver, drawn.uniform(0.0, longest))
    seconds = time.monotonic() - begin
    driver.kill()
    driver.wait()
    wrong = [*_left(mark, place / "tmp", shared)]
    found = _keys(acknowledged)
    for saved in sorted((place / "results").glob("*/")):
        wrong += _unread(saved, found)
    if not any((place / "results").glob("*/")) and found:
        wrong.append("no folder of what was acknowledged")
    return Kill(name, victim, seconds, len(found), tuple(wrong))


def _wait(driver: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        driver.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _kill_child(pid: int, drawn: random.Random) -> None:
    try:
        children = psutil.Process(pid).children(recursive=True)
        if children:
            drawn.choice(children).send_signal(signal.SIGKILL)
    except psutil.Error:
        return


def _keys(acknowledged: Path) -> set[Key]:
    if not acknowledged.exists():
        return set()
    lines = map(json.loads, acknowledged.read_text().splitlines())
    return {(case, invocation, survey, of) for case, invocation, survey, of in lines}


def _left(mark: str, temporary: Path, shared: set[Path]) -> Iterator[str]:
    """What is left of a command after the grace."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and (_marked(mark) or any(temporary.glob("tipbench-*"))):
        time.sleep(0.2)
    for process in _marked(mark):
        yield f"process {process.pid} is left ({' '.join(process.info['cmdline'] or [])[:120]})"
        process.kill()
    ours = (path.name for path in temporary.iterdir() if path.name.startswith("tipbench-"))
    yield from (f"{name} is left in the temporary folder" for name in ours)
    new = {*SHARED.iterdir()} - shared
    yield from (f"{path} is left" for path in sorted(new) if "torch" in path.name)


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["environ", "cmdline", "status"]):
        own = (process.info["environ"] or {}).get(MARK) == mark
        if own and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def _unread(folder: Path, acknowledged: set[Key]) -> Iterator[str]:
    """What was acknowledged and cannot be read, by our reader or by the independent one."""
    if lost := acknowledged - measurements(folder):
        yield f"the independent reader does not read {len(lost)}"
    try:
        if (folder / GATE_FILE).is_file():
            runs = [load_side(folder, side) for side in Side]
        elif (folder / "run.jsonl").is_file():
            runs = [load(folder)]
        else:
            runs = []
    except StoreError as error:
        yield f"our reader refuses the run: {error}"
        return
    ours = {(m.case, m.invocation, m.survey) for run in runs for m in run.measurements}
    if lost_ours := {key[:3] for key in acknowledged} - ours:
        yield f"our reader does not read {len(lost_ours)}"
