#!/usr/bin/env bash
# torchcodec 0.17.0, torch 2.15.0. Seen on 2026-11-30, Python 3.11.7, Linux x86-64.
# Behaviour: given a path or bytes, TorchCodec's image decoders ignore all UserWarnings while they make a tensor of them,
# by warnings.catch_warnings, which changes the filters of the whole process. Two threads that decode at the same time
# can leave in another order than they came; the process then ignores every UserWarning for good. Given a tensor
# (torch.frombuffer of a bytearray), the decoders leave the filters alone.
# Seen: a UserWarning is shown before and not after two calls that overlap; with four threads and a switch interval of
# 1 us, left to chance, after 40,000 files in one of three runs. The order is fixed here by waiting in torch.frombuffer.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q torch==2.15.0 torchcodec==0.17.0 pillow==13.0.0 numpy==2.4.6
cd "$folder" && env/bin/python - <<'PYTHON'
import io
import threading
import warnings

import torch
from PIL import Image
from torchcodec.decoders import decode_image

file = io.BytesIO()
Image.new("RGB", (8, 8)).save(file, "JPEG")
content = file.getvalue()
as_tensor = torch.frombuffer
first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

def in_order(source, **options):
    """The first thread leaves once the second is in, and the second after it."""
    if threading.current_thread().name == "first":
        first_is_in.set()
        second_is_in.wait(10)
    else:
        second_is_in.set()
        first_is_out.wait(10)
    return as_tensor(source, **options)

def shown():
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn("worth knowing", UserWarning)
    return len(seen)

def decode():
    decode_image(content)
    first_is_out.set()

warnings.simplefilter("always", UserWarning)
before = shown()
torch.frombuffer = in_order
threads = [threading.Thread(target=decode, name="first"), threading.Thread(target=decode, name="second")]
threads[0].start()
first_is_in.wait(10)
threads[1].start()
for thread in threads:
    thread.join()
after = shown()

torch.frombuffer = as_tensor
warnings.simplefilter("always", UserWarning)
decode_image(torch.frombuffer(bytearray(content), dtype=torch.uint8))
print({"before": before, "after two threads": after, "after a tensor": shown()})
assert (before, after, shown()) == (1, 0, 1), "the behaviour has changed"
PYTHON
