"""Made input: like photographs to a decoder, made once, whole or not at all; and the user's own folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.loading.data.cache import cache_note, cache_root, made_once
from harness.loading.data.folder import DataError, check_folder, first_images
from harness.loading.data.generated import jpeg_folder, tiny_set, uneven_folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("cache")
        patch.setenv("TIPBENCH_CACHE", str(root))
        yield root


def _bytes_per_pixel(path: Path) -> float:
    with Image.open(path) as image:
        return path.stat().st_size / (image.width * image.height)


def test_jpegs_are_like_imagenet() -> None:
    """Sizes are mixed, some upright, bytes per pixel near 0.6 with a spread, colour channels move
    together."""
    files = sorted(jpeg_folder(48).glob("class_*/*.jpg"))
    assert len(files) == 48
    ratios = [_bytes_per_pixel(file) for file in files]
    assert 0.5 < np.mean(ratios) < 0.7
    assert max(ratios) > 1.5 * min(ratios)
    sizes = {Image.open(file).size for file in files}
    assert any(w > h for w, h in sizes) and any(w < h for w, h in sizes)
    pixels = np.concatenate([np.asarray(Image.open(file)).reshape(-1, 3) for file in files[:8]]).astype(float)
    assert np.corrcoef(pixels.T)[0, 1] > 0.7


def test_made_once_and_alike(cache: Path) -> None:
    """A second call makes nothing, another cache gets the same bytes, and nothing half made stays."""
    first = jpeg_folder(8)
    again = {file.name: file.stat().st_mtime_ns for file in first.glob("*/*.jpg")}
    assert jpeg_folder(8) == first
    assert again == {file.name: file.stat().st_mtime_ns for file in first.glob("*/*.jpg")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(cache / "other"))
        other = jpeg_folder(8)
    assert other != first
    assert all(
        (other / file.relative_to(first)).read_bytes() == file.read_bytes() for file in first.glob("*/*.jpg")
    )
    assert not list(cache.glob(".*"))


def test_uneven_every_sixteenth() -> None:
    """Every 16th image of the uneven set, and no other, has four times the pixels of its even twin."""
    even, uneven = jpeg_folder(48), uneven_folder(48)
    for file in sorted(even.glob("*/*.jpg")):
        index = int(file.stem.removeprefix("image_"))
        scale = 2 if index % 16 == 15 else 1
        width, height = Image.open(file).size
        assert Image.open(uneven / file.relative_to(even)).size == (scale * width, scale * height)


def test_tiny_set() -> None:
    """Tiny samples are 28 x 28 bytes with ten labels, and a digit looks more like itself than like
    another."""
    with np.load(tiny_set(512)) as stored:
        images, labels = stored["images"], stored["labels"]
    assert images.shape == (512, 28, 28) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and set(labels.tolist()) == set(range(10))
    means = np.stack([images[labels == digit].mean(axis=0).ravel() for digit in range(10)])
    flat = images.reshape(512, -1).astype(float)
    guesses = ((flat[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    assert (guesses == labels).mean() > 0.5


def test_interrupted_making_leaves_nothing(cache: Path) -> None:
    """A making that is interrupted leaves no folder of that name and no leftovers, and the next one
    succeeds."""

    def interrupted(folder: Path) -> None:
        (folder / "half").write_text("made")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once("broken-off", interrupted)
    assert not [entry for entry in cache.iterdir() if "broken-off" in entry.name]
    made = made_once("broken-off", lambda folder: (folder / "whole").touch())
    assert [file.name for file in made.iterdir()] == ["whole"]


def test_two_at_once(cache: Path) -> None:
    """Where another process finishes first, its folder is taken and ours goes."""

    def overtaken(folder: Path) -> None:
        (folder / "ours").touch()
        made_once("race", lambda other: (other / "theirs").touch())

    made = made_once("race", overtaken)
    assert [file.name for file in made.iterdir()] == ["theirs"]
    assert not list(cache.glob(".race*"))


def test_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that cannot be written is one clear error with the remedy."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TIPBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file.*TIPBENCH_CACHE.*--data"):
        tiny_set(4)


def test_cache_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own variable comes first, then the desktop's, then the home folder."""
    monkeypatch.setenv("TIPBENCH_CACHE", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert cache_root() == Path("/own")
    monkeypatch.delenv("TIPBENCH_CACHE")
    assert cache_root() == Path("/shared/tipbench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path.home() / ".cache/tipbench"
    assert cache_note() == ""


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of a user without a home directory."""

    def absent() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TIPBENCH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", absent)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_user_without_a_home(homeless: Path) -> None:
    """What is made goes to a folder of the user's own in the temporary one, and a note says so."""
    place = homeless / f"tipbench-{os.getuid()}"
    assert cache_root() == place
    assert made_once("one", lambda folder: (folder / "whole").touch()) == place / "one"
    assert (place / "one" / "whole").exists()
    assert str(place) in cache_note() and "TIPBENCH_CACHE" in cache_note()


def test_a_temporary_folder_that_somebody_else_made(
    homeless: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link under the name that could be known beforehand is not followed."""
    (homeless / f"tipbench-{os.getuid()}").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    assert "is not a folder of this user" in cache_note()
    with pytest.raises(DataError, match="set TIPBENCH_CACHE"):
        made_once("one", lambda folder: None)


def test_check_folder(tmp_path: Path) -> None:
    """A folder nothing can be loaded from is refused with what, where and what to do; a good one passes."""
    for path, said in ((tmp_path / "absent", "no image folder"), (tmp_path, "no class sub-folders")):
        with pytest.raises(DataError, match=rf"{said}.*{path.name}.*FOLDER/CLASS/IMAGE"):
            check_folder(path)
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "notes.txt").touch()
    with pytest.raises(DataError, match="no images in the 1 sub-folders"):
        check_folder(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        check_folder(tmp_path / "cats" / "notes.txt")
    (tmp_path / "cats" / "tom.JPEG").touch()
    assert check_folder(tmp_path) == tmp_path


def test_check_folder_is_cheap() -> None:
    """Checking a folder imports neither torch nor NumPy."""
    code = "import sys, harness.loading.data.folder; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_first_images(tmp_path: Path) -> None:
    """Images are spread over the classes, small classes are made up for by others, and labels count all
    classes."""
    for name, count in (("a", 5), ("b", 1), ("c", 0), ("d", 5)):
        (tmp_path / name).mkdir()
        for index in range(count):
            (tmp_path / name / f"{index}.png").touch()
    labels = [image.label for image in first_images(tmp_path, 8)]
    assert sorted(labels) == [0, 0, 0, 0, 0, 1, 3, 3]
    assert len(first_images(tmp_path, 100)) == 11
    assert {image.label for image in first_images(tmp_path, 2)} <= {0, 1, 3}
    assert len(first_images(tmp_path, 2)) == 2
    assert first_images(tmp_path, 8) == first_images(tmp_path, 8)
