"""What a tuning found, with all that a report of one can show."""

from __future__ import annotations

from typing import Any

from harness.model import (
    Certainty,
    EpochCost,
    Headroom,
    LoopPart,
    LoopShare,
    Ranked,
    SampleStage,
    Setting,
    StageName,
    Tuned,
)

DEFAULT = Setting("dataloader", 0, 0, 64)
TWO = Setting("dataloader", 2, 2, 64)
DALI = Setting("dali", 2, 2, 64)

SURVEYED = {
    "epoch_gap_seconds": 0.44,
    "epoch_seconds": 8.5,
    "loader_seconds": 1.6e-3,
    "shm_bytes": 40 * 2.0**20,
}


def ranked(
    setting: Setting, seconds: float, best: float = 2e-3, extra: dict[str, float] | None = None, **more: Any
) -> Ranked:
    ratio = seconds / best
    stated = {"samples": 4, "eliminated": ratio > 1.05, "equivalent": ratio < 1.02, **more}
    return Ranked(
        setting, ratio=ratio, low=0.98 * ratio, high=1.02 * ratio, seconds=seconds,
        readings={"pss_bytes": 700 * 2.0**20, "cpu_seconds": 5e-3, "wait_p99_seconds": 0.04} | (extra or {}),
        ceiling=0.93, **stated,
    )  # fmt: skip


TUNED = Tuned(
    data="/data/flowers",
    images=4000,
    step="resnet18",
    device="cpu",
    cores=2,
    margin=0.03,
    ranked=(
        ranked(DALI, 2e-3, extra={"epoch_gap_seconds": 0.01, "threads_left": 2.0, "processes_left": 1.0}),
        ranked(TWO, 2.02e-3, extra=SURVEYED),
        ranked(DEFAULT, 4e-3),
    ),
    answer=TWO,
    default=DEFAULT,
    headroom=Headroom(
        0.4,
        0.35,
        0.45,
        (
            LoopShare(LoopPart.STEP, 1.2e-3, 1.1e-3, 1.3e-3, 0.6),
            LoopShare(LoopPart.PREPARE, 8e-4, 7e-4, 9e-4, 0.4),
        ),
    ),
    epoch=EpochCost(4000, 8.5, 0.44, 0.1, persistent=True),
    stages=(
        SampleStage(StageName.READ, 1e-4),
        SampleStage(StageName.DECODE, 3e-3),
        SampleStage(StageName.DECODE_FASTEST, 2e-3),
    ),
    ceilings={"dataloader": 250.0, "decode": 500.0},
    failed={"background": "its worker was killed"},
    missing={"dali_gpu": "decodes on a GPU: no CUDA here"},
    repetitions=9,
    seconds=95.0,
    budget=90.0,
    certainty=Certainty.DECIDED,
    grid=39,
)
