"""What ``tune`` makes of the command line and the outcome: advice, notes and the exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.tune import again, known, noted, status_of
from harness.errors import UsageError
from harness.loading.data.folder import FolderOddities
from harness.model import Certainty, Setting, Tuned
from harness.program import NOX_VARIABLE


def test_the_command_that_decides_repeats_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another budget, in whole minutes, and all other options."""
    monkeypatch.delenv(NOX_VARIABLE, raising=False)
    needs = Tuned("x", 1, "none", "cpu", 2, 0.03, (), None, None, needs=130.0)
    for given in (["--budget", "90s"], ["--budget=90s"], []):
        typed = ["tune", "--data", "my images", *given, "--step", "20ms"]
        assert again(typed, needs) == "python -m harness tune --data 'my images' --step 20ms --budget 3m"


@pytest.mark.parametrize(
    ("certainty", "answer", "status"),
    [
        (Certainty.DECIDED, Setting("dataloader", 2, 2, 10), 0),
        (Certainty.CLOSE, Setting("dataloader", 2, 2, 10), 0),
        (Certainty.PROVISIONAL, Setting("dataloader", 2, 2, 10), 3),
        (Certainty.DECIDED, None, 3),
    ],
)
def test_only_a_sure_answer_is_a_success(certainty: Certainty, answer: Setting | None, status: int) -> None:
    """A provisional answer is no success."""
    assert status_of(Tuned("x", 1, "none", "cpu", 2, 0.03, (), answer, None, certainty=certainty)) == status


def test_oddities_of_a_folder_are_noted() -> None:
    """Empty classes keep their numbers, hidden folders have none."""
    assert noted(FolderOddities()) == ()
    empty, hidden = noted(FolderOddities(("zebra",), (".checkpoints", ".trash")))
    assert empty.startswith(
        "1 class folder without images: zebra; classes keep the numbers that ImageFolder(allow_empty"
    )
    assert hidden.startswith(
        "hidden folders are not classes: .checkpoints, .trash; ImageFolder would number them too"
    )
    (many,) = noted(FolderOddities(tuple("abcdefg")))
    assert "a, b, c, d, e and 2 more" in many


def test_what_is_known_of_the_images_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder has its oddities; a user without a home directory is shown where generated images are kept."""
    for name in ("cat", "zebra"):
        (tmp_path / name).mkdir()
    (tmp_path / "cat" / "1.jpg").touch()
    (odd,) = known(tmp_path)
    assert odd.startswith("1 class folder without images: zebra")
    assert known(None) == ()

    def absent() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TIPBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", absent)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (note,) = known(None)
    assert note.startswith("there is no home directory: ") and str(tmp_path) in note
    assert len(known(tmp_path)) == 1
    with pytest.raises(UsageError, match="--data: no image folder"):
        known(tmp_path / "absent")
