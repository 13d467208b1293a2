"""Serves a lane: a question comes over the channel, its answer goes back, until nobody asks any more."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import inf

from harness.loading.data.folder import DataError
from harness.loading.data.repeated import Repeated
from harness.loading.loop.stages import stages
from harness.loading.machine.threads import one_thread
from harness.measure.failure import failure
from harness.model import Setting, StepInput
from harness.processes.live import Channel, ChannelClosed, Message
from harness.tune.worker import LoaderWorker, NoDevice


def answer(lane: LoaderWorker, question: Message) -> Message:
    """One question's answer. Raises whatever the loader raises."""
    setting = Setting(**question["setting"]) if "setting" in question else None
    found: Message
    match question["do"]:
        case "introduce":
            found = lane.introduce()
        case "check" if setting:
            found = {"unlike": lane.check(setting, bound(question["seconds"]))}
        case "examine":
            found = {"damaged": lane.examine(question["seconds"])}
        case "leave out":
            lane.leave_out(question["files"])
            found = {"images": len(lane.images)}
        case "lap" if setting:
            feed = StepInput(question["feed"])
            seed, count, least = question["seed"], question["count"], question["least_seconds"]
            most = bound(question["most_seconds"])
            found = asdict(lane.lap(setting, feed, seed, count, least, most, alone=question["alone"]))
        case "one core" if setting:
            most = bound(question["most_seconds"])
            found = {"seconds": lane.one_core(setting, question["seed"], question["count"], most)}
        case "epoch samples":
            found = {"samples": lane.epoch_samples()}
        case "survey" if setting:
            found = {"readings": lane.survey(setting, question["seed"], persistent=question["persistent"])}
        case "ceilings" if setting:
            found = {"rates": lane.ceilings(setting, bound(question["most_seconds"]))}
        case "stages":
            some = Repeated(lane.images, question["count"], question["seed"])
            most = bound(question["most_seconds"])
            with one_thread():
                found = {"stages": [asdict(stage) for stage in stages(some, question["batch_size"], most)]}
        case other:
            raise ValueError(f"nobody here knows what {other!r} asks")
    return found


def bound(seconds: float | None) -> float:
    """A bound in seconds as messages have it; none where it is None."""
    return inf if seconds is None else float(seconds)


@contextmanager
def _told(channel: Channel, lane: LoaderWorker | None) -> Iterator[None]:
    """What is raised inside is the answer, with the image to blame, if one is; its traceback goes to the log."""
    try:
        yield
    except ChannelClosed:
        raise
    except Exception as error:
        traceback.print_exc()
        blamed = lane.blamed(error) if lane is not None and isinstance(error, DataError) else None
        said = str(error) if isinstance(error, DataError) else failure(error)
        channel.send(error=said, file=blamed, refused=isinstance(error, NoDevice))


def main() -> int:
    """Serve until nobody asks any more."""
    channel = Channel.inherited()
    if channel is None:
        sys.exit("a lane is started by the harness, not by hand")
    lane: LoaderWorker | None = None
    try:
        while True:
            question = channel.receive()
            assert question is not None
            with _told(channel, lane):
                if lane is None:
                    lane = LoaderWorker(question)
                    channel.send(ok=True)
                else:
                    channel.send(**answer(lane, question))
    except ChannelClosed:
        return 0
