#!/usr/bin/env bash
# torchcodec 0.17.0, torch 2.15.0, Pillow 13.0.0. Seen on 2026-11-30, Python 3.11.7, Linux x86-64.
# Behaviour: TorchCodec's decode_image turns a JPEG by its EXIF orientation on the CPU only where EXIF is the first APP1
# segment. XMP is kept in APP1, too: with XMP before EXIF, as the EXIF standard forbids and some editors write, the image
# comes as it is stored. Pillow's ImageOps.exif_transpose turns both. There is no option for either, so of two files
# with the same EXIF one lies and one stands.
# Seen: 40x20 pixels stored with orientation 6: (3, 40, 20) with EXIF first, (3, 20, 40) after XMP; Pillow 20x40 twice.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q torch==2.15.0 torchcodec==0.17.0 pillow==13.0.0 numpy==2.4.6
cd "$folder" && env/bin/python - <<'PYTHON'
import io
import struct

from PIL import Image, ImageOps
from torchcodec.decoders import decode_image

exif = Image.Exif()
exif[0x0112] = 6
file = io.BytesIO()
Image.new("RGB", (40, 20), "red").save(file, "JPEG", exif=exif)
first = file.getvalue()
xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
after = first[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + first[2:]

seen = [tuple(decode_image(content).shape) for content in (first, after)]
pillow = [ImageOps.exif_transpose(Image.open(io.BytesIO(content))).size for content in (first, after)]
print(seen, pillow)
assert pillow == [(20, 40)] * 2 and seen == [(3, 40, 20), (3, 20, 40)], "the behaviour has changed"
PYTHON
