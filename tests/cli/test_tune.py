"""``tune`` as it is typed: on real images and loaders, and its errors for wrong input."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from harness.cli.main import main
from harness.model import Tuned
from harness.store.codec import from_json
from harness.tune import diagnose, race, race_workers
from harness.tune.settings import TuneSettings
from tests.support.living import ENVIRONMENT

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dozen small JPEGs in two classes; the first one is cut short."""
    root = tmp_path_factory.mktemp("photographs")
    generator = torch.Generator().manual_seed(2)
    for number in range(24):
        place = root / f"class_{number % 2}"
        place.mkdir(exist_ok=True)
        pixels = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), (260, 260))[0]
        Pillow.fromarray((255 * pixels).byte().permute(1, 2, 0).numpy()).save(place / f"{number:02}.jpg")
    torn = root / "class_0" / "00.jpg"
    torn.write_bytes(torn.read_bytes()[:2000])
    return root


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Typed]:
    """Types a command in this process: its exit status, its standard output and error. Samples are short
    here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(race_workers, "STARTS", 0.0)  # starting processes takes most of the time
    monkeypatch.setattr(race_workers, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(diagnose, "FEWEST_BLOCKS", 2)
    monkeypatch.setattr(diagnose, "BLOCKS", 2)
    monkeypatch.setattr(diagnose, "ROUNDS", 1)
    monkeypatch.setattr(race, "FINAL_REPETITIONS", 1)
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.mark.timeout(600)
def test_an_answer_with_its_code_its_headspace_and_its_record(
    folder: Path, tmp_path: Path, typed: Typed
) -> None:
    """Two settings race in front of a step; everything is shown, saved, and shown again by ``report``.

    The image that is cut short is left out, and no setting has to answer for it.
    """
    (tmp_path / "training.py").write_text(
        "def step(images, labels):\n    return images[:, :, ::16, ::16].sum()\n"
    )
    options = ("--data", str(folder), "--batch-size", "4", "--kinds", "dataloader", "--workers", "0,1")
    status, out, err = typed(
        "tune", *options, "--step", "training:step", "--budget", "5m", "--json", "found.json"
    )
    assert status == 0, err
    assert "\nbest setting " in out
    assert "of 4 settings ran, " in out and "repetitions" in out
    assert "loader = DataLoader(" in out
    assert "the step itself" in out
    assert "an epoch of 24 images takes" in out and "The best of each kind, looked at by itself" in out
    tuned = from_json(Tuned, json.loads((tmp_path / "found.json").read_text()))
    assert {ranked.setting.workers for ranked in tuned.ranked} <= {0, 1}
    assert tuned.answer in [ranked.setting for ranked in tuned.ranked]
    assert tuned.headroom is not None
    assert tuned.step == "training:step"
    assert tuned.ceilings["decode"] > 0
    assert tuned.failed == {}
    assert [note for note in tuned.notes if "00.jpg cannot be decoded" in note]
    assert tuned.images == 24 and tuned.epoch is not None and tuned.epoch.samples == 24
    assert tuned.answer is not None
    answer = tuned.of(tuned.answer)
    assert answer is not None and answer.readings["processes_left"] == 0
    (run,) = (tmp_path / "results").iterdir()
    assert json.loads((run / "tune.json").read_text()) == json.loads((tmp_path / "found.json").read_text())
    status, out, _ = typed("report", str(run))
    assert status == 0
    assert out.startswith("best setting ")
    (run / "tune.json").unlink()
    status, _, err = typed("report", str(run))
    assert status == 2
    assert "did not come to its end" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "no image folder nowhere"),
        (("--batch-size", "0"), "--batch-size: '0' is not a list of whole numbers from 1"),
        (("--batch-size", "many"), "whole numbers"),
        (("--workers", "-1"), "--workers"),
        (("--budget", "1s"), "--budget: 1s is too short"),
        (("--margin", "much"), "--margin: 'much' is not a share below 1 (examples: 3%, 0.03)"),
        (("--python", "no-python"), "--python no-python is not a Python that starts"),
        (
            ("--kinds", "dali,horse"),
            "--kinds: 'horse' is not a kind of loader (kinds: dataloader, tensors, uint8, ",
        ),
        (("--step", "nonsense"), "--step: 'nonsense' is not a step (examples: none, 20ms, "),
        (("--step", "nowhere_at_all:step"), "--step: there is no module 'nowhere_at_all'"),
        (("--step", "broken:step"), "--step broken:step cannot be imported (ZeroDivisionError: "),
        (
            ("--json", "nowhere/found.json"),
            "--json: cannot write nowhere/found.json: No such file or directory",
        ),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: str, folder: Path, typed: Typed) -> None:
    """What, where and what to do; exit status 2, or 3 if only a loader process can know."""
    given = ("--data", str(folder)) if "--data" not in arguments else ()
    Path("broken.py").write_text("1 / 0\n")
    status, _, error = typed("tune", *given, *arguments)
    imported = "broken:step" in arguments
    assert status == (3 if imported else 2)
    assert words in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert imported or not Path("results").exists()


def test_what_this_machine_lacks_leaves_no_run(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that only a process with torch can miss is an error like any other; exit status 2, no run
    folder."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    status, _, error = typed("tune", "--data", str(folder), "--device", "cuda", "--watch", "0")
    assert status == 2
    assert (
        error
        == "harness: --device: 'cuda' is not available: torch sees no CUDA device here; choose auto or cpu\n"
    )
    assert list(Path("results").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "message"), [((), "no class sub-folders in"), (("a/x.txt", "b/y.gif"), "no images in")]
)
def test_a_folder_without_images(files: tuple[str, ...], message: str, tmp_path: Path, typed: Typed) -> None:
    """A folder without classes, and classes without images, end it before a process is started."""
    (tmp_path / "data").mkdir()
    for file in files:
        (tmp_path / "data" / file).parent.mkdir()
        (tmp_path / "data" / file).touch()
    status, _, error = typed("tune", "--data", str(tmp_path / "data"))
    assert status == 2 and message in error and "arrange it as FOLDER/CLASS/IMAGE.jpg" in error
    assert not (tmp_path / "results").exists()


def test_without_a_finished_sample_there_is_no_answer(
    folder: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every setting is out, as with a step that raises, the reasons are shown and saved; exit status
    3."""
    failed = dict.fromkeys(
        ("dataloader-w0-b4", "dali"), "--step training:step raised ValueError: no such label"
    )
    nothing = Tuned("data", 24, "training:step", "cpu", 2, 0.03, (), None, None, failed=failed)
    monkeypatch.setattr("harness.tune.tune.tune", lambda *_: nothing)
    status, out, _ = typed("tune", "--data", str(folder), "--json", "found.json")
    assert status == 3
    assert "no setting finished a sample" in out and out.count("raised ValueError: no such label") == 2
    assert from_json(Tuned, json.loads(Path("found.json").read_text())) == nothing


def test_another_interpreter_borrows_what_it_lacks(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds this harness in front of everything, and what else its processes need behind its own
    packages."""
    seen: list[Path] = []

    def tuned(settings: TuneSettings, *_: object) -> Tuned:
        assert settings.borrowed is not None
        seen.append(settings.borrowed)
        assert (settings.borrowed / "front" / "harness" / "tune" / "server.py").exists()
        assert (settings.borrowed / "back" / "psutil").exists()
        return Tuned("data", 24, "none", "cpu", 2, 0.03, (), None, None)

    monkeypatch.setattr("harness.tune.tune.tune", tuned)
    assert typed("tune", "--data", str(folder), "--python", sys.executable)[0] == 3
    assert len(seen) == 1 and not seen[0].exists()


def test_an_interpreter_without_torchvision_is_refused_at_once(tmp_path: Path, typed: Typed) -> None:
    """What it lacks is named before anything runs; exit status 2, and no run is saved."""
    probed = json.dumps([[3, 12], True, "/elsewhere/python"])
    other = tmp_path / "python"
    other.write_text(
        f"#!/bin/sh\nif [ $# -gt 2 ]; then echo '[\"torchvision\", \"PIL\"]'; else echo '{probed}'; fi\n"
    )
    other.chmod(0o755)
    status, _, err = typed("tune", "--python", str(other))
    assert status == 2 and "has no torchvision, Pillow; install it there" in err
    assert not (tmp_path / "results").exists()
