"""What is waited for, what is lost, and what is tried again: jobs by script, on a clock by script."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cluster.drive import ENDING, LATE, SILENT, Driver, again
from harness.cluster.job import NodeJob
from harness.cluster.place import JobState, Phase, Submitted
from harness.model.run_set import JobEnd, JobOutcome
from harness.store import StoreError
from harness.store.sets import JobJournal
from tests.support.places import STARTED, Clock, ScriptedPlace, Shown, jobs_on, leave_run

WAITS = JobState(Phase.WAITING, "PENDING", "Resources")
RUNS = JobState(Phase.RUNNING, "RUNNING")
FORGOTTEN = JobState(word="FORGOTTEN")
Step = JobState | Callable[[NodeJob], JobState] | None


def over(word: str, code: int = 0, signal: int = 0) -> JobState:
    """A job that is over."""
    return JobState(Phase.OVER, word, exit_code=code, signal=signal)


def leaves(
    state: JobState, why: str | None = "everything was decided", **more: float
) -> Callable[[NodeJob], JobState]:
    """It leaves a run and has this state."""

    def step(job: NodeJob) -> JobState:
        if not (job.folder / job.name).exists():
            leave_run(job, why, **more)  # type: ignore[arg-type]
        return state

    return step


def drive(
    folder: Path, script: dict[str, list[Step]], clock: Clock | None = None, **more: object
) -> tuple[dict[str, JobEnd], ScriptedPlace, Shown]:
    """Have these jobs run."""
    place = ScriptedPlace(script, **more)  # type: ignore[arg-type]
    shown = Shown()
    jobs = [job for job in jobs_on(folder, *script) if "-" not in job.name]
    driver = Driver(place, JobJournal(folder), shown, (clock or Clock()).moments())
    driver.drive(jobs)
    assert driver.ends == shown.ends
    return {end.name: end for end in driver.ends}, place, shown


def test_a_job_is_done_when_its_record_has_its_end(tmp_path: Path) -> None:
    """A scheduler may still call it running."""
    ends, _, shown = drive(tmp_path, {"n1": [WAITS, RUNS, leaves(RUNS)], "n2": [leaves(over("FAILED", 3))]})
    assert {name: end.outcome for name, end in ends.items()} == dict.fromkeys(
        ("n1", "n2"), JobOutcome.FINISHED
    )
    assert ends["n1"].host == "host"
    assert shown.lines == ["n1: waiting Resources", "n2: over", "n1: running"]


@pytest.mark.parametrize("completed", [over("COMPLETED"), over("FAILED", 1), FORGOTTEN])
def test_no_word_of_a_scheduler_makes_a_job_done(tmp_path: Path, completed: JobState) -> None:
    """It is lost, with its state, its exit status and the end of its log; it is not tried again."""
    clock = Clock()
    jobs_on(tmp_path, "n1")
    (tmp_path / "logs" / "1.log").write_text("submitit INFO x\nimporting\n\nKilled\n")
    ends, place, _ = drive(tmp_path, {"n1": [RUNS, leaves(completed, None)]}, clock)
    end = ends["n1"]
    assert (end.outcome, end.tail, end.retried) == (JobOutcome.LOST, ("importing", "Killed"), False)
    if completed.word == "FAILED":
        assert (end.state, end.exit_code) == ("FAILED", 1)
    assert clock.now >= LATE
    assert len(place.jobs) == 1


def test_a_directory_that_shows_late(tmp_path: Path) -> None:
    """Files of another machine may come after the scheduler's word."""
    late: list[Step] = [
        RUNS,
        over("COMPLETED"),
        over("COMPLETED"),
        over("COMPLETED"),
        leaves(over("COMPLETED")),
    ]
    ends, _, _ = drive(tmp_path, {"n1": late})
    assert ends["n1"].outcome is JobOutcome.FINISHED


@pytest.mark.parametrize("word", ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL"])
@pytest.mark.parametrize("why", [None, "interrupted"])
def test_what_its_node_or_scheduler_ended_is_tried_once_more(
    tmp_path: Path, word: str, why: str | None
) -> None:
    """Under another name, whether or not the run could still write its end."""
    script: dict[str, list[Step]] = {
        "n1": [RUNS, leaves(over(word), why)],
        "n1-2": [leaves(over("COMPLETED"))],
    }
    ends, place, _ = drive(tmp_path, script)
    assert (ends["n1"].retried, ends["n1-2"].outcome) == (True, JobOutcome.FINISHED)
    assert place.jobs["2"].command == ("bench", "--folder", "n1-2")
    assert (place.jobs["2"].node, place.jobs["2"].attempt) == ("n1", 2)


def test_it_is_tried_once(tmp_path: Path) -> None:
    """The second failure is the end."""
    script: dict[str, list[Step]] = {
        "n1": [leaves(over("NODE_FAIL"), None)],
        "n1-2": [leaves(over("NODE_FAIL"), None)],
    }
    ends, place, _ = drive(tmp_path, script)
    assert (ends["n1-2"].outcome, ends["n1-2"].retried) == (JobOutcome.LOST, False)
    assert len(place.jobs) == 2


def test_nothing_is_tried_on_a_node_that_is_down(tmp_path: Path) -> None:
    """It would wait there for ever."""
    ends, place, _ = drive(tmp_path, {"n1": [leaves(over("NODE_FAIL"), None)]}, down=frozenset({"n1"}))
    assert (ends["n1"].outcome, ends["n1"].retried, len(place.jobs)) == (JobOutcome.LOST, False, 1)


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        ("stopped: disk full", JobOutcome.STOPPED),
        ("interrupted", JobOutcome.CANCELLED),
        ("the time budget was used up", JobOutcome.FINISHED),
    ],
)
def test_an_end_in_the_record_is_never_tried_again(tmp_path: Path, why: str, outcome: JobOutcome) -> None:
    """What a run says of its end is the outcome."""
    ends, place, _ = drive(tmp_path, {"n1": [RUNS, leaves(over("FAILED", 3), why)]})
    assert (ends["n1"].outcome, len(place.jobs)) == (outcome, 1)


def test_others_go_on_when_one_is_refused(tmp_path: Path) -> None:
    """A site may allow only so many."""
    ends, _, _ = drive(
        tmp_path, {"n1": [leaves(RUNS)], "n2": []}, refused={"n2": "QOSMaxSubmitJobPerUserLimit"}
    )
    assert ends["n1"].outcome is JobOutcome.FINISHED
    assert (ends["n2"].outcome, ends["n2"].reason) == (JobOutcome.REFUSED, "QOSMaxSubmitJobPerUserLimit")


def test_a_job_that_would_never_begin_is_cancelled(tmp_path: Path) -> None:
    """A reason for waiting that does not pass by itself."""
    stuck = JobState(Phase.WAITING, "PENDING", "PartitionTimeLimit", stuck=True)
    ends, place, _ = drive(tmp_path, {"n1": [stuck]})
    assert (ends["n1"].outcome, ends["n1"].reason, place.cancelled) == (
        JobOutcome.REFUSED,
        "PartitionTimeLimit",
        ["1"],
    )


def test_a_scheduler_that_is_restarted(tmp_path: Path) -> None:
    """Without an answer nothing is lost, and a record that gets its end is done."""
    silent: list[Step] = [RUNS, *[None] * 30, leaves(RUNS)]
    ends, _, _ = drive(tmp_path, {"n1": silent})
    assert ends["n1"].outcome is JobOutcome.FINISHED


def test_a_scheduler_that_stays_silent(tmp_path: Path) -> None:
    """A job that ran is given up some time after its limit."""
    clock = Clock()
    ends, _, _ = drive(tmp_path, {"n1": [leaves(RUNS, None), None]}, clock)
    assert ends["n1"].outcome is JobOutcome.LOST
    assert 3600 + SILENT < clock.now < 3600 + SILENT + 60


def test_a_scheduler_that_is_silent_from_the_beginning(tmp_path: Path) -> None:
    """The job's note says that it began: it is given up after its limit, too."""
    clock = Clock()
    (job,) = jobs_on(tmp_path, "n1")
    place = ScriptedPlace({"n1": [None]})
    clock.then = lambda: None if (tmp_path / "n1").exists() else leave_run(job, None)
    driver = Driver(place, JobJournal(tmp_path), Shown(), clock.moments())
    driver.drive([job])
    assert driver.ends[0].outcome is JobOutcome.LOST
    assert 3600 + SILENT < clock.now < 3600 + SILENT + 60


def test_a_job_that_waits_has_no_limit(tmp_path: Path) -> None:
    """Queues may be long."""
    clock = Clock()
    place = ScriptedPlace({"n1": [*[WAITS] * 500, leaves(RUNS)]})
    driver = Driver(place, JobJournal(tmp_path), Shown(), clock.moments())
    driver.drive(jobs_on(tmp_path, "n1", seconds=60.0))
    assert clock.now > 2 * (60 + SILENT)
    ends = {end.name: end for end in driver.ends}
    assert ends["n1"].outcome is JobOutcome.FINISHED


def test_in_turn_the_next_begins_when_the_processes_are_gone(tmp_path: Path) -> None:
    """They would disturb each other."""
    script: dict[str, list[Step]] = {
        "n1": [RUNS, leaves(RUNS), RUNS, over("")],
        "n2": [leaves(over(""))],
    }
    _, place, _ = drive(tmp_path, script, in_turn=True)
    assert place.log == ["submit n1", *["look"] * 4, "submit n2", "look"]


def test_a_clock_that_is_off(tmp_path: Path) -> None:
    """By more than a minute: a note of it goes with the end."""
    script: dict[str, list[Step]] = {
        "n1": [leaves(RUNS, began=STARTED + 500)],
        "n2": [leaves(RUNS, began=STARTED - 4000)],
        "n3": [WAITS, WAITS, leaves(RUNS, began=STARTED + 8)],
    }
    ends, _, _ = drive(tmp_path, script)
    assert [round(ends[name].clock_off) for name in ("n1", "n2", "n3")] == [500, -4000, 0]


# --- Ctrl-C -------------------------------------------------------------------------------------------------


def interrupt(
    folder: Path, on_cancel: Callable[[NodeJob], None], clock: Clock, state: JobState = RUNS
) -> list[JobEnd]:
    """Two jobs on four nodes, in turn or not, and Ctrl-C while they run."""
    place = ScriptedPlace({name: [state] for name in ("n1", "n2")}, on_cancel=on_cancel)

    def press() -> None:
        clock.then = lambda: None
        raise KeyboardInterrupt

    clock.then = press
    driver = Driver(place, JobJournal(folder), Shown(), clock.moments())
    with pytest.raises(KeyboardInterrupt):
        driver.drive(jobs_on(folder, "n1", "n2"))
    assert place.cancelled == ["1", "2"]
    return driver.ends


def test_an_interrupt_cancels_all_and_waits_for_their_records(tmp_path: Path) -> None:
    """The jobs write their ends, and are waited for."""
    written: set[str] = set()

    def ends(job: NodeJob) -> None:
        if job.name not in written:
            written.add(job.name)
            leave_run(job, "interrupted")

    found = interrupt(tmp_path, ends, Clock())
    assert [end.outcome for end in found] == [JobOutcome.CANCELLED] * 2


def test_an_interrupt_does_not_wait_for_ever(tmp_path: Path) -> None:
    """What does not end is lost."""
    clock = Clock()
    found = interrupt(tmp_path, lambda job: None, clock)
    assert [end.outcome for end in found] == [JobOutcome.LOST] * 2
    assert ENDING <= clock.now < 2 * ENDING


def test_an_interrupt_while_a_job_is_submitted(tmp_path: Path) -> None:
    """The job that was just taken is cancelled, too, and no other is submitted."""
    place = ScriptedPlace({name: [over("CANCELLED")] for name in ("n1", "n2")})
    taken = place.submit

    def submit(job: NodeJob) -> Submitted:
        found = taken(job)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return found

    place.submit = submit  # type: ignore[method-assign]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    driver = Driver(place, JobJournal(tmp_path), Shown(), Clock().moments())
    with pytest.raises(KeyboardInterrupt):
        driver.drive(jobs_on(tmp_path, "n1", "n2"))
    assert place.cancelled == ["1"]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_nobody_is_left_waiting_for_jobs(tmp_path: Path) -> None:
    """Where their ends cannot be written down, a full disk say, the jobs are cancelled."""
    place = ScriptedPlace({"n1": [RUNS, leaves(RUNS)], "n2": [RUNS]})
    journal = JobJournal(tmp_path)

    def full(end: JobEnd) -> None:
        raise StoreError("No space left on device")

    journal.ended = full  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="No space left"):
        Driver(place, journal, Shown(), Clock().moments()).drive(jobs_on(tmp_path, "n1", "n2"))
    assert place.cancelled == ["2"]


def test_an_interrupt_before_anything_began(tmp_path: Path) -> None:
    """A job that is over without a record was cancelled, and lost nothing."""
    found = interrupt(tmp_path, lambda job: None, Clock(), over("CANCELLED"))
    assert [end.outcome for end in found] == [JobOutcome.CANCELLED] * 2


def test_the_name_of_the_folder_alone_changes(tmp_path: Path) -> None:
    """A node may be called like a word of the command."""
    job = NodeJob("cpu", "cpu", tmp_path, ("bench", "--device", "cpu", "--folder", "cpu"), 1.0, tmp_path)
    assert again(job).command == ("bench", "--device", "cpu", "--folder", "cpu-2")
