"""Converting a picture by hand, with from_numpy and permute or through NumPy's floats, costs what to_tensor
does.

Why: All copy, reorder and scale; floats of eight bytes, where NumPy makes them, move twice as much.

Source: PyTorch cookbooks, 2019-2020.
"""

import numpy as np
import pytest
import torch
from PIL import Image

from harness import claim
from harness.loading.data.dataset import decoded, epoch_images
from support.statistics import cropped


@claim("L15", expect="same")
@pytest.mark.parametrize("picture", ["photograph", "digit"])
def bench_to_tensor(compare, images, tiny, picture):
    from torchvision.transforms.functional import to_tensor

    if picture == "photograph":
        image = cropped()(decoded(epoch_images(images, 1)[0].path))
    else:
        image = Image.fromarray(np.load(tiny)["images"][0])

    def pixels(dtype):
        return np.array(image, dtype).reshape(image.height, image.width, -1)

    # By hand the channels stay interleaved. They are separated here, as to_tensor does, before collation.
    def permuted():
        scaled = torch.from_numpy(pixels(np.uint8)).permute(2, 0, 1).float() / 255
        return scaled.contiguous()

    def numpy_float():
        scaled = pixels(np.float32).transpose(2, 0, 1) / 255
        return torch.from_numpy(scaled).contiguous()

    compare(
        baseline=lambda: to_tensor(image),
        permuted=permuted,
        numpy_float=numpy_float,
        same=lambda expected, got: torch.equal(expected, got) and got.is_contiguous(),
        items=1,
    )
