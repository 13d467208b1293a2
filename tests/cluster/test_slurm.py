"""A Slurm cluster by script: what is submitted, what is refused, and what is said of it. submitit is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cluster.configuration import ClusterConfiguration
from harness.cluster.job import NodeJob
from harness.cluster.place import SubmitError
from harness.cluster.slurm import Slurm
from harness.errors import UsageError
from harness.store.sets import LOGS
from tests.support.slurm import TOOLS, fake_commands

SINFO = """case "$*" in
*%P*) printf 'all*\\ngpu\\n';;
*) printf 'n2|idle|a100,nvlink\\nn1|mixed|a100\\nn3|down*|a100\\nn4|allocated|v100\\n';;
esac"""

Made = Callable[..., Slurm]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A cluster with this configuration."""

    def made(sbatch: str = "cat \"$1\" >submitted; echo 'Submitted batch job 17'", **stated: object) -> Slurm:
        fake_commands(tmp_path, monkeypatch, sbatch=sbatch, sinfo=SINFO, scancel="")
        monkeypatch.chdir(tmp_path)
        return Slurm(ClusterConfiguration(**stated))  # type: ignore[arg-type]

    return made


def job(folder: Path) -> NodeJob:
    """A job of 20 minutes and a second on n1."""
    (folder / LOGS).mkdir(exist_ok=True)
    return NodeJob("n1-2", "n1", folder, ("true",), 1201.0, folder)


def test_what_is_submitted(tmp_path: Path, slurm: Made) -> None:
    """One node, which the job has to itself; its time limit; no second run under its number."""
    place = slurm(partition="gpu", constraint="a100", account="team", setup=("module load cuda",))
    taken = place.submit(job(tmp_path))
    assert taken.id == "17"
    assert taken.log == tmp_path / LOGS / "17_0_log.out"
    lines = (tmp_path / "submitted").read_text().splitlines()
    stated = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert stated >= {
        "nodes=1", "ntasks-per-node=1", "exclusive", "mem=0", "nodelist=n1", "time=21", "no-requeue",
        "partition=gpu", "constraint=a100", "account=team", "job-name=tipbench-n1-2",
    }  # fmt: skip
    assert not {line for line in stated if line.startswith(("array", "error"))}
    assert lines.index("module load cuda") < next(
        n for n, line in enumerate(lines) if line.startswith("srun ")
    )


def test_what_is_not_stated_is_the_sites(tmp_path: Path, slurm: Made) -> None:
    """No partition, constraint or account is made up."""
    slurm().submit(job(tmp_path))
    text = (tmp_path / "submitted").read_text()
    assert not [word for word in ("partition", "constraint", "account") if f"--{word}" in text]


def test_what_sbatch_refuses(tmp_path: Path, slurm: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last words are the reason, and stand once."""
    place = slurm(
        "echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy' >&2; exit 1"
    )
    with pytest.raises(
        SubmitError, match=r"^Batch job submission failed: Job violates accounting/QOS policy$"
    ):
        place.submit(job(tmp_path))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("sbatch", ["exit 1", "echo 'Queued as x'"])
def test_what_sbatch_does_not_explain(tmp_path: Path, slurm: Made, sbatch: str) -> None:
    """It is refused all the same."""
    with pytest.raises(SubmitError, match="sbatch"):
        slurm(sbatch).submit(job(tmp_path))


@pytest.mark.parametrize("missing", ["sbatch", "squeue", "sinfo"])
def test_a_machine_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The message says where to type the command."""
    place = fake_commands(tmp_path, monkeypatch)
    (place / missing).unlink()
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(
        UsageError, match=rf"--on slurm: there is no {missing} on the PATH; type this on a machine"
    ):
        Slurm(ClusterConfiguration())


def test_all_commands_are_known() -> None:
    """What is looked for is what tests have fakes of."""
    from harness.cluster import slurm

    assert set(slurm._COMMANDS) <= set(TOOLS)


@pytest.mark.parametrize(
    ("stated", "wanted", "nodes"),
    [
        ({}, 2, ("n1", "n2")),
        ({}, None, ("n1", "n2", "n4")),
        ({"constraint": "a100&nvlink"}, None, ("n2",)),
        ({"nodes": ("n2", "n4"), "constraint": "(a|b)*2"}, 1, ("n2",)),
        ({"partition": "gpu"}, 1, ("n1",)),
    ],
)
def test_nodes_are_chosen_by_their_names(
    slurm: Made, stated: dict[str, object], wanted: int | None, nodes: tuple[str, ...]
) -> None:
    """The first that can be used, so that they are the same tomorrow."""
    assert slurm(**stated).nodes(wanted) == nodes


@pytest.mark.parametrize(
    ("stated", "wanted", "message"),
    [
        ({"partition": "nope"}, 1, r"there is no partition 'nope' \(there are: all, gpu\); set partition in"),
        (
            {},
            5,
            r"--nodes: 5 requested, and partition all has 3 that can be used \(n1, n2, n4; n3 is down\*\)",
        ),
        ({"nodes": ("n1", "n9")}, 1, r"nodes: partition all has no node 'n9' \(it has: n1, n2, n3, n4\)"),
        (
            {"constraint": "a100|v100"},
            1,
            r"constraint: 'a100\|v100' is not one feature or several with & between",
        ),
        (
            {"constraint": "h100"},
            1,
            r"--nodes: 1 requested, and partition all has 0 that can be used \(none\)",
        ),
    ],
)
def test_nodes_that_there_are_not(slurm: Made, stated: dict[str, object], wanted: int, message: str) -> None:
    """What is there stands in the message, and what to change."""
    with pytest.raises(UsageError, match=message):
        slurm(**stated).nodes(wanted)


def test_a_node_that_went_down(slurm: Made) -> None:
    """A job is not submitted there again."""
    place = slurm()
    assert place.usable("n1")
    assert not place.usable("n3")


def test_a_scheduler_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm: Made
) -> None:
    """Before anything is submitted that is the end; afterwards it is waited for."""
    place = slurm()
    fake_commands(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match="--on slurm: Slurm does not answer: sinfo: nobody answers"):
        place.nodes(1)
    assert place.states(["1"]) is None
    place.cancel(["1"])


def test_all_are_cancelled_at_once(tmp_path: Path, slurm: Made) -> None:
    """One command for all jobs, and none for no job."""
    place = slurm()
    place.cancel(["2", "1"])
    place.cancel([])
    assert (tmp_path / "calls").read_text() == "scancel 1 2\n"
