"""The proof on a real Slurm, as far as it can be tested without one: what it needs, and its checks."""

from __future__ import annotations

from pathlib import Path

import pytest
import slurm_nodes
import slurm_real

from harness.claims.folder import read


def test_without_slurm_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and the packages' names."""
    monkeypatch.setattr(slurm_real, "found", lambda _: "")
    assert slurm_real.main([]) == 2
    assert capsys.readouterr().err == "no munged here: apt-get install slurmctld slurmd munge slurm-client\n"


def test_a_check_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are named."""
    assert slurm_real.main(["nope"]) == 2
    assert capsys.readouterr().err.startswith("nope: no such check (there are dealt, cancelled, ")


def test_its_claims_can_be_read(tmp_path: Path) -> None:
    """Each is in a file of its own: collecting one does not call the one that takes all memory."""
    slurm_real.write_benchmarks(tmp_path)
    found = read(tmp_path)
    assert (found.problems, [claim.name for claim in found.claims]) == ((), ["HOG", "SLOW", "S1"])


def test_a_daemon_that_fails_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is left where the cluster does not come up."""
    (tmp_path / "daemon").write_text(
        "#!/bin/sh\ntouch '" + str(tmp_path / "munge.socket") + "'\nexec sleep 1000\n"
    )
    (tmp_path / "daemon").chmod(0o755)
    monkeypatch.setattr(slurm_nodes, "found", lambda _: str(tmp_path / "daemon"))
    monkeypatch.delenv("slurm_nodes_CONF", raising=False)

    def never(true: object, what: str) -> None:
        if "free" in what:
            raise TimeoutError(what)

    monkeypatch.setattr(slurm_nodes, "until", never)
    made: list[slurm_nodes.Cluster] = []
    start = slurm_nodes.Cluster.start

    def started(self: slurm_nodes.Cluster, name: str) -> None:
        made.append(self)
        start(self, name)

    monkeypatch.setattr(slurm_nodes.Cluster, "start", started)
    with pytest.raises(TimeoutError, match="both nodes are free"), slurm_nodes.cluster(tmp_path):
        pass
    assert all(process.poll() is not None for process in made[0].processes.values())
    assert "NodeName=n1,n2" in (tmp_path / "slurm.conf").read_text()
