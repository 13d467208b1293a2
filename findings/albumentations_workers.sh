#!/usr/bin/env bash
# albumentations 2.0.8 with torch 2.15.0 (DataLoader, workers by fork). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: a Compose without a seed makes its random generator when it is constructed, and each worker
# gets a copy of it in the same state. All workers draw the same numbers, and so do new workers in every
# epoch: the augmentations repeat over and over, though torch seeds `random`, numpy and itself for each
# worker.
# Seen: corners of random crops, two workers: 525, 2737 by the first and the second, in the first epoch and
# the second; with set_random_seed in worker_init_fn all differ.
# Remedy: worker_init_fn=lambda number: transform.set_random_seed(torch.initial_seed() % 2**32).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q albumentations==2.0.8 torch==2.15.0 numpy==2.4.6
cd "$folder" && NO_ALBUMENTATIONS_UPDATE=1 env/bin/python - <<'PYTHON'
import albumentations
import numpy
import torch
from torch.utils.data import DataLoader, Dataset

image = numpy.arange(256 * 256, dtype=numpy.float32).reshape(256, 256, 1)
transform = albumentations.Compose([albumentations.RandomCrop(8, 8)])

class Corners(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return int(transform(image=image)["image"][0, 0, 0])

def seed(number):
    transform.set_random_seed(torch.initial_seed() % 2**32)

def two_epochs(**options):
    loader = DataLoader(Corners(), batch_size=2, num_workers=2, multiprocessing_context="fork", **options)
    return [batch.tolist() for _ in range(2) for batch in loader]

plain, seeded = two_epochs(), two_epochs(worker_init_fn=seed)
print(f"two epochs of two workers: {plain}, seeded: {seeded}")
assert all(batch == plain[0] for batch in plain) and seeded[0] not in seeded[1:], "the behaviour has changed"
PYTHON
