"""What claims share is found wherever their folder lies, as it does in an installed package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from support import visdom_server
from support.ranks import RanksEnded, training_ranks
from tests.support.living import ENVIRONMENT, ROOT


def test_claims_that_lie_elsewhere_find_what_they_share(tmp_path: Path) -> None:
    """A copy of the folder is enough, without the settings of this repository, from any working folder."""
    shutil.copytree(ROOT / "benchmarks", tmp_path / "shipped", ignore=shutil.ignore_patterns("__pycache__"))
    listed = subprocess.run(
        [sys.executable, "-m", "harness", "list", "--cases", "--benchmarks", "shipped", "--select", "L13"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "bench_samplers[million]" in listed.stdout and "weighted" in listed.stdout


def test_a_rank_that_dies_ends_the_job_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that the rank ended with is in the message; neither a rank nor a folder of logs is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(RanksEnded, match="KeyError: 'no such job'"), training_ranks(1, "cpu", "no such job"):
        pytest.fail("the ranks started")
    assert not list(tmp_path.glob("torchelastic*"))


def test_a_visdom_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line that it printed is in the message."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho first; echo 'ModuleNotFoundError: pkg_resources' >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(visdom_server, "sys", SimpleNamespace(executable=str(program)))
    with (
        pytest.raises(RuntimeError, match="ended with status 3: ModuleNotFoundError: pkg_resources"),
        visdom_server._server(str(tmp_path)),
    ):
        pytest.fail("the server started")
