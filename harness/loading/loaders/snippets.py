"""Pieces of the code that `tune` prints: datasets that several kinds share, and the DataLoader around them.

A dataset's piece finds ``folder`` defined and defines ``dataset``. Nothing of this project is
imported in any of them.
"""

from __future__ import annotations

import inspect

from harness.loading.data.orientation import as_stored
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

DECODED = f"""\
from pathlib import Path

import torch
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import default_loader
from torchvision.transforms import v2
from torchvision.transforms.functional import pil_to_tensor

try:
    from torchcodec.decoders import decode_image
except (ImportError, OSError, RuntimeError):  # not installed, older than 0.16, or made for another torch
    from torchvision.io import decode_image


{inspect.getsource(as_stored)}

def decoded(path):
    encoded = bytearray(Path(path).read_bytes())
    if as_stored(encoded):
        try:
            return decode_image(torch.frombuffer(encoded, dtype=torch.uint8), mode="RGB")
        except RuntimeError:
            pass  # refused: Pillow takes it, or says why not
    return pil_to_tensor(default_loader(path))


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


def dataloader(request: SnippetRequest, dataset: str, *, shuffle: bool = True, collate: str = "") -> str:
    """A DataLoader of a dataset's piece, with the options of the setting and a collate function of that
    name."""
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
    if collate:
        options.append(f"collate_fn={collate}")
    loader = f"{dataset}\nfrom torch.utils.data import DataLoader\n\nloader = DataLoader("
    return "\n".join([loader, "    dataset,", *(f"    {option}," for option in options), ")"])
