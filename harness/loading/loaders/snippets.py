"""Pieces of the code that `tune` prints: datasets that several kinds share, and the DataLoader around them.

A dataset's piece finds ``folder`` defined and defines ``dataset``. Nothing of this project is
imported in any of them.
"""

from __future__ import annotations

from harness.loading.loaders.kind import SnippetRequest

MEAN, STD = "[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]"

PILLOW_TRANSFORM = f"""\
transform = transforms.Compose([
    transforms.RandomResizedCrop(224),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize({MEAN}, {STD}),
])
"""

TENSORS_TRANSFORM = f"""\
transform = v2.Compose([
    v2.RandomResizedCrop(224, antialias=True),
    v2.RandomHorizontalFlip(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize({MEAN}, {STD}),
])
"""

DECODED = """\
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

{PILLOW_TRANSFORM}dataset = ImageFolder(folder, transform, allow_empty=True)  # or your own
"""

TENSORS = f"""\
{DECODED}{TENSORS_TRANSFORM}dataset = ImageFolder(folder, transform, loader=decoded, allow_empty=True)
"""


def dataloader(request: SnippetRequest, dataset: str, *, shuffle: bool = True) -> str:
    """A DataLoader of a dataset's piece, with the options of the setting."""
    setting = request.setting
    options = [f"batch_size={setting.batch_size}"]
    if shuffle:
        options.append("shuffle=True")
    if setting.workers:
        options += [f"num_workers={setting.workers}", f"prefetch_factor={setting.prefetch}"]
        if request.persistent:
            options.append("persistent_workers=True")
    if setting.pin:
        options.append("pin_memory=True")
    loader = f"{dataset}\nfrom torch.utils.data import DataLoader\n\nloader = DataLoader("
    return "\n".join([loader, "    dataset,", *(f"    {option}," for option in options), ")"])
