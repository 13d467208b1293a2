"""A worker that is killed with the lock of the event that tells workers to end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.synchronize import Event
from types import SimpleNamespace

import pytest

from harness.loading.loaders import done_event
from harness.loading.loaders.done_event import DoneEvent, survive_dead_workers
from tests.support.living import PATIENCE

FORK = multiprocessing.get_context("fork")


def _killed_with_the_lock(event: Event) -> None:
    event._cond.acquire()  # type: ignore[attr-defined]
    os.kill(os.getpid(), signal.SIGKILL)


def _event_of_a_dead_worker() -> tuple[Event, list[multiprocessing.context.ForkProcess]]:
    event = FORK.Event()
    worker = FORK.Process(target=_killed_with_the_lock, args=(event,))
    worker.start()
    worker.join(PATIENCE)
    assert worker.exitcode == -signal.SIGKILL
    return event, [worker]


@pytest.mark.parametrize("call", ["set", "is_set", "clear"])
def test_a_dead_worker_s_lock_is_freed(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that, each of these would wait for ever."""
    monkeypatch.setattr(done_event, "HELD", 0.01)
    event, workers = _event_of_a_dead_worker()
    caller = threading.Thread(target=getattr(DoneEvent(event, workers), call), daemon=True)
    caller.start()
    caller.join(PATIENCE)
    assert not caller.is_alive()
    assert event.is_set() is (call == "set"), "the event itself can be used again"


def test_a_lock_that_was_given_back_is_left_as_it_is() -> None:
    """A worker that died at another moment has it no more, and one that lives gives it back itself."""
    dead = FORK.Process(target=os._exit, args=(1,))
    dead.start()
    dead.join(PATIENCE)
    for workers in ([dead], []):
        event = FORK.Event()
        DoneEvent(event, workers).set()
        lock = event._cond._lock  # type: ignore[attr-defined]
        assert event.is_set() and lock.acquire(timeout=0) and not lock.acquire(timeout=0)
        lock.release()


def test_every_iterator_with_workers_has_it() -> None:
    """What has no workers is left alone."""
    iterator = SimpleNamespace(_workers_done_event=FORK.Event(), _workers=[])
    survive_dead_workers(iterator)
    assert isinstance(iterator._workers_done_event, DoneEvent)
    survive_dead_workers(iterator)
    survive_dead_workers(SimpleNamespace())
    assert isinstance(iterator._workers_done_event._event, Event), "not around itself"
