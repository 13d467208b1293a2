"""Tuning without a loader: which grid a machine gets, images that are left out, and what is made of what was found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import store
from harness.cli import tune as command
from harness.cli.tune import again, axes_of, noted, status_of
from harness.errors import UsageError
from harness.loading.data.folder import FolderOddities
from harness.loading.machine.limits import FreeBytes, WorkerRoom
from harness.model import Certainty, ClockEvent, LoaderSample, Ranked, SampleStage, Setting, Tuned, Undone
from harness.monitor.run import Monitor
from harness.program import NOX_VARIABLE
from harness.report.tuning.certainty import no_room
from harness.tune import track
from harness.tune import tune as module
from harness.tune.budget import Budget
from harness.tune.client import LoaderClient, LoaderWorkerError, OutOfTime
from harness.tune.diagnose import Diagnoser, Diagnosis, begin
from harness.tune.race import SettingsGrid
from harness.tune.settings import TuneSettings
from harness.tune.track import HEATS_A_LANE, RaceWorkers
from harness.tune.tune import tune
from harness.workers.collect import WorkerError
from tests.support.replayed import UUID, Replayed
from tests.support.staged import ByHand

GIB = 2**30
TOLD: dict[str, Any] = {
    "device": "cpu",
    "missing": {"tensors": "this torchvision decodes no images any more"},
}


def asked(*kinds: str, batch_sizes: tuple[int, ...] = (64,)) -> TuneSettings:
    return TuneSettings(None, "none", "auto", batch_sizes, kinds)


def machine(monkeypatch: pytest.MonkeyPatch, *, cores: int = 2, memory: int = 8 * GIB, shared: int = 8 * GIB) -> None:
    there = WorkerRoom(cores, FreeBytes(memory, 16 * GIB, "memory"), FreeBytes(shared, 16 * GIB, "/dev/shm"))
    monkeypatch.setattr(command, "this_machine", lambda: there)
    monkeypatch.setattr(command, "usable_cores", lambda: cores)


# --- the grid ---------------------------------------------------------------------------------------------------------


def test_the_grid_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that are here, worker counts up to what the cores carry; threads begin at one, no queue has one length."""
    machine(monkeypatch)
    axes, left_out = axes_of(TOLD, asked("dataloader", "tensors", "dali", "dali_dynamic"))
    grid = axes.grid()
    assert left_out == ()
    assert {setting.kind for setting in grid} == {"dataloader", "dali", "dali_dynamic"}
    assert {setting.workers for setting in grid if setting.kind == "dataloader"} == {0, 1, 2, 4}
    assert {setting.workers for setting in grid if setting.kind == "dali"} == {1, 2, 4}
    assert {setting.prefetch for setting in grid if setting.kind == "dali"} == {1, 2, 4}
    assert {setting.prefetch for setting in grid if setting.kind == "dali_dynamic"} == {2}


def test_more_workers_than_cores_are_raced_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are slow, not wrong; nobody tries them unasked."""
    machine(monkeypatch, cores=1)
    assert {setting.workers for setting in axes_of(TOLD, asked("dataloader"), (16,))[0].grid()} == {16}
    axes, left_out = axes_of(TOLD, asked("dataloader"))
    assert max(setting.workers for setting in axes.grid()) == 2
    assert [each.limit for each in left_out] == ["cores"] and "dataloader-w4-p2-b64" in left_out[0].settings


@pytest.mark.parametrize(
    ("room", "limit", "named", "remedy"),
    [
        (
            {"shared": 64 * 2**20},
            "shared memory",
            "64 MiB of 16.0 GiB free in /dev/shm",
            "--shm-size=8g, or --ipc=host",
        ),
        ({"memory": 100 * 2**20}, "memory", "100 MiB of 16.0 GiB free in memory", "a smaller --batch-size"),
    ],
)
def test_what_does_not_fit_is_named(
    room: dict[str, int], limit: str, named: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A /dev/shm, or a memory, too small for even one worker: which settings it costs, the numbers and the remedy."""
    machine(monkeypatch, **room)
    axes, left_out = axes_of(TOLD, asked("dataloader"))
    assert {setting.workers for setting in axes.grid()} == {0}
    lost = [each for each in left_out if each.limit == limit]
    assert all(named in each.sentence for each in lost)
    names = {name for each in lost for name in each.settings}
    assert names >= {f"dataloader-w{workers}-p2-b64" for workers in (1, 2, 4)}
    assert remedy in no_room(lost[0]) and named in no_room(lost[0])
    with pytest.raises(UsageError, match=f"no setting fits into this machine: .*for want of {limit}.*to race them, "):
        axes_of(TOLD, asked("dataloader"), (2, 4))


def test_uint8_batches_are_a_quarter_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that hand over bytes fit where those that hand over floats do not."""
    machine(monkeypatch, shared=64 * 2**20)
    grid = axes_of({**TOLD, "missing": {}}, asked("dataloader", "uint8"))[0].grid()
    assert {setting.workers for setting in grid if setting.kind == "dataloader"} == {0}
    assert max(setting.workers for setting in grid if setting.kind == "uint8") == 4


@pytest.mark.parametrize(
    ("kinds", "workers", "said"),
    [
        (("tensors",), None, "tensors: this torchvision decodes no images"),
        (("dali",), (0,), "dali: at least one thread is needed, and --workers names none"),
    ],
)
def test_kinds_that_cannot_race(
    kinds: tuple[str, ...], workers: tuple[int, ...] | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known, not here or not to be had with these workers is one clear line."""
    machine(monkeypatch)
    with pytest.raises(UsageError, match=said):
        axes_of(TOLD, asked(*kinds), workers)


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_command_that_decides_is_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another budget, in whole minutes, and whatever else was asked for."""
    monkeypatch.delenv(NOX_VARIABLE, raising=False)
    needs = Tuned("x", 1, "none", "cpu", 2, 0.03, (), None, None, needs=130.0)
    for given in (["--budget", "90s"], ["--budget=90s"], []):
        typed = ["tune", "--data", "my images", *given, "--step", "20ms"]
        assert again(typed, needs) == "python -m harness tune --data 'my images' --step 20ms --budget 3m"


@pytest.mark.parametrize(
    ("certainty", "answer", "status"),
    [
        (Certainty.DECIDED, Setting("dataloader", 2, 2, 10), 0),
        (Certainty.CLOSE, Setting("dataloader", 2, 2, 10), 0),
        (Certainty.PROVISIONAL, Setting("dataloader", 2, 2, 10), 3),
        (Certainty.DECIDED, None, 3),
    ],
)
def test_only_an_answer_that_is_sure_is_green(certainty: Certainty, answer: Setting | None, status: int) -> None:
    """A provisional answer is no success."""
    assert status_of(Tuned("x", 1, "none", "cpu", 2, 0.03, (), answer, None, certainty=certainty)) == status


def test_oddities_of_a_folder_are_said() -> None:
    """Empty classes keep their numbers, hidden folders have none."""
    assert noted(FolderOddities()) == ()
    empty, hidden = noted(FolderOddities(("zebra",), (".checkpoints", ".trash")))
    assert empty.startswith(
        "1 class folder without images: zebra; classes keep the numbers that ImageFolder(allow_empty"
    )
    assert hidden.startswith("hidden folders are no classes: .checkpoints, .trash; ImageFolder would number them too")
    (many,) = noted(FolderOddities(tuple("abcdefg")))
    assert "a, b, c, d, e and 2 more" in many


# --- damaged images ---------------------------------------------------------------------------------------------------


class Torn:
    """Lanes that come across a damaged image, a different one each time, until all of them are left out."""

    opened: list[list[str]]
    damaged: list[str]
    start_seconds: float | None = None

    def __init__(self, python: str, plan: dict[str, Any], log: Path, **more: object) -> None:
        self.more = more
        self.without = list(plan["without"])
        self.opened.append(self.without)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def begin(self, kinds: Iterable[str]) -> None:
        """They are here."""

    def leave_out(self, files: Iterable[str]) -> None:
        """From now on."""
        self.without += files

    def lap(self, *_: object, **__: object) -> LoaderSample:
        """A lap of what is left."""
        for file in self.damaged:
            if file not in self.without:
                raise LoaderWorkerError(f"{file} cannot be decoded (it is empty): remove or replace it", file)
        return LoaderSample(1.0, 64)


def torn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: list[str]) -> tuple[RaceWorkers, list[str]]:
    notes: list[str] = []
    monkeypatch.setattr(track, "LoaderClient", Torn)
    monkeypatch.setattr(Torn, "opened", [], raising=False)
    monkeypatch.setattr(Torn, "damaged", damaged, raising=False)
    return RaceWorkers("python", {}, tmp_path, note=notes.append), notes


def test_a_damaged_image_is_left_out_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is no setting's fault: the lap is held again by the same lanes without it, and somebody is told."""
    running, notes = torn(monkeypatch, tmp_path, ["a.jpg", "b.jpg"])
    with running:
        running.images = 40
        assert running.lap(Setting("dataloader", 0, 0, 64), track.StepInput.WARM, seed=1).samples == 64
        assert len(Torn.opened) == 1
        running.fresh()
        running.lap(Setting("dataloader", 0, 0, 64), track.StepInput.WARM, seed=1)
    assert Torn.opened[-1] == ["a.jpg", "b.jpg"]
    assert notes[0] == "left out: a.jpg cannot be decoded (it is empty): remove or replace it"


def test_too_many_damaged_images_end_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With more than a tenth of them somebody should look at the data first."""
    running, notes = torn(monkeypatch, tmp_path, [f"{number}.jpg" for number in range(9)])
    with running, pytest.raises(WorkerError, match=r"5 of 40 images cannot be decoded, more than 10%: 4\.jpg cannot"):
        running.images = 40
        running.lap(Setting("dataloader", 0, 0, 64), track.StepInput.WARM, seed=1)
    assert len(notes) == 4
    running, notes = torn(monkeypatch, tmp_path, [])
    with running:
        running.images = 40
        running.leave_out({"x.jpg": "x.jpg cannot be decoded", "y.jpg": "y.jpg cannot be decoded"})
    assert notes == ["left out: x.jpg cannot be decoded, and 1 more that cannot be decoded"]


def test_what_is_lent_reaches_every_lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As does the bound on how long an answer is waited for."""
    torn(monkeypatch, tmp_path, [])

    def left() -> float:
        return 3.0

    with RaceWorkers("python", {}, tmp_path, lent=tmp_path / "lent", left=left) as running:
        for _ in range(2):
            lanes: Any = running.lanes()
            assert lanes.more == {"lent": tmp_path / "lent", "left": left}
            running.fresh()


def test_lanes_are_replaced_when_they_have_run_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that answered questions run no heat; then each runs two, unless it was closed before."""
    running, _ = torn(monkeypatch, tmp_path, [])
    with running:
        running.lanes()
        counts = []
        for _ in range(2 * HEATS_A_LANE + 1):
            running.heat([ANSWER])
            counts.append(len(Torn.opened))
        running.fresh()
        running.heat([ANSWER])
    assert counts == [2, 2, 3, 3, 4]
    assert len(Torn.opened) == 5


def test_lanes_run_on_where_starting_others_takes_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes that take ten seconds to start are not replaced where there are fifty left."""
    running, _ = torn(monkeypatch, tmp_path, [])
    monkeypatch.setattr(Torn, "start_seconds", 10.0)
    with running:
        for _ in range(2 * HEATS_A_LANE):
            running.heat([ANSWER], 50.0)
        assert len(Torn.opened) == 1
        running.heat([ANSWER], 500.0)
        assert len(Torn.opened) == 2


# --- what was found ---------------------------------------------------------------------------------------------------

ANSWER = Setting("dataloader", 2, 2, 10)
OTHER = Setting("tensors", 2, 2, 10)
DALI = Setting("dali", 2, 2, 10)


def place(setting: Setting = ANSWER, wait: float = 0.0) -> Ranked:
    return Ranked(setting, 4, 1.0, 0.99, 1.01, False, True, 0.01, {"wait_seconds": wait})


def test_what_it_costs_to_begin_an_epoch() -> None:
    """The wait for the first batch, less what the loop waits for a batch of every worker anyway."""
    assert begin(place(), 0.5) == 0.5
    assert begin(place(wait=0.01), 0.5) == pytest.approx(0.5 - 0.01 * 10 * 2)
    assert begin(place(wait=0.1), 0.5) == 0.0
    assert begin(place(Setting("dataloader", 0, 0, 10), wait=0.01), 0.1) == pytest.approx(0.0)


@pytest.mark.parametrize(("samples", "persistent"), [(1000, True), (1_000_000, False)])
def test_workers_live_on_where_epochs_are_short(samples: int, persistent: bool) -> None:
    """A gap that is half a second shorter is worth it for an epoch of ten seconds, not for one of hours."""
    surveyed = {ANSWER.name: {"epoch_gap_seconds": 0.7, "persistent_gap_seconds": 0.2}}
    cost = Diagnosis(surveys=surveyed, samples=samples).epoch(place(), 0.03)
    assert cost is not None
    assert cost.seconds == pytest.approx(samples * 0.01 + 0.7)
    assert cost.gain == pytest.approx(0.5 / cost.seconds)
    assert cost.persistent is persistent


def test_epochs_that_are_not_known() -> None:
    """Without a survey, or where nobody could count the images, nothing is claimed; without workers nothing to gain."""
    surveyed = {ANSWER.name: {"epoch_gap_seconds": 0.7}}
    assert Diagnosis(samples=10).epoch(place(), 0.03) is None
    assert Diagnosis(surveys=surveyed).epoch(place(), 0.03) is None
    cost = Diagnosis(surveys=surveyed, samples=10).epoch(place(), 0.03)
    assert cost is not None and cost.gain == 0.0 and not cost.persistent


class Asking:
    """A track that answers from a table; what it says wrong it raises."""

    start_seconds = 0.0

    def __init__(self, **wrong: str) -> None:
        self.wrong = wrong
        self.asked: list[str] = []
        self.laps = 0

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """The table's answer."""
        return question(self)

    def fresh(self) -> None:
        """As if there were lanes."""
        self.asked.append("fresh")

    def heat(self, settings: Iterable[Setting], left: float) -> None:
        """As if there were new ones every time."""
        self.fresh()

    def lap(self, setting: Setting, feed: object, *, seed: int, alone: bool = False, **_: object) -> LoaderSample:
        """A lap that is twice as fast without a step."""
        self.laps += 1
        self._refuse("lap")
        return LoaderSample(0.005 if alone else 0.01, 64)

    def _refuse(self, what: str) -> None:
        self.asked.append(what)
        if what in self.wrong:
            raise LoaderWorkerError(self.wrong[what])


def answering(monkeypatch: pytest.MonkeyPatch, **wrong: str) -> Asking:
    """Such a track behind the questions that findings ask of lanes."""
    found = Asking(**wrong)

    def answers(name: str, value: Callable[..., Any]) -> None:
        def reply(lanes: Any, **question: Any) -> Any:
            found._refuse(name)
            return value(**question)

        monkeypatch.setattr(LoaderClient, name, reply)

    answers("one_core", lambda **_: 0.02)
    answers("stages", lambda **_: (SampleStage("decode", 0.01), SampleStage("decode_fastest", 0.005)))
    answers("ceilings", lambda **_: {"disk": 1000.0})
    answers("epoch_samples", lambda: 640)
    nothing = {"threads_left": 0.0, "processes_left": 0.0}
    answers("survey", lambda setting, seed, persistent: {"epoch_gap_seconds": 0.2 if persistent else 0.7, **nothing})
    return found


def found_of(track_: Asking, left: float = 60.0, step: bool = False) -> tuple[Diagnosis, list[str], list[Undone]]:
    notes: list[str] = []
    budget = Budget.of(left, now=lambda: 0.0)
    findings = Diagnoser(track_, lambda _: None, budget, notes, lambda _: 2.0)  # type: ignore[arg-type]
    found = findings.about(ANSWER, [DALI, ANSWER, OTHER], 2, step=step, copies=False)
    return found, notes, list(findings.undone)


def test_findings_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates of one core, shares of all, the loader alone, gaps with workers of both sorts, an epoch's length."""
    found, notes, undone = found_of(answering(monkeypatch))
    assert notes == [] and undone == []
    assert found.ceilings == {"dali": 50.0, "dataloader": 50.0, "tensors": 50.0, "disk": 1000.0, "decode": 200.0}
    assert found.alone[ANSWER.name].share == pytest.approx(0.02 / 0.005 / 2)
    assert found.surveys[ANSWER.name]["epoch_gap_seconds"] == 0.7
    assert found.surveys[ANSWER.name]["persistent_gap_seconds"] == 0.2
    assert "persistent_gap_seconds" not in found.surveys[DALI.name]
    whole = found.completed(place())
    assert whole.ceiling == pytest.approx(2.0)
    assert whole.readings["loader_seconds"] == 0.005
    assert whole.readings["epoch_seconds"] == pytest.approx(640 * 0.01 + 0.7)


@pytest.mark.parametrize("question", ["one_core", "stages", "ceilings", "epoch_samples", "survey", "lap"])
def test_what_cannot_be_found_out_costs_nothing_else(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that dies over one question leaves a note, and the answers to the others."""
    found, notes, _ = found_of(answering(monkeypatch, **{question: "its lane was killed"}))
    assert any("its lane was killed" in note for note in notes)
    known = {
        "one_core": bool(found.alone),
        "stages": bool(found.stages),
        "ceilings": "disk" in found.ceilings,
        "epoch_samples": found.samples is not None,
        "survey": bool(found.surveys),
        "lap": bool(found.alone),
    }
    lost = {"one_core", "lap"} if question in ("one_core", "lap") else {question}
    assert {name for name, there in known.items() if not there} == lost


@pytest.mark.parametrize(
    ("left", "undone"),
    [
        (0.0, [Undone.LOOP, Undone.EPOCHS, Undone.STAGES, Undone.CEILINGS, Undone.CORES, Undone.OTHERS]),
        (4.5, [Undone.LOOP, Undone.STAGES, Undone.CEILINGS, Undone.CORES]),
        (20.0, []),
    ],
)
def test_parts_that_no_longer_fit_are_left_out(
    left: float, undone: list[Undone], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes what it takes by the laps of the race; what there is no time for is not begun, and is named."""
    found, notes, missing = found_of(answering(monkeypatch), left, step=True)
    assert missing == undone and notes == []
    assert (found.headspace is None) == (Undone.LOOP in undone)
    assert (ANSWER.name in found.surveys) == (Undone.EPOCHS not in undone)


def test_a_part_that_is_out_of_time_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that was still at work when time was up is nobody's fault."""
    track_ = answering(monkeypatch)

    def late(*_: object, **__: object) -> Any:
        raise OutOfTime("no time was left")

    monkeypatch.setattr(LoaderClient, "survey", late)
    found, notes, undone = found_of(track_)
    assert notes == [] and undone == [Undone.EPOCHS, Undone.OTHERS]
    assert found.stages and found.alone and not found.surveys


def test_a_loop_that_cannot_be_taken_apart_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a headspace there is still the answer."""
    found, _, _ = found_of(answering(monkeypatch, lap="its lane was killed"), step=True)
    assert found.headspace is None and "alone" not in found.ceilings
    assert found.surveys and found.samples == 640


# --- watched ----------------------------------------------------------------------------------------------------------


class Scripted(LoaderClient):
    """Lanes that answer at once, without a process: two settings, the one with a worker twice as fast."""

    def begin(self, kinds: Iterable[str]) -> None:
        """There is nothing to start."""

    def _ask(self, apart: bool, what: str, **details: Any) -> dict[str, Any]:
        environment = {"device": {"type": "cuda", "uuid": UUID}}
        seconds = 0.01 / (1 + details.get("setting", {}).get("workers", 0))
        answers: dict[str, dict[str, Any]] = {
            "introduce": {**TOLD, "environment": environment, "device": "cuda", "images": 24},
            "examine": {"damaged": {}},
            "check": {"unlike": None},
            "lap": {"seconds": seconds, "samples": 64, "readings": {"disk_bytes": 1.0}, "cut": False},
            "one core": {"seconds": 0.01},
            "ceilings": {"rates": {"disk": 1000.0}},
            "epoch samples": {"samples": 24},
            "stages": {"stages": []},
            "survey": {"readings": {"epoch_gap_seconds": 0.1, "threads_left": 0.0, "processes_left": 0.0}},
        }
        return answers[what]


class Unseen:
    """A screen nobody watches."""

    def called(self, environment: object, told: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def doing(self, text: str, left_seconds: float) -> None:
        """Nothing."""


def tuned(monkeypatch: pytest.MonkeyPatch, folder: Path, watch: float, **readings: Any) -> Tuned:
    """A tuning of such lanes, beside a replayed GPU with these readings."""
    monkeypatch.setattr(track, "LoaderClient", Scripted)
    monkeypatch.setattr(
        module, "Monitor", partial(Monitor, module=Replayed(pcie_now=[[5, 16]], **readings), make=ByHand)
    )
    wanted = TuneSettings(None, "20ms", "auto", (64,), ("dataloader",), Budget.of(60.0), watch=watch)
    return tune(wanted, folder, Unseen(), lambda *_: (SettingsGrid({"dataloader": (0, 1)}, prefetch=(2,)), ()))


def test_every_lap_is_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Readings carry the setting and the heat, or the part of the loop; those between laps carry neither."""
    found = tuned(monkeypatch, tmp_path, 20.0)
    run = harness.load(tmp_path)
    seen = run.run.telemetry
    assert (seen.hertz, seen.devices) == (20.0, (UUID,))
    assert seen.cost is not None
    held = {(each.case, each.invocation) for each in seen.series if each.quantity == "power_watts"}
    race = {(f"tune::race[dataloader-w{workers}-", heat) for workers in (0, 1) for heat in range(1, found.heats + 1)}
    laps = {(case[: case.rindex("-w") + 4], heat) for case, heat in held if case.startswith("tune::race")}
    assert laps <= race and len(laps) >= found.heats
    assert {heat for _, heat in laps} == set(range(1, found.heats + 1))
    assert {case for case, _ in held} >= {"tune::alone[dataloader-w1-p2-b64]", "tune::loop[cold]", "tune::loop[alone]"}
    assert set(run.telemetry.case.dropna()) == {each.case for each in seen.series if each.case}
    assert not [note for note in found.notes if "GPU" in note]


def test_a_tuning_says_what_a_reader_must_know(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Heat, and somebody else on the GPU, are notes of what was found; its record keeps when each heat was held."""
    hot = int(ClockEvent.HARDWARE_THERMAL)
    found = tuned(monkeypatch, tmp_path, 20.0, events=[hot], processes=[[[1, 4096]]])
    told = " ".join(found.notes)
    assert re.search(r"the GPU was throttled in \d+ % of all blocks \(hardware thermal\)", told)
    assert f"{UUID} was not this run's alone" in told
    (heat, *_) = store.load(tmp_path).measurements
    ((start, end),) = heat.blocks
    assert end - start == pytest.approx(heat.seconds)


def test_a_tuning_that_is_not_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a rate of 0 there is no telemetry and no word about it."""
    found = tuned(monkeypatch, tmp_path, 0.0, events=[64])
    assert not (tmp_path / store.TELEMETRY_FILE).exists()
    assert found.notes == ()
