#!/usr/bin/env bash
# torch 2.15.0 (torch.utils.flop_counter). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: FlopCounterMode counts the operators that it knows and is silent about all others. In eval mode
# without gradients TransformerEncoderLayer and MultiheadAttention take a fused path that it does not know:
# the very inference that is timed has 0 FLOPs. So has an LSTM on the CPU; a GRU is counted. FLOP/s computed
# from it are 0, and those of a model with one such part are too low, without a warning.
# Seen: encoder layer: 2,228,224 with gradients, train or eval, 0 in eval without; LSTM 0, GRU 1,572,864.
# Remedy: torch.backends.mha.set_fastpath_enabled(False) while counting.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
cd "$folder" && env/bin/python -W ignore - <<'PYTHON'
import torch
from torch.utils.flop_counter import FlopCounterMode

x = torch.randn(2, 16, 64)

def flops(model):
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()

layer = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
seen = {"train": flops(layer), "eval": flops(layer.eval())}
with torch.no_grad():
    seen["eval without gradients"] = flops(layer)
    torch.backends.mha.set_fastpath_enabled(False)
    seen["the same without the fused path"] = flops(layer)
for kind in (torch.nn.LSTM, torch.nn.GRU):
    seen[kind.__name__] = flops(kind(64, 64, batch_first=True))
print(seen)
train, judged, fused, unfused, lstm, gru = seen.values()
assert train == judged == unfused > 0 and gru > 0 and fused == lstm == 0, "the behaviour has changed"
PYTHON
