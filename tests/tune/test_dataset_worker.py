"""Tuning for a dataset of the user's: a real DataLoader with real workers, driven from this process."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.errors import UsageError
from harness.loading.data.folder import DataError
from harness.loading.errors.messages import LoaderError
from harness.model import OwnDataset, Setting, StepInput, Tuned
from harness.report.builders.tuning import tuning_document
from harness.store.codec import from_json
from harness.tune import diagnose, messages, race, race_workers, server
from harness.tune.client import LoaderClient, LoaderWorkerError
from harness.tune.dataset_worker import DatasetWorker
from harness.tune.messages import LoaderPlan, MeasureSample
from harness.workers.codec import FailureKind, Request, decode, encode

SOURCE = '''
import os

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Numbers(Dataset):
    """As many open a file: by the first process that reads, and for that one alone."""

    length = 30
    opened = None

    def __len__(self):
        return self.length

    def __getitem__(self, place):
        self.opened = self.opened or os.getpid()
        if self.opened != os.getpid():
            raise RuntimeError("opened by another process")
        return {"x": torch.full((256,), float(place)), "length": place % 3 + 1}


class Lines(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for place in range(first, 5, step):
            yield torch.ones(4), place


class Hollow(IterableDataset):
    def __iter__(self):
        return iter(())


class Bad(Numbers):
    def __getitem__(self, place):
        if place == 5:
            raise KeyError("label")
        return super().__getitem__(place)


class Empty(Numbers):
    length = 0


class Ragged(Numbers):
    def __getitem__(self, place):
        return torch.zeros(place)


class Unpicklable(Numbers):
    def __init__(self):
        self.transform = lambda sample: sample


def collate(samples):
    return {"x": torch.stack([sample["x"] for sample in samples]), "most": max(s["length"] for s in samples)}


def broken(samples):
    raise ValueError("no such\\nbatch")


def make():
    return Numbers(), collate


def bad():
    return Bad(), collate


def uncollated():
    return Numbers(), broken


def lines():
    return Lines()


def nothing():
    pass


def raises():
    raise FileNotFoundError("no such folder")


def three():
    return Numbers(), collate, 3


def loader():
    return DataLoader(Numbers())


def generator():
    yield 1


def the_class():
    return Numbers


def step(batch):
    assert batch["x"].shape[1:] == (256,) and batch["most"] <= 3


def images_step(x, places):
    assert x.shape[1:] == (4,) and len(places) == len(x)
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with a module in it that each test imports anew."""
    (tmp_path / "own_training.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("own_training", None)


def opened(function: str, step: str = "none") -> DatasetWorker:
    """What a loader process would have."""
    return DatasetWorker(LoaderPlan(None, "cpu", step, dataset=f"own_training:{function}"))


def sample(worker: DatasetWorker, workers: int, step_input: StepInput = StepInput.WARM) -> int:
    """Samples in a short window."""
    setting = Setting("dataloader", workers, 2 if workers else 0, 4)
    return worker.sample(MeasureSample(setting, step_input, 1, 3, 0.0)).samples


# --- what is made -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nope", "cannot be imported .AttributeError: module 'own_training' has no attribute 'nope'"),
        ("torch.__version__", "is an object of type TorchVersion, which cannot be called"),
        ("os.getcwd", "returned an object of type str, whose items are no samples: return a dataset, or"),
        ("nothing", "returned None, which neither has __len__ and __getitem__ nor is an IterableDataset: return a"),
        ("raises", r"raised FileNotFoundError: no such folder \(.*own_training.py, line \d+\)"),
        ("three", "returned a tuple of 3 .an object of type Numbers, .*: return a dataset, or a dataset and a"),
        ("loader", "returned a DataLoader: return its dataset"),
        ("generator", "returned an object of type generator, which neither"),
        ("the_class", "returned an object of type type, which neither"),
        ("Empty", "the dataset is empty, its __len__ is 0"),
        ("Hollow", "the dataset is empty, nothing came of it"),
    ],
)  # fmt: skip
def test_what_is_no_dataset_is_refused(function: str, words: str) -> None:
    """One line with the option, before anything is measured: the command line is wrong."""
    with pytest.raises(UsageError, match=f"^--dataset own_training:{function}:? {words}") as refused:
        opened(function).introduce()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("bad", r"sample 5 raised KeyError: 'label' \(.*own_training.py, line \d+\)"),
        ("Ragged", "samples could not be put into a batch, RuntimeError: stack expects.*; return a collate function"),
        ("uncollated", r"samples could not be put into a batch, ValueError: no such \(.*own_training.py, line \d+\)$"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_had_are_named(function: str, words: str) -> None:
    """The place of the sample, and the user's line: the data is wrong, nothing is left out."""
    worker = opened(function)
    with pytest.raises(DataError, match=f"^--dataset own_training:{function}: {words}"):
        (worker.introduce(), worker.find_damaged(1e9))


def test_what_a_worker_raises_is_one_line() -> None:
    """With the user's line; the check before the race sees it."""
    with pytest.raises(
        LoaderError, match=r"a loader worker raised KeyError: 'label' \(in __getitem__, .*own_tr"
    ):
        opened("bad").check(messages.CheckDelivery(Setting("dataloader", 1, 1, 30)))


def test_workers_that_are_not_forked_need_a_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forked ones do not: a dataset with a lambda runs here."""
    assert opened("Unpicklable").count_images() == 30
    monkeypatch.setattr("multiprocessing.get_start_method", lambda: "spawn")
    assert opened("make").count_images() == 30
    with pytest.raises(
        UsageError, match=r"Unpicklable: the dataset cannot be pickled, which workers started by 'sp"
    ):
        opened("Unpicklable")


# --- samples ------------------------------------------------------------------------------------------------


def test_workers_never_get_what_this_process_has_read() -> None:
    """Read here first, then by workers, then here again; the step has the batch as it was collated."""
    worker = opened("make", "own_training:step")
    assert worker.introduce().sample_bytes == 1024
    assert [sample(worker, workers) for workers in (0, 1, 0)] == [12, 12, 12]
    assert sample(worker, 1, StepInput.RESIDENT) == 12


def test_an_iterable_dataset_goes_on_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window is longer than its five samples; batches are spread over the step's arguments."""
    worker = opened("lines", "own_training:images_step")
    assert worker.count_images() is None
    assert sample(worker, 0) == sample(worker, 2) == 12
    assert worker.find_damaged(1e9) == {}
    two = Setting("dataloader", 2, 1, 2)
    with worker.small_epochs(two, 6, messages.MeasureEpochs(two, 0, persistent=False)) as loader:
        assert loader().ids.numel() == 6
    monkeypatch.setattr("own_training.Lines", sys.modules["own_training"].Hollow)
    with pytest.raises(DataError, match="the dataset delivered nothing more to any of 2 workers"):
        sample(opened("lines"), 2)


# --- as it is typed -----------------------------------------------------------------------------------------


class InThisProcess(LoaderClient):
    """A loader process that is this one; requests and replies pass through the codec."""

    worker: DatasetWorker | None = None

    def __enter__(self) -> LoaderClient:
        return self

    def begin(self, kinds: Iterable[str]) -> None:
        """There is nothing to start."""

    def ask(self, request: Request[Any]) -> Any:
        """The reply, or its failure as the driving end raises it."""
        try:
            self.worker = self.worker or DatasetWorker(self._plan)
            asked = decode(encode(request))
            return decode(encode(server.answer(self.worker, asked)))
        except Exception as error:
            failure = server.failed(error, self.worker)
            refused = failure.kind is FailureKind.REFUSED
            raise LoaderWorkerError(failure.reason, refused=refused) from None


Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Typed]:
    """Types a tuning with short samples: its exit status, its standard output and error."""
    for place, name, value in (
        (race_workers, "LoaderClient", InThisProcess), (race_workers, "LEAST_SECONDS", 0.0),
        (diagnose, "FEWEST_BLOCKS", 2), (diagnose, "BLOCKS", 2), (diagnose, "ROUNDS", 1), (race, "PREFETCH", (2,)),
        (race, "FINAL_REPETITIONS", 0),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, value)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["tune", *arguments, "--watch", "0", "--no-page", "--batch-size", "4"])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    yield run
    signal.signal(signal.SIGTERM, before)


def test_a_tuning_of_ones_own_dataset(here: Path, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer's code runs, and makes the user's batches; the tuning is saved, shown again, and resumed for
    the same dataset alone."""
    options = ("--step", "own_training:step", "--workers", "0,1", "--json", "found.json")
    status, out, err = typed("--dataset", "own_training:make", *options)
    assert status == 0, err
    assert "30 samples of own_training:make, step own_training:step, cpu" in out
    assert "an epoch of 30 samples takes " in out and "the step itself" in out
    assert "not applicable" in out and "a dataset of yours is read by the DataLoader" in out
    tuned = from_json(Tuned, json.loads(Path("found.json").read_text()))
    assert tuned.dataset == OwnDataset("own_training:make", 30, iterable=False, collate=True)
    assert (tuned.data, tuned.images, tuned.failed) == ("own_training:make", 30, {})
    assert {ranked.setting.workers for ranked in tuned.ranked} == {0, 1}
    assert tuned.headroom is not None and tuned.ceilings["dataloader"] > 0
    code, made = tuning_document(tuned).code, dict[str, Any]()
    exec(code, made)
    assert (
        "from own_training import make\n\ndataset, collate = make()\n" in code
        and "    shuffle=True,\n" in code
    )
    assert "dataset, collate = make()" in out
    assert next(iter(made["loader"]))["x"].shape == (4, 256)
    (run,) = (here / "results").iterdir()
    assert main(["report", str(run)]) == 0
    assert "30 samples of own_training:make" in capsys.readouterr().out
    (run / "tune.json").unlink()
    status, _, err = typed("--dataset", "own_training:bad", *options, "--resume", str(run))
    assert status == 3 and "dataset: own_training:make -> own_training:bad" in err
    status, out, _ = typed("--dataset", "own_training:make", *options, "--resume", str(run))
    assert status == 0 and "30 samples of own_training:make" in out


def test_a_tuning_of_an_iterable_dataset(typed: Typed) -> None:
    """It has no length, so that nothing is said of its epochs, and an order of its own."""
    status, out, err = typed("--dataset", "own_training:lines", "--workers", "0")
    assert status == 0, err
    assert "samples of own_training:lines, step none, cpu" in out and "an epoch of" not in out
    assert "dataset = lines()\n" in out and "shuffle" not in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--dataset", "training"), 2, "--dataset: 'training' is not a module and a function in it (example: "),
        (("--dataset", ""), 2, "--dataset: '' is not a module and a function in it"),
        (("--dataset", "nowhere_at_all:make"), 2, "--dataset: there is no module 'nowhere_at_all', neither in "),
        (("--dataset", "own_training:make", "--step", "resnet18"), 2, "--step: resnet18 takes the images of --data"),
        (("--dataset", "own_training:make", "--kinds", "dali,dataloader"), 2, "--kinds: dali reads image files itself"),
        (("--dataset", "own_training:nothing"), 2, "--dataset own_training:nothing returned None"),
        (("--dataset", "own_training:Hollow"), 2, "the dataset is empty, nothing came of it"),
        (("--dataset", "own_training:bad"), 3, "--dataset own_training:bad: sample 5 raised KeyError: 'label'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments: tuple[str, ...], status: int, words: str, typed: Typed) -> None:
    """What, where and what to do; status 2 for what is no dataset, 3 for samples that cannot be had."""
    found, _, error = typed(*arguments)
    assert (found, len(error.strip().splitlines())) == (status, 1)
    assert words in error
    assert status == 3 or not any(Path().glob("results/*"))


def test_a_folder_and_a_dataset_are_one_too_many(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    """Only one can be raced on."""
    with pytest.raises(SystemExit, match="2"):
        typed("--data", ".", "--dataset", "own_training:make")
    assert "argument --dataset: not allowed with argument --data" in capsys.readouterr().err
