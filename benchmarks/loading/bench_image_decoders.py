"""TorchCodec decodes images faster than Pillow.

Why: JPEGs are decoded by the same library, into a tensor without a copy of Pillow's. TorchCodec turns images
by their EXIF orientation, makes grey ones three channels and 16-bit PNGs 8 bits, which Pillow leaves to the
caller.

Source: today's folklore; torchvision's notice that its decoders go.
"""

from io import BytesIO

import pytest
import torch
from PIL import Image

from harness import claim
from harness.loading.data import decoders
from harness.loading.data.dataset import epoch_images
from support.decoding import contents_of

IMAGES = 4
FAR_LEVELS = 16


def encoded(content, form):
    """The image once more, in another form without loss; a JPEG stays the file that it is."""
    if form == "jpeg":
        return content
    written = BytesIO()
    Image.open(BytesIO(content)).convert("RGB").save(written, form, lossless=True)
    return written.getvalue()


def same(expected, got):
    """The largest and the mean difference, in levels of 256."""
    assert [image.shape for image in got] == [image.shape for image in expected], "other sizes"
    off = torch.cat([(a.short() - b.short()).abs().flatten() for a, b in zip(expected, got, strict=True)])
    assert off.max() <= FAR_LEVELS, f"{int(off.max())} levels off"
    return {"max_level_difference": off.max(), "mean_level_difference": off.float().mean()}


@claim("V1", expect="lower", margin=0.05, needs="torchcodec")
@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def bench_image_decoders(compare, images, form):
    if reason := decoders.without_torchcodec():
        pytest.skip(reason)
    from torchcodec.decoders import decode_image

    contents = [encoded(content, form) for content in contents_of(epoch_images(images, IMAGES))]
    tensors = [torch.frombuffer(bytearray(content), dtype=torch.uint8) for content in contents]
    compare(
        baseline=lambda: [decoders.levels_of(decoders.with_pillow("an image", each)) for each in contents],
        torchcodec=lambda: [decode_image(each) for each in tensors],
        same=same,
        items=IMAGES,
        decoded=IMAGES,
    )
