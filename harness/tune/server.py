"""The answering end of a loader process: one reply a request, until the other end closes the channel."""

from __future__ import annotations

import sys
import traceback

from harness.errors import UsageError
from harness.loading.data.folder import DataError
from harness.measure.failure import failure
from harness.processes.live import Channel, ChannelClosed
from harness.tune import messages
from harness.tune.dataset_worker import DatasetWorker
from harness.tune.worker import LoaderWorker
from harness.workers import codec
from harness.workers.codec import Failure, FailureKind, Message, Request
from harness.workers.variant_requests import Done


def answer(worker: LoaderWorker | DatasetWorker, request: Message) -> Message:
    """The reply to one request. Raises whatever the loader raises."""
    found: Message
    match request:
        case messages.Introduce():
            found = worker.introduce()
        case messages.FindDamaged():
            found = messages.DamagedFound(worker.find_damaged(request.seconds))
        case messages.LeaveOut():
            worker.leave_out(request.files)
            found = Done()
        case messages.CountImages():
            found = messages.ImagesCounted(worker.count_images())
        case messages.MeasureCeilings():
            found = messages.RatesMeasured(worker.ceilings(request))
        case messages.MeasureStages():
            found = messages.StagesMeasured(worker.stages(request))
        case messages.MeasureSample():
            found = messages.SampleMeasured(worker.sample(request))
        case messages.CheckDelivery():
            found = messages.DeliveryChecked(worker.check(request))
        case messages.MeasureOneCore():
            found = messages.SecondsMeasured(worker.one_core(request))
        case messages.MeasureEpochs():
            found = messages.EpochsMeasured(worker.epochs(request))
        case _:
            raise ValueError(f"a loader process has no reply to {type(request).__name__}")
    return found


def failed(error: Exception, worker: LoaderWorker | DatasetWorker | None) -> Failure:
    """The reply to a request that raised, with the image at fault, if there is one."""
    if isinstance(error, UsageError):
        return Failure(str(error), FailureKind.REFUSED)
    if isinstance(error, DataError):
        return Failure(str(error), file=worker.at_fault(error) if worker is not None else None)
    return Failure(failure(error))


def main() -> int:
    """Serve until the channel is closed."""
    channel = Channel.inherited()
    if channel is None:
        sys.exit("the harness starts loader processes; they cannot be started by hand")
    worker: LoaderWorker | DatasetWorker | None = None
    try:
        while True:
            request = codec.must_receive(channel)
            assert isinstance(request, Request)
            reply: Message = Done()
            try:
                if worker is None:
                    assert isinstance(request, messages.LoaderPlan)
                    worker = DatasetWorker(request) if request.dataset else LoaderWorker(request)
                else:
                    reply = answer(worker, request)
            except Exception as error:
                traceback.print_exc()
                reply = failed(error, worker)
            codec.send(channel, reply)
    except ChannelClosed:
        return 0
