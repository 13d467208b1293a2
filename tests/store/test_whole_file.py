"""Files that are whole or not there, whatever stops their writing and whatever lies beside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from harness.store.whole_file import whole_file, write_whole


def test_the_new_text_takes_the_old_one_s_place(tmp_path: Path) -> None:
    """With the rights of any new file, and nothing beside it."""
    path = tmp_path / "a.json"
    path.write_text("old")
    mask = os.umask(0o022)
    try:
        write_whole(path, "new \ud800")
    finally:
        os.umask(mask)
    assert path.read_text() == "new ?"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_not_finished_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    """Whole, and nothing beside it."""
    path = tmp_path / "a.html"
    path.write_text("old")
    with pytest.raises(type(error)), whole_file(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    """A link in the place of the file is replaced; what it points to stays as it is."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "labels.json").symlink_to(elsewhere)
    (folder / "labels.part").symlink_to(elsewhere)
    write_whole(folder / "labels.json", "ours")
    assert elsewhere.read_text() == "theirs"
    assert not (folder / "labels.json").is_symlink()


def test_a_long_name_has_a_draft(tmp_path: Path) -> None:
    """A name may be as long as the file system allows."""
    path = tmp_path / ("n" * 250 + ".json")
    write_whole(path, "text")
    assert path.read_text() == "text"
