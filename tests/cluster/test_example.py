"""The batch script for those who submit by themselves: what it runs can be typed, and means what it says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.bench.share import Share
from harness.cli.bench import settings_from
from harness.cli.main import parser
from tests.support.living import ROOT
from tests.support.slurm import fake_commands

SCRIPT = ROOT / "examples" / "bench.sbatch"


def test_the_batch_script_measures_its_nodes_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command is understood as it stands, and has ten minutes more than its budget."""
    fake_commands(tmp_path, monkeypatch, srun="exit 0")
    variables = {**os.environ, "SLURMD_NODENAME": "n02", "SLURM_JOB_ID": "7"}
    subprocess.run(["bash", str(SCRIPT), "n01,n02"], env=variables, cwd=tmp_path, check=True)
    words = (tmp_path / "calls").read_text().split()
    assert words[:5] == ["srun", "--cpu-bind=none", "python", "-m", "harness"]
    monkeypatch.chdir(ROOT)
    settings = settings_from(parser().parse_args(words[5:]))
    assert settings.share == Share("n02", ("n01", "n02"))
    assert settings.folder == "n02-7"
    assert f"#SBATCH --time={settings.seconds / 60 + 10:.0f}\n" in SCRIPT.read_text()
