"""The proof on a real Slurm: what happens to jobs on a cluster of two nodes, both on this machine.

The cluster is started and stopped here. It needs Debian's packages slurmctld, slurmd, munge and slurm-client,
no systemd, and ten minutes. Each check is one ``bench --on slurm`` with something happening to it; the exit
status is 1 if any of them failed.

    python scripts/slurm_real.py [CHECK ...]
"""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slurm_nodes import DAEMONS, LONG, MEBIBYTES, Cluster, cluster, found, said, until

from harness.model.run_set import JobOutcome
from harness.store import load
from harness.store.sets import RunSet, read_set

HEAD = '"""A claim of the proof."""\nimport time\n\nimport pytest\n\nfrom harness import claim\n\n\n'
BENCHMARKS = {
    "sums": """@claim("S1", expect="lower")
@pytest.mark.parametrize("size", [1000, 2000, 3000, 4000, 5000, 6000])
def bench_sums(compare, size):
    numbers = list(range(size))
    compare(baseline=lambda: sum(range(size)), listed=lambda: sum(numbers), same=lambda a, b: a == b)
""",
    "slow": """@claim("SLOW", expect="same", margin=0.5)
@pytest.mark.parametrize("case", list("abcdef"))
def bench_slow(compare, case):
    compare(baseline=lambda: time.sleep(0.5), other=lambda: time.sleep(0.5), same=lambda a, b: a == b)
""",
    "hog": f"""@claim("HOG", expect="same")
def bench_hog(compare):
    kept = []
    for _ in range({2 * MEBIBYTES}):
        kept.append(b"x" * 2**20)
    time.sleep(60)
""",
}
"""Claims by their files: quick, slow, and one that takes twice the memory of a node."""


@dataclass
class Trial:
    """A bench in progress on the cluster, in a folder of its own."""

    cluster: Cluster
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def set_folder(self) -> Path:
        """The folder of its set."""
        (found,) = (self.folder / "results").iterdir()
        return found

    def measured(self, *nodes: str) -> None:
        """Wait until a case was measured on each of these nodes."""
        until(
            lambda: all(
                b'"measurement"' in _bytes(self.folder.glob(f"results/*/{node}/invocation-*.jsonl"))
                for node in nodes
            ),
            f"a measurement on {nodes}",
        )

    def job(self, node: str) -> str:
        """The number of a node's job."""
        return read_set(self.set_folder).latest[node].id

    def ended(self) -> int:
        """Wait for its exit status."""
        return self.process.wait(LONG)

    def outcomes(self) -> dict[str, str]:
        """How each job ended, by its run's name."""
        return {name: str(end.outcome) for name, end in self.saved().ends.items()}

    def saved(self) -> RunSet:
        """The set."""
        return read_set(self.set_folder)

    def cases(self, name: str) -> set[str]:
        """The cases of which a run has a measurement."""
        return {measurement.case for measurement in load(self.set_folder / name).measurements}


Begin = Callable[..., Trial]
FINISHED, CANCELLED, LOST = (
    str(each) for each in (JobOutcome.FINISHED, JobOutcome.CANCELLED, JobOutcome.LOST)
)


def dealt(begin: Begin) -> None:
    """Every case is measured once, on its node; the status is 0."""
    trial = begin("--select", "S1", "--nodes", "2", "--profile", "smoke")
    _equal(trial.ended(), 0)
    _equal(trial.outcomes(), {"n1": FINISHED, "n2": FINISHED})
    shares = [trial.cases("n1"), trial.cases("n2")]
    _equal((len(shares[0] & shares[1]), len(shares[0] | shares[1])), (0, 6))


def cancelled(begin: Begin) -> None:
    """scancel ends one job, which writes its end; the other goes on, and the status is 3."""
    trial = begin("--select", "SLOW", "--nodes", "2", "--each")
    trial.measured("n1", "n2")
    said("scancel", trial.job("n1"))
    _equal(trial.ended(), 3)
    _equal(trial.outcomes(), {"n1": CANCELLED, "n2": FINISHED})
    assert trial.cases("n1"), "what was measured before is kept"


def node_failure(begin: Begin) -> None:
    """A node that goes down and comes back: its job is submitted once more."""
    trial = begin("--select", "SLOW", "--nodes", "1")
    trial.measured("n1")
    said("scontrol", "update", "nodename=n1", "state=down", "reason=proof")
    said("scontrol", "update", "nodename=n1", "state=resume")
    _equal(trial.ended(), 0)
    _equal(trial.saved().ends["n1"].state, "NODE_FAIL")
    _equal(trial.outcomes()["n1-2"], FINISHED)


def killed(begin: Begin) -> None:
    """kill -9 of a job's command: it is lost, with the signal; what was measured is kept."""
    trial = begin("--select", "SLOW", "--nodes", "1")
    trial.measured("n1")
    (victim,) = said("pgrep", "-f", f"harness bench .*{trial.set_folder}").split()
    os.kill(int(victim), signal.SIGKILL)
    _equal(trial.ended(), 3)
    end = trial.saved().ends["n1"]
    _equal((str(end.outcome), end.signal), (LOST, 9))
    assert trial.cases("n1"), "what was measured before is kept"


def out_of_memory(begin: Begin) -> None:
    """A job that takes more than its node has is ended by Slurm, and lost in its words."""
    trial = begin("--select", "HOG", "--nodes", "1")
    status, end = trial.ended(), trial.saved().ends["n1"]
    _equal(status, 3)
    print(f"  {end.outcome}, {end.state}, exit status {end.exit_code}, signal {end.signal}")
    assert end.outcome is not JobOutcome.FINISHED


def slurmd_killed(begin: Begin) -> None:
    """kill -9 of a node's daemon in mid-job, and a new one: the job is not lost."""
    trial = begin("--select", "SLOW", "--nodes", "1")
    trial.measured("n1")
    trial.cluster.kill("n1")
    trial.cluster.start("n1")
    _equal(trial.ended(), 0)
    _equal(trial.outcomes(), {"n1": FINISHED})


def scheduler_restarted(begin: Begin) -> None:
    """kill -9 of the scheduler while jobs run, and a new one: they are waited for."""
    trial = begin("--select", "SLOW", "--nodes", "2")
    trial.measured("n1", "n2")
    trial.cluster.kill("slurmctld")
    time.sleep(8)
    trial.cluster.start("slurmctld")
    _equal(trial.ended(), 0)
    _equal(trial.outcomes(), {"n1": FINISHED, "n2": FINISHED})


def interrupted(begin: Begin) -> None:
    """Ctrl-C cancels all jobs, whose records get their ends; the status is 130."""
    trial = begin("--select", "SLOW", "--nodes", "2")
    trial.measured("n1", "n2")
    trial.process.send_signal(signal.SIGINT)
    _equal(trial.ended(), 130)
    _equal(trial.outcomes(), {"n1": CANCELLED, "n2": CANCELLED})
    until(lambda: said("squeue", "-h") == "", "the queue is empty")


def no_partition(begin: Begin) -> None:
    """A partition that does not exist: status 2, and no folder is left."""
    trial = begin("--select", "S1", partition="nope")
    _equal(trial.ended(), 2)
    assert not (trial.folder / "results").exists()


def never_started(begin: Begin) -> None:
    """A job whose time limit the partition does not allow waits for ever: it is refused, status 2."""
    trial = begin("--select", "S1", "--budget", "3h")
    _equal(trial.ended(), 2)
    until(lambda: said("squeue", "-h") == "", "the queue is empty")


CHECKS = (
    dealt, cancelled, node_failure, killed, out_of_memory, slurmd_killed, scheduler_restarted, interrupted,
    no_partition, never_started,
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Run the named checks, or all. The status is 2 where Slurm is not installed."""
    known = {check.__name__: check for check in CHECKS}
    if unknown := set(words) - set(known):
        print(f"{', '.join(sorted(unknown))}: no such check (there are {', '.join(known)})", file=sys.stderr)
        return 2
    if missing := [name for name in DAEMONS if not found(name)]:
        print(f"no {missing[0]} here: apt-get install slurmctld slurmd munge slurm-client", file=sys.stderr)
        return 2
    failed = []
    with tempfile.TemporaryDirectory(prefix="tipbench-slurm-") as name:
        with cluster(Path(name)) as here:
            failed = [
                check.__name__
                for check in [known[word] for word in words] or CHECKS
                if not _holds(here, check)
            ]
            until(lambda: not said("squeue", "-h"), "the queue is empty")
        if left := said("pgrep", "-f", name):
            failed.append(f"processes are left: {left}")
    print(f"failed: {', '.join(failed)}" if failed else "all of them hold")
    return 1 if failed else 0


def _holds(here: Cluster, check: Callable[[Begin], None]) -> bool:
    until(here.idle, "both nodes are free")
    name, start = check.__name__, time.monotonic()
    trials: list[Trial] = []

    def begin(*more: str, partition: str = "all") -> Trial:
        trials.append(_begin(here, name, *more, partition=partition))
        return trials[0]

    try:
        check(begin)
    except Exception as error:
        print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
        print(_bytes(here.folder.glob(f"{name}/output")).decode("utf-8", "replace"))
        return False
    finally:
        for trial in trials:
            trial.process.kill()
            trial.process.wait()
        said("scancel", "-u", getpass.getuser())
    print(f"ok      {name} ({time.monotonic() - start:.0f} s)", flush=True)
    return True


def _begin(here: Cluster, name: str, *more: str, partition: str) -> Trial:
    folder = here.folder / name
    (folder / "benchmarks").mkdir(parents=True)
    write_benchmarks(folder / "benchmarks")
    (folder / "pyproject.toml").write_text(f'[tool.harness.cluster]\npartition = "{partition}"\n')
    words = [sys.executable, "-m", "harness", "bench", "--on", "slurm", "--device", "cpu", "--watch", "0"]
    words += [*([] if "--budget" in more else ["--budget", "60s"]), *more]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output, start_new_session=True)
    return Trial(here, folder, process)


def write_benchmarks(folder: Path) -> None:
    """The claims, each in its file."""
    for file, text in BENCHMARKS.items():
        (folder / f"bench_{file}.py").write_text(HEAD + text)


def _bytes(paths: Iterator[Path]) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(paths))


def _equal(found: object, expected: object) -> None:
    assert found == expected, f"{found}, expected {expected}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
