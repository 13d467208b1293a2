#!/usr/bin/env bash
# Pillow 13.0.0. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: Image.open turns a TIFF by its Orientation tag, pixels and size, and leaves JPEG, PNG and WebP with the
# same tag as they are stored. A data set with both kinds of files is turned in part: ImageFolder delivers upright TIFFs
# beside lying JPEGs, and a decoder that turns none (or all) disagrees on one of the two.
# Seen: 40x20 pixels stored with orientation 6: TIFF opens as 20x40, the others as 40x20.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pillow==13.0.0
cd "$folder" && env/bin/python - <<'PYTHON'
from PIL import Image

def opened(ending):
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(f"stored.{ending}", exif=exif)
    with Image.open(f"stored.{ending}") as again:
        return again.size

seen = {ending: opened(ending) for ending in ("tiff", "jpg", "png", "webp")}
print(seen)
stored = (40, 20)
assert seen == {"tiff": (20, 40), "jpg": stored, "png": stored, "webp": stored}, "the behaviour has changed"
PYTHON
