"""What tuning found, as people see it: the answer, its code, where the time goes, and every setting that
ran."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from harness.model import (
    Certainty,
    EpochCost,
    LeftOut,
    OwnDataset,
    Setting,
    Tuned,
    Undone,
    WorkerLimit,
)
from harness.report.builders.tuning import described, out_table, tuning_document
from harness.report.progress.tune import TuneProgress
from harness.report.render.markdown import markdown
from harness.report.render.terminal import show_document
from harness.store.codec import from_json, to_json
from tests.support.tuned import DALI, TUNED, TWO, ranked


def shown(tuned: Tuned, width: int = 120) -> str:
    out = io.StringIO()
    show_document(tuning_document(tuned), Console(file=out, width=width))
    return out.getvalue()


def test_the_answer_comes_first_with_its_code_and_its_price() -> None:
    """What to type, what it gains over the default, what it costs."""
    text = shown(TUNED)
    first = text.splitlines()[0]
    assert "dataloader, 2 workers, 2 ahead each" in first
    assert "smallest of 2 settings" in first
    assert "num_workers=2," in text
    assert "1.98x what the default" in text
    assert "700 MiB" in text
    assert "5.00 ms of CPU a sample" in text


@pytest.mark.parametrize(
    ("kind", "workers", "words"),
    [
        ("dataloader", 1, "dataloader, 1 worker, 2 ahead each, batches of 64"),
        ("spdl", 2, "spdl, 2 threads, 2 ahead, batches of 64"),
        ("nodes", 1, "nodes, 1 thread, 2 ahead, batches of 64"),
        ("dali", 2, "dali, 2 threads, 2 ahead, batches of 64"),
        ("of an older harness", 2, "of an older harness, 2 workers, 2 ahead each, batches of 64"),
    ],
)
def test_workers_are_called_what_they_are(kind: str, workers: int, words: str) -> None:
    """Threads where the kind has threads, whatever it is called."""
    assert described(Setting(kind, workers, 2, 64)) == words


def test_a_saved_answer_of_a_kind_that_is_gone_has_no_code() -> None:
    """The rest of what was found is shown, and the code says why there is none."""
    horse = Setting("horse", 2, 0, 64)
    gone = replace(TUNED, answer=horse, ranked=(ranked(horse, 2e-3),))
    assert "# this version of tipbench has no loader of the kind horse" in shown(gone)


def test_the_loop_is_taken_apart() -> None:
    """What a perfect loader would save, and each part with its share."""
    text = shown(TUNED)
    assert "a perfect loader would save 40.0 % of the loop (35.0 to 45.0 %)" in text
    assert "the step itself" in text
    assert "60.0 %" in text
    assert "decode 3.00 ms (97%)" in text


def test_a_headspace_inside_the_noise_says_leave_it_alone() -> None:
    """No advice to change what cannot be seen to matter."""
    assert TUNED.headroom is not None
    text = shown(replace(TUNED, headroom=replace(TUNED.headroom, share=0.01, low=-0.01, high=0.03)))
    assert "leave your loader alone" in text
    assert "would save 40" not in text


def test_every_setting_that_ran_has_its_row_and_every_other_its_reason() -> None:
    """Who is as good, who is behind, who is out, and what this machine has not got."""
    text = shown(TUNED)
    table = text.partition("The best of each kind")[0]
    rows = [line for line in table.splitlines() if line.startswith(("  dali ", "  dataloader "))]
    assert [row.split()[-1] for row in rows] == ["good", "best", "behind"]
    assert [row.split()[0:2] for row in rows] == [["dali", "2"], ["dataloader", "2"], ["dataloader", "0"]]
    assert "  out of the race  background  its worker was killed" in text
    assert "  not here         dali_gpu    decodes on a GPU" in text


def test_epochs_and_whether_workers_should_live_on() -> None:
    """How long an epoch is and the wait between two, with the option in the code only where it is worth
    it."""
    text = shown(TUNED, 200)
    assert "an epoch of 4000 images takes 8.50 s; between two the loop waits 440 ms" in text
    assert "with persistent_workers=True 100 ms (that saves 4 % of an epoch)" in text
    assert "    persistent_workers=True," in text
    long = shown(replace(TUNED, epoch=EpochCost(4_000_000, 8500.0, 0.44, 0.1)), 200)
    assert "2 h 22 min" in long and "not worth it: 0.004 % of an epoch, the margin is 3%" in long
    assert "    persistent_workers=True," not in long
    none = shown(replace(TUNED, epoch=EpochCost(4000, 8.5, 0.44)))
    assert "between two the loop waits 440 ms\n" in none and "persistent" not in none
    assert "persistent" not in shown(replace(TUNED, epoch=None))


def test_a_dataset_of_ones_own_has_samples_and_its_own_code() -> None:
    """Kinds that do not apply share a line; a number that is not known is not stated."""
    own = OwnDataset("train.data:Lines.make", iterable=True)
    missing = dict.fromkeys(("dali", "spdl"), "reads images")
    tuned = replace(TUNED, data=own.place, images=0, stages=(), missing=missing, dataset=own)
    document = tuning_document(tuned)
    facts = dict(document.facts)
    assert facts["measured"].startswith("samples of train.data:Lines.make, step resnet18, cpu; ")
    assert facts["epochs"].startswith("an epoch of 4000 samples takes ")
    assert document.code.startswith("from train.data import Lines\n\ndataset = Lines.make()\n")
    assert "shuffle" not in document.code and "collate" not in document.code
    (_, row) = out_table(tuned).lines
    assert list(row.cells.values()) == ["not applicable", "dali, spdl", "reads images"]
    assert from_json(Tuned, json.loads(json.dumps(to_json(tuned)))) == tuned


def test_the_best_of_each_kind_by_itself() -> None:
    """Alone and in the loop, its epochs, its memory, and what it left behind; settings nobody looked at have
    no row."""
    text = shown(TUNED, 160)
    block = text[text.index("The best of each kind, looked at by itself") :].splitlines()[1:4]
    assert "epoch" in block[0] and "gap" in block[0] and "shared" in block[0] and "pinned" not in block[0]
    assert block[1].split()[0] == "dali" and "2 threads, 1 process" in block[1]
    assert block[2].split()[:4] == ["dataloader", "625/s", "495/s", "8.50"] and "40.0 MiB" in block[2]
    assert block[2].rstrip().endswith("nothing")
    assert "shared: 40.0 MiB" in shown(TUNED, 80)
    bare = replace(TUNED, ranked=(ranked(TWO, 2.02e-3),))
    assert "looked at by itself" not in shown(bare)


def test_an_answer_says_how_sure_it_is() -> None:
    """How much of the grid ran, how often, and how the answer stands against the next, with the interval."""
    text = shown(TUNED, 200)
    assert text.startswith("best setting here: dataloader")
    assert "3 of 39 settings ran, 4 repetitions each, 4 repetitions of the answer" in text
    assert (
        "the fastest, dali-w2-p2-b64, is ahead: the answer is 1.010x slower (0.990 to 1.030x), and smaller"
        in text
    )
    assert "no time was left" not in text
    ahead = shown(replace(TUNED, answer=DALI), 200)
    assert "the next, dataloader-w2-p2-b64, is 1.010x slower (0.990 to 1.030x)" in ahead
    close = shown(replace(TUNED, certainty=Certainty.CLOSE))
    assert close.startswith("best setting so far (others may be as fast): dataloader")


def test_a_provisional_answer_is_called_so_with_what_would_decide_it() -> None:
    """One lap each of a few settings is no best setting: it says so first, what is missing, and the one
    command."""
    single = tuple(replace(each, samples=1) for each in TUNED.ranked)
    found = replace(
        TUNED, ranked=single, certainty=Certainty.PROVISIONAL, needs=290.0, undone=(Undone.LOOP, Undone.KINDS),
        decide="python -m harness tune --budget 5m",
    )  # fmt: skip
    text = shown(found, 200)
    assert text.startswith("provisional answer, not decided: dataloader")
    assert "best setting" not in text
    assert "3 of 39 settings ran, 1 repetition each, 1 repetition of the answer" in text
    assert "no time was left for where the loop's time goes, checking every kind of loader" in text
    assert "what decides, in 4 min 50 s: python -m harness tune --budget 5m" in text
    out = io.StringIO()
    show_document(
        tuning_document(found), Console(file=out, width=120, force_terminal=True, color_system="standard")
    )
    assert "\x1b[1;33m" in out.getvalue().splitlines()[0] and "32m" not in out.getvalue().splitlines()[0]


def test_settings_without_room_are_named_with_the_limit() -> None:
    """What did not run for want of memory is no secret."""
    lost = LeftOut(
        WorkerLimit.SHARED_MEMORY,
        "64 MiB of 64 MiB free in /dev/shm",
        ("dataloader-w1-p2-b64", "tensors-w1-p2-b64"),
    )
    text = shown(replace(TUNED, left_out=(lost,)), 300)
    assert (
        "2 settings left out for want of shared memory (dataloader-w1-p2-b64, tensors-w1-p2-b64): 64 MiB"
        in text
    )
    assert "--shm-size=8g, or --ipc=host" in text


def test_no_rate_is_a_share_of_what_does_not_bound_it() -> None:
    """One core's decoder, the disk and the loader alone stand beside the loop's rate: it may well be
    faster."""
    text = shown(replace(TUNED, ceilings={"decode": 250.0, "alone": 600.0}), 200)
    assert "one core decodes with the fastest decoder here 250 samples/s; this loop takes 495" in text
    assert " of that" not in text


def test_no_answer_is_reported_as_such() -> None:
    """With the reasons below."""
    text = shown(replace(TUNED, ranked=(), answer=None, default=None, headroom=None))
    assert text.startswith("no setting finished a sample")
    assert "its worker was killed" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_width_cuts_anything_off(width: int) -> None:
    """A narrow terminal folds."""
    text = "".join(shown(TUNED, width).split())
    assert "numworkers=2" in text.replace("_", "")
    assert all(len(line) <= width for line in shown(TUNED, width).splitlines())


def test_foreign_text_has_no_power() -> None:
    """A folder's name is shown as text, without its control characters and markup."""
    text = shown(replace(TUNED, data="/x/[bold]\x1b[31mred\x07", failed={"[red]": "a\x1b[2J"}))
    assert "\x1b" not in text
    assert "[bold]" in text


def test_markdown_has_the_code_in_a_fence_and_every_setting() -> None:
    """The form for pull requests says what the terminal does; names from records stand in code."""
    page = markdown(tuning_document(TUNED))
    assert page.startswith("## best setting here: dataloader, 2 workers")
    assert "\n    num_workers=2,\n" in page.partition("```")[2].partition("```")[0]
    assert page.count("| `dataloader` | 2 |") == 1
    assert "| not here | `dali_gpu` | `decodes on a GPU: no CUDA here` |" in page


def test_a_saved_result_without_a_time_has_no_rate() -> None:
    """Zero seconds a sample, as a damaged file may hold, are no rate, and no error."""
    text = shown(replace(TUNED, ranked=tuple(replace(each, seconds=0.0) for each in TUNED.ranked)))
    assert "? samples/s in the loop" in text


def test_the_document_goes_there_and_back() -> None:
    """What is saved is what was found, field by field; a document of something else is refused by name."""
    stored = json.loads(json.dumps(to_json(TUNED), allow_nan=False))
    assert from_json(Tuned, stored) == TUNED
    with pytest.raises(ValueError, match="ranked"):
        from_json(Tuned, {**stored, "ranked": 3})


def test_progress_in_a_pipe_is_a_line_for_what_is_new() -> None:
    """Not one for every lap of a heat."""
    out = io.StringIO()
    with TuneProgress(Console(file=out, width=200)) as screen:
        screen.called({}, "4000 images")
        for name in ("a", "b"):
            screen.doing(f"heat 1: {name}", 90.0)
        screen.doing("heat 2: a", 80.0)
        screen.note("dali is out")
    lines = out.getvalue().splitlines()
    assert lines == ["4000 images", "heat 1: a (90 s left)", "heat 2: a (80 s left)", "dali is out"]
