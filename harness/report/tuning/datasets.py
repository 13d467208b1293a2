"""The datasets that kinds of loaders raced with, as code to paste: files decoded in one way or another, or kept ready.

Each needs ``folder``, and makes ``dataset``. They are what a person would write: nothing of this harness is in them.
"""

from __future__ import annotations

MEAN, STD = "[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]"

_PILLOW = f"""\
transform = transforms.Compose([
    transforms.RandomResizedCrop(224),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize({MEAN}, {STD}),
])
"""

_TENSORS = f"""\
transform = v2.Compose([
    v2.RandomResizedCrop(224, antialias=True),
    v2.RandomHorizontalFlip(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize({MEAN}, {STD}),
])
"""

_DECODED = """\
import torch
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2


def decoded(path):
    return decode_image(path, ImageReadMode.RGB)


"""

PILLOW = f"""\
import torch
from torchvision import transforms
from torchvision.datasets import ImageFolder

{_PILLOW}dataset = ImageFolder(folder, transform, allow_empty=True)  # or your own
"""

TENSORS = f"""\
{_DECODED}{_TENSORS}dataset = ImageFolder(folder, transform, loader=decoded, allow_empty=True)
"""

UINT8 = f"""\
{_DECODED}transform = v2.Compose([
    v2.RandomResizedCrop(224, antialias=True),
    v2.RandomHorizontalFlip(),
])
dataset = ImageFolder(folder, transform, loader=decoded, allow_empty=True)
to_float = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize({MEAN}, {STD})])
# in the loop, on the device: images = to_float(images.to(device, non_blocking=True))
"""

PACKED = f"""\
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Resize, v2

pixels = Path("pixels.npy")  # 192 KiB an image, written once; delete it where the images change
images = ImageFolder(folder, Compose([Resize(256), CenterCrop(256)]), allow_empty=True)
if not pixels.exists():
    written = np.lib.format.open_memmap(pixels, "w+", np.uint8, (len(images), 256, 256, 3))
    for place, (picture, _) in enumerate(images):
        written[place] = picture
    written.flush()


class Packed(Dataset):
    def __init__(self, file, labels, transform):
        self.pixels, self.labels, self.transform = np.load(file, mmap_mode="r"), labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, place):
        image = torch.from_numpy(self.pixels[place].copy()).permute(2, 0, 1)
        return self.transform(image), self.labels[place]


{_TENSORS}dataset = Packed(pixels, images.targets, transform)
"""

SHARDS = f"""\
from glob import glob
from pathlib import Path

import torch
import webdataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

if not glob("shards-*.tar"):  # written once; delete them where the images change
    files = ImageFolder(folder, allow_empty=True).samples
    with webdataset.ShardWriter("shards-%05d.tar", maxcount=-(-len(files) // 16), verbose=0) as writer:
        for place, (path, label) in enumerate(files):
            writer.write({{"__key__": f"{{place:09d}}", "jpg": Path(path).read_bytes(), "cls": label}})

{_PILLOW}dataset = (
    webdataset.WebDataset(sorted(glob("shards-*.tar")), shardshuffle=False, empty_check=False)
    .decode("pil")
    .to_tuple("jpg", "cls")
    .map_tuple(transform, int)
)
"""
