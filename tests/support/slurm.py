"""Slurm's commands by script: shell scripts in front of the PATH, which keep what they are called with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TOOLS = ("sbatch", "srun", "squeue", "sacct", "scancel", "sinfo")


def fake_commands(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> Path:
    """Commands with these bodies; all others of Slurm's fail. Their calls are lines of ``folder/calls``."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    for name in TOOLS:
        body = scripts.get(name, f"echo '{name}: nobody answers' >&2; exit 1")
        command = place / name
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>"{folder}/calls"\n{body}\n')
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place
