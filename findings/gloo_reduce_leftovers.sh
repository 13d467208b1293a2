#!/usr/bin/env bash
# torch 2.15.0 (torch.distributed, gloo). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: dist.reduce(tensor, dst=0) has its result on rank 0 and writes sums of some ranks over the
# tensors of the others as well. A time that is reduced to rank 0 is afterwards no longer the rank's own
# anywhere.
# Seen: ranks 0 to 3 with 1, 10, 100, 1000: rank 0 has 1111, rank 1 1110, rank 2 1100, rank 3 1000.
# Remedy: reduce a clone.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
cd "$folder" && cat >ranks.py <<'PYTHON'
import torch
import torch.distributed as dist
import torch.multiprocessing

def rank(number, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=4)
    own = torch.tensor([10.0**number])
    dist.reduce(own, dst=0)
    dist.barrier()
    with open(f"{folder}/{number}", "w") as file:
        file.write(str(int(own)))
    dist.destroy_process_group()

if __name__ == "__main__":
    import os

    torch.multiprocessing.start_processes(rank, (os.getcwd(),), 4, start_method="fork")
    seen = [int(open(str(number)).read()) for number in range(4)]
    print(f"after a reduce of 1, 10, 100, 1000 to rank 0: {seen}")
    assert seen[0] == 1111 and seen[1:] != [10, 100, 1000], "the behaviour has changed"
PYTHON
env/bin/python ranks.py
