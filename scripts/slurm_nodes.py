"""Two Slurm nodes on this machine, started and stopped without systemd."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
LONG = 240.0
"""Seconds after which something that should have happened is not waited for any longer."""

CONFIGURATION = """\
ClusterName=proof
SlurmctldHost={host}
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
KillWait=15
MinJobAge=300
NodeName=n1,n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={first},{second} CPUs={cores} RealMemory={mebibytes}
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=120 State=UP
"""
"""Two nodes on one machine: each has a port and a name, and jobs that have a node to themselves share the
cores."""

MEBIBYTES = 6000


class Cluster:
    """Two nodes, in a folder that goes with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = _free_ports(3)
        host = socket.gethostname().partition(".")[0]
        configuration = folder / "slurm.conf"
        configuration.write_text(
            CONFIGURATION.format(
                host=host, user=getpass.getuser(), folder=folder, port=ports[0], first=ports[1], second=ports[2],
                cores=os.cpu_count() or 1, mebibytes=MEBIBYTES,
            )
        )  # fmt: skip
        for name in ("state", "spool-n1", "spool-n2"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        os.environ["SLURM_CONF"] = str(configuration)

    def start(self, name: str) -> None:
        """Start a daemon: munged, slurmctld, n1 or n2."""
        place = self.folder
        words = {
            "munged": [
                "--foreground", "--force", f"--key-file={place}/munge.key", f"--socket={place}/munge.socket",
                f"--pid-file={place}/munge.pid", f"--seed-file={place}/munge.seed",
            ],
            "slurmctld": ["-D"],
        }.get(name, ["-D", "-N", name])  # fmt: skip
        program = name if name in DAEMONS else "slurmd"
        with (place / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [found(program), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if name == "munged":
            until((place / "munge.socket").exists, "munged listens")

    def kill(self, name: str) -> None:
        """End a daemon at once, as a fault would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def idle(self) -> bool:
        """Whether both nodes are free."""
        return said("sinfo", "-h", "-N", "-o", "%T").split() == ["idle", "idle"]

    def stop(self) -> None:
        """End all daemons."""
        for process in reversed(self.processes.values()):
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster whose nodes are free; its daemons end with the context."""
    found = Cluster(folder)
    try:
        for name in ("munged", "slurmctld", "n1", "n2"):
            found.start(name)
        until(found.idle, "both nodes are free")
        yield found
    finally:
        found.stop()


def found(program: str) -> str:
    """The path of a program, or an empty text: daemons are where a user's PATH does not lead."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def said(*command: str) -> str:
    """What a command prints, whatever becomes of it."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until it is true. Raises TimeoutError."""
    end = time.monotonic() + LONG
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {LONG:.0f} s: {what}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
