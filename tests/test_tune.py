"""``tune`` as people type it: on real images and loaders, and what it says to input that cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from living import ENVIRONMENT
from PIL import Image as Pillow

from harness.model import Tuned
from harness.report.plain import noun_from


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small JPEGs in two classes."""
    root = tmp_path_factory.mktemp("photographs")
    generator = torch.Generator().manual_seed(2)
    for number in range(40):
        place = root / f"class_{number % 2}"
        place.mkdir(exist_ok=True)
        pixels = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), (260, 260))[0]
        Pillow.fromarray((255 * pixels).byte().permute(1, 2, 0).numpy()).save(place / f"{number:02}.jpg")
    return root


def told(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command line says."""
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT, timeout=150, check=False)


@pytest.mark.timeout(300)
def test_an_answer_with_its_code_its_headspace_and_its_record(folder: Path, tmp_path: Path) -> None:
    """Two settings race in front of a step; everything is shown, saved, and shown again by ``report``."""
    (tmp_path / "training.py").write_text("def step(images, labels):\n    return images[:, :, ::16, ::16].sum()\n")
    asked = ("--data", str(folder), "--batch-size", "4", "--kinds", "dataloader", "--workers", "0,1")
    found = told(tmp_path, "tune", *asked, "--step", "training:step", "--budget", "25s", "--json", "found.json")
    assert found.returncode == 0, found.stderr
    assert "best setting here: dataloader" in found.stdout
    assert "loader = DataLoader(" in found.stdout
    assert "the step itself" in found.stdout
    tuned = noun_from(Tuned, json.loads((tmp_path / "found.json").read_text()))
    assert {ranked.setting.workers for ranked in tuned.ranked} <= {0, 1}
    assert tuned.answer in [ranked.setting for ranked in tuned.ranked]
    assert tuned.headspace is not None
    assert tuned.step == "training:step"
    assert tuned.ceilings["decode"] > 0
    (run,) = (tmp_path / "results").iterdir()
    assert json.loads((run / "tune.json").read_text()) == json.loads((tmp_path / "found.json").read_text())
    again = told(tmp_path, "report")
    assert again.returncode == 0
    assert "best setting here: dataloader" in again.stdout
    (run / "tune.json").unlink()
    cut_short = told(tmp_path, "report", str(run))
    assert cut_short.returncode == 2
    assert "did not come to its end" in cut_short.stderr
    assert "Traceback" not in cut_short.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "no image folder nowhere"),
        (("--batch-size", "0"), "--batch-size '0'"),
        (("--batch-size", "many"), "whole numbers"),
        (("--workers", "-1"), "--workers"),
        (("--budget", "1s"), "--budget 1s is too short"),
        (("--margin", "much"), "much"),
        (("--python", "no-python"), "no Python"),
        (("--step", "nowhere_at_all:step"), "--step nowhere_at_all:step cannot be imported"),
        (("--kinds", "horse"), "horse"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: str, folder: Path, tmp_path: Path) -> None:
    """What, where and what to do; exit status 2, or 3 where only a lane could know."""
    given = ("--data", str(folder)) if "--data" not in arguments else ()
    found = told(tmp_path, "tune", *given, *arguments)
    assert found.returncode in (2, 3)
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
