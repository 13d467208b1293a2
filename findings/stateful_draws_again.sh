#!/usr/bin/env bash
# torchdata 0.11.0 (StatefulDataLoader), torch 2.15.0. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: the state of a StatefulDataLoader with workers holds the seed that its workers were started with, and not
# how far their generators are. Workers of a loader that was resumed are seeded by it, whatever the process's own seed:
# the samples after the break get the random draws (crops, noise) of the samples at the beginning of the epoch once
# more, in the same order. A run that is resumed many times within an epoch draws the same few numbers again and again.
# The documentation tells data sets with random transforms to keep their own state; it does not say that draws repeat.
# Seen: eight samples, broken off after four, torch.manual_seed(5) before the resumption: the last four are those that
# were left, and their draws are the draws of the first four.
# Remedy: state_dict and load_state_dict in the data set that hold the state of its generators.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torchdata==0.11.0 torch==2.15.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import torch
from torchdata.stateful_dataloader import StatefulDataLoader

class Augmented(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return index, int(torch.randint(2**40, ()))

def loader():
    return StatefulDataLoader(Augmented(), batch_size=2, shuffle=True, num_workers=2)

def columns(batches):
    return [torch.cat([batch[column] for batch in batches]).tolist() for column in (0, 1)]

torch.manual_seed(0)
unbroken = loader()
batches = iter(unbroken)
_, first = columns([next(batches), next(batches)])
state = unbroken.state_dict()
left, last = columns(list(batches))

torch.manual_seed(5)
resumed = loader()
resumed.load_state_dict(state)
samples, draws = columns(list(resumed))
print(f"as left: {samples == left}; draws: as unbroken {draws == last}, of the first four {draws == first}")
assert samples == left and draws == first != last, "the behaviour has changed"
PYTHON
