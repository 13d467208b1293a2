"""Where a watched loop's time went, what is advised, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.judge.training import judge_loop
from harness.model import LOOP_CASE, LoopAdvice, LoopFound, Measurement, Trial
from harness.report.builders.training import loop_document, tune_command
from harness.store import LOOP, StoreError, load
from harness.training.record import CLAIM
from tests.support.saved import save

WORKERS = {"kind": "DataLoader", "dataset": "", "step": "", "batch_size": 64, "workers": 4, "processes": True,
           "persistent": False}  # fmt: skip


def stretch(number: int, waits: Sequence[float], step: float = 0.01, **more: Any) -> Measurement:
    """A stretch whose iterations wait so long before a step."""
    exact = {"first_batch_seconds": more.pop("first", 0.01), "left_early": 0.0, **more.pop("exact", {})}
    samples = {"seconds": tuple(wait + step for wait in waits), "wait_seconds": tuple(waits), **more}
    return Measurement(
        LOOP_CASE, CLAIM.name, number, trials=(Trial("baseline", samples=samples, exact=exact),)
    )


def found(folder: Path, *stretches: Measurement, **loader: Any) -> LoopFound:
    """What is found in a run of these stretches."""
    facts = {**WORKERS, **loader}
    return judge_loop(load(save(folder / "run", [CLAIM], stretches, profile=LOOP, loader=facts)))


@pytest.mark.parametrize(
    ("waits", "first", "idle", "advice"),
    [
        ([0.005] * 64, 0.01, 0.1, LoopAdvice.TUNE),
        ([0.0] * 64, 0.01, 0.9, LoopAdvice.FEWER_WORKERS),
        ([0.0] * 64, 0.01, 0.1, LoopAdvice.LEAVE),
        ([0.0] * 64, 0.5, 0.1, LoopAdvice.PERSISTENT),
        ([0.0] * 63 + [0.1], 0.01, 0.1, LoopAdvice.LONGER),
        ([0.005] * 15, 0.001, 0.1, LoopAdvice.LONGER),
    ],
)
def test_what_is_advised(
    waits: list[float], first: float, idle: float, advice: LoopAdvice, tmp_path: Path
) -> None:
    """The loader where the loop surely waits; its start, fewer workers, nothing, or more iterations."""
    parts = [stretch(n, waits, first=first, exact={"worker_idle": idle}) for n in (1, 2)]
    assert found(tmp_path, *parts).advice is advice


def test_persistent_workers_are_not_advised_twice(tmp_path: Path) -> None:
    """A loader that has them, or has no worker processes, is not advised to have them."""
    parts = [stretch(n, [0.0] * 64, first=0.5) for n in (1, 2)]
    assert found(tmp_path, *parts, persistent=True).advice is LoopAdvice.LEAVE


def test_waits_of_a_device_count_instead_of_the_hosts(tmp_path: Path) -> None:
    """What the host waits while the device works would not be saved."""
    known = found(tmp_path, stretch(1, [0.01] * 64, device_wait_seconds=(0.0,) * 64))
    assert known.saving is not None
    assert (known.saving.share, known.saving.on_device) == (0.0, True)
    assert known.advice is LoopAdvice.LEAVE


def test_an_interval_is_over_blocks(tmp_path: Path) -> None:
    """Slow spells make it wide, whatever the number of iterations; its middle is the share itself."""
    spells = ([0.0] * 100 + [0.01] * 100) * 2
    known = found(tmp_path, stretch(1, spells))
    assert known.saving is not None
    assert known.saving.share == pytest.approx(1 / 3)
    assert known.saving.low < 0.25
    assert known.saving.high + known.saving.low == pytest.approx(2 / 3)
    assert known.empty == 0.5


def test_a_run_that_is_no_loop(tmp_path: Path) -> None:
    """Too short, without a loader, or with samples that do not belong together: one sentence."""
    with pytest.raises(StoreError, match="no watched loop with two iterations or more"):
        found(tmp_path / "a", stretch(1, []))
    with pytest.raises(StoreError, match="not the run of a watched loop"):
        found(tmp_path / "b", stretch(1, [0.0] * 9), workers="many")
    with pytest.raises(StoreError, match="no watched loop"):
        found(tmp_path / "c", stretch(1, [0.0] * 9, copy_seconds=(0.0,)))


def test_the_command_is_ready_to_paste(tmp_path: Path) -> None:
    """With the loop's own folder and step where they are known, else the step's time."""
    waits = [0.005] * 64
    known = found(tmp_path / "a", stretch(1, waits), dataset="my images", step="train:step")
    assert tune_command(known) == "tipbench tune --data 'my images' --batch-size 64 --step train:step"
    unknown = found(tmp_path / "b", stretch(1, waits), batch_size=None)
    assert tune_command(unknown) == "tipbench tune --dataset MODULE:FUNCTION --step 10ms"


@pytest.mark.parametrize(
    ("idle", "queued", "words"),
    [
        (0.1, 0.1, "workers were idle 10% of their time: they are at work, and too few or too slow"),
        (0.6, 0.1, "workers were idle 60% of their time: they wait too"),
        (0.1, 0.7, "workers were idle 10% of their time and waited for a core 70%: there are too few cores"),
    ],
)
def test_who_waits_for_whom(idle: float, queued: float, words: str, tmp_path: Path) -> None:
    """A loop that waits has workers that work, that wait as well, or that have no cores."""
    exact = {"worker_idle": idle, "worker_queued": queued}
    facts = dict(loop_document(found(tmp_path, stretch(1, [0.005] * 64, exact=exact))).facts)
    assert facts["starved"].startswith("the loop found no batch ready in 100% of iterations; ")
    assert words in facts["starved"]


def test_report_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its folder; the status is 3 if there is no answer, and only Markdown and JSON are written."""
    found(tmp_path, stretch(1, [0.005] * 64))
    folder, page = str(tmp_path / "run"), tmp_path / "page.md"
    assert main(["report", folder, "--markdown", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "save 33.3 % of the loop (33.3 to 33.3 %)" in shown
    assert "try: tipbench tune --dataset MODULE:FUNCTION --batch-size 64 --step 10ms" in shown
    assert "waiting for the loader" in page.read_text()
    assert main(["report", folder, "--junit", str(tmp_path / "x.xml")]) == 2
    assert main(["bench", "--resume", folder]) == 2
    assert "is a watched training loop" in capsys.readouterr().err
    found(tmp_path / "short", stretch(1, [0.005] * 9))
    assert main(["report", str(tmp_path / "short" / "run")]) == 3
