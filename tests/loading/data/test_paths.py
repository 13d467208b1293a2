"""Very many paths kept small: the same files, labels and order as torchvision's ImageFolder, on odd trees
too."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.data.folder import DataError, FolderOddities, Image, class_names, first_images, oddities
from harness.loading.data.paths import Paths, scan


def _tree(root: Path, *files: str) -> Path:
    for file in files:
        place = root / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return root


def _same(root: Path) -> Paths:
    """What is found, once it is known to be what torchvision finds."""
    found = scan(root)
    expected = ImageFolder(str(root), allow_empty=True)
    assert [tuple(image) for image in found] == expected.samples
    assert found.labels.tolist() == expected.targets
    assert list(found.classes) == expected.classes
    return found


def test_labels_are_image_folders(tmp_path: Path) -> None:
    """Files of every suffix, in any case, below classes too, and names that sort oddly: all as in
    ImageFolder."""
    root = _tree(
        tmp_path,
        "b/2.jpg", "b/10.JPG", "b/1.jpeg", "b/x.PnG", "b/notes.txt", "b/jpg",
        "a/deep/1.webp", "a/deep/er/1.tiff", "a/deep-er/1.jpg", "a/1.bmp", "a/deep.jpg/1.ppm", "a/deep.jpg/z/0.pgm",
        "Z/only.jpg", "é/ü.jpg", "new\nline/a\nb.jpg", "c/sidecar.json", "readme.jpg",
    )  # fmt: skip
    found = _same(root)
    assert found.empty == ["c"] and len(found) == 13
    assert found[-1] == found[len(found) - 1]


def test_hidden_files_and_folders_are_no_data(tmp_path: Path) -> None:
    """Companions of files, folders of tools: neither images nor classes, at any depth, and no label moves for
    them."""
    root = _tree(
        tmp_path,
        "cat/1.jpg", "cat/._1.jpg", "cat/.jpg", "cat/.trash/2.jpg", "cat/below/._3.jpg", "dog/4.jpg",
        ".checkpoints/5.jpg",
    )  # fmt: skip
    (root / "zebra").mkdir()
    wanted = [(str(root / "cat" / "1.jpg"), 0), (str(root / "dog" / "4.jpg"), 1)]
    assert [tuple(image) for image in scan(root)] == wanted
    assert [tuple(image) for image in first_images(root, 10)] == wanted
    assert class_names(root) == ["cat", "dog", "zebra"] and scan(root).empty == ["zebra"]
    assert oddities(root, 60.0) == FolderOddities(("zebra",), (".checkpoints",))
    assert oddities(root, 0.0) == FolderOddities((), (".checkpoints",))


def test_links_and_strange_files(tmp_path: Path) -> None:
    """Links are followed, one that leads nowhere and a pipe are files by name, a folder is none whatever its
    name."""
    root = _tree(tmp_path / "root", "a/1.jpg", "b/1.jpg")
    _tree(tmp_path / "elsewhere", "2.jpg", "below/3.jpg")
    (root / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "0.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    (root / "a" / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    (root / "b" / "folder.jpg").mkdir()
    os.mkfifo(root / "b" / "pipe.jpg")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    assert len(_same(root)) == 9


def test_links_in_a_ring(tmp_path: Path) -> None:
    """Where ImageFolder goes round until the kernel stops it, each image is found once."""
    root = _tree(tmp_path, "a/1.jpg", "a/below/2.jpg")
    (root / "a" / "below" / "up").symlink_to(root / "a")
    (root / "a" / "self").symlink_to(".")
    (root / "a" / "ring").symlink_to("ring")
    assert [Path(image.path).name for image in scan(root)] == ["1.jpg", "2.jpg"]


def test_folders_that_link_to_one_another(tmp_path: Path) -> None:
    """Three folders with links to each other are walked as far as no folder comes twice, not for ever."""
    names = ("x", "y", "z")
    for name in names:
        (tmp_path / "rooms" / name).mkdir(parents=True)
        (tmp_path / "rooms" / name / f"{name}.jpg").touch()
        for other in names:
            (tmp_path / "rooms" / name / other).symlink_to(tmp_path / "rooms" / other)
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "rooms" / "x")
    found = [Path(image.path).name for image in scan(root)]
    # x; behind it y and z; behind each of these the other one
    assert sorted(found) == ["x.jpg", "y.jpg", "y.jpg", "z.jpg", "z.jpg"]
    assert sorted(Path(image.path).name for image in epoch_images(root, 5)) == sorted(found)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A name whose bytes are no UTF-8 comes back as the file that it is."""
    (tmp_path / "a").mkdir()
    name = os.fsencode(tmp_path / "a") + b"/\xff\xfe.jpg"
    Path(os.fsdecode(name)).write_bytes(b"it")
    ((path, label),) = _same(tmp_path)
    assert (Path(path).read_bytes(), label) == (b"it", 0)


def test_as_a_sequence(tmp_path: Path) -> None:
    """Places count from either end, slices are lists, and there is nothing beyond."""
    found = scan(_tree(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg"))
    assert found[-1] == Image(str(tmp_path / "b" / "3.jpg"), 1) == found[2]
    assert found[0:2] == list(found)[:2] and found[::-1] == list(found)[::-1]
    for place in (3, -4):
        with pytest.raises(IndexError):
            found[place]
    assert isinstance(found[0].label, int)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "no class sub-folders"),
        (("a.jpg",), "no class sub-folders"),
        (("a/notes.txt", "b/x.gif"), "no images in the 2 sub-folders"),
    ],
)
def test_nothing_to_list(tmp_path: Path, files: tuple[str, ...], said: str) -> None:
    """A folder without classes, and classes without a single image, are errors that say what to do."""
    with pytest.raises(DataError, match=f"{said}.*FOLDER/CLASS"):
        scan(_tree(tmp_path, *files))


def test_no_folder(tmp_path: Path) -> None:
    """What is not there is an error that names it."""
    with pytest.raises(DataError, match="nowhere"):
        scan(tmp_path / "nowhere")


def test_small_and_quick_to_pickle(tmp_path: Path) -> None:
    """What is kept are the names, four bytes of place and four of label each; a pickle is no larger and comes
    back."""
    found = scan(_tree(tmp_path, *(f"class_{n % 7}/{n:05}.jpg" for n in range(3000))))
    names = sum(len(f"class_0/{n:05}.jpg") + 1 for n in range(3000))
    assert found.nbytes == names + 4 * 3001 + 4 * 3000
    sent = pickle.dumps(found)
    assert len(sent) < found.nbytes + 1000
    assert list(pickle.loads(sent)) == list(found)
    assert found.labels.dtype == np.int32


def test_names_that_lie_across_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends of names are looked for window by window, wherever a window ends."""
    root = _tree(tmp_path, *(f"a/{'x' * n}.jpg" for n in range(1, 12)))
    for window in (1, 7, 13, 1000):
        monkeypatch.setattr("harness.loading.data.paths._WINDOW", window)
        _same(root)


def test_places_beyond_four_gigabytes() -> None:
    """Places are as wide as the names are long."""
    starts = np.array([0, 2, 4], np.int64)
    found = Paths("/r", ["a"], bytearray(b"x\0y\0"), starts, np.zeros(2, np.int32))
    assert [image.path for image in found] == ["/r/x", "/r/y"]


@pytest.mark.parametrize("workers", [0, 2])
def test_loads(tmp_path: Path, workers: int) -> None:
    """Alone it is a data set of paths and labels, with `Photographs` one of pictures, from workers too."""
    root = _tree(tmp_path, "a/0.jpg", "b/1.jpg", "b/2.jpg")
    for file in root.glob("*/*.jpg"):
        Pillow.effect_noise((40, 40), 30).convert("RGB").save(file)
    found = scan(root)
    listed: list[Any] = list(DataLoader(found, batch_size=2, num_workers=workers))  # type: ignore[arg-type]
    assert [path for batch in listed for path in batch.path] == [image.path for image in found]
    assert [label for batch in listed for label in batch.label.tolist()] == [0, 1, 1]
    pictures = list(DataLoader(Photographs(found), batch_size=2, num_workers=workers))
    assert [label for _, labels, _ in pictures for label in labels.tolist()] == [0, 1, 1]
    assert pictures[0][0].shape == (2, 3, 224, 224)
