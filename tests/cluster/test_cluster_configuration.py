"""The table ``[tool.harness.cluster]``: what it may hold, and what is said of anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cluster.configuration import ClusterConfiguration, cluster_configuration
from harness.errors import UsageError
from harness.gate.configuration import configuration

WHOLE = """
[tool.harness]
target = "5%"
[tool.harness.cluster]
partition = "gpu"
constraint = "a100&nvlink"
account = "team"
time = "1h30m"
nodes = ["n2", "n1"]
set-up = ["module load cuda", "export X=1"]
"""


def test_everything_that_can_be_stated(tmp_path: Path) -> None:
    """Nodes are in the order of their names; the gate's own keys stand beside."""
    file = tmp_path / "pyproject.toml"
    file.write_text(WHOLE)
    stated = configuration(tmp_path)
    assert cluster_configuration(stated.cluster, stated.file) == ClusterConfiguration(
        "gpu", "a100&nvlink", "team", 5400.0, ("n1", "n2"), ("module load cuda", "export X=1"), file
    )


def test_nothing_is_stated(tmp_path: Path) -> None:
    """Everything is the site's default then."""
    assert cluster_configuration(configuration(tmp_path).cluster, None) == ClusterConfiguration()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"partiton": "x"},
            "has no key 'partiton' (allowed: partition, constraint, account, time, nodes, set-up)",
        ),
        ({"partition": 3}, 'partition: 3 is not one word, as sbatch takes it (example: "gpu")'),
        ({"account": "a b"}, "account: 'a b' is not one word"),
        ({"constraint": "--uid=0"}, "constraint: '--uid=0' is not one word"),
        ({"time": 90}, 'time: 90 is not a duration (examples: "90m", "4h")'),
        ({"time": "0h"}, "time: '0h' is not a duration"),
        ({"nodes": "n1"}, "nodes: 'n1' is not a list of names of nodes"),
        (
            {"nodes": ["n[1-4]"]},
            "nodes: ['n[1-4]'] is not a list of names of nodes, each once and written out",
        ),
        ({"nodes": ["n1", "n1"]}, "each once"),
        ({"set-up": "module load"}, "set-up: 'module load' is not a list of lines of shell"),
    ],
)
def test_anything_else_is_refused(entries: dict[str, object], message: str) -> None:
    """With the file, the key, the value and what may stand there."""
    with pytest.raises(UsageError, match=re.escape(message)) as refused:
        cluster_configuration(entries, Path("pyproject.toml"))
    assert str(refused.value).startswith("pyproject.toml: [tool.harness.cluster]")


def test_a_table_that_is_none(tmp_path: Path) -> None:
    """The gate refuses it, too: it is not a table."""
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\ncluster = 3\n")
    with pytest.raises(UsageError, match=r"cluster: 3 is not a table"):
        configuration(tmp_path)
