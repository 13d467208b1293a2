"""The requests and replies of a loader process survive the way through JSON."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest

from harness.errors import UsageError
from harness.loading.data.folder import DataError
from harness.model import LoaderSample, SampleStage, Setting, StageName, StepInput
from harness.tune import messages
from harness.tune.server import answer, failed
from harness.tune.worker import LoaderWorker
from harness.workers.codec import Failure, FailureKind, Message, Request, decode, encode, reply_type
from harness.workers.variant_requests import Done

SETTING = Setting("dali", 2, 4, 64, True)
SAMPLE = LoaderSample(0.01, 64, {"pss_bytes": 1e9}, True)
STAGES = (SampleStage(StageName.DECODE, 0.01), SampleStage(StageName.READ, 0.001))

PAIRS: list[tuple[Request[Any], Message]] = [
    (messages.LoaderPlan(None, "cpu", "none", ("a.jpg",)), Done()),
    (
        messages.Introduce(),
        messages.Introduction({"device": {"type": "cpu"}}, "cpu", 24, {"dali": "not installed"}, ("noted",)),
    ),
    (messages.FindDamaged(3.0), messages.DamagedFound({"a.jpg": "it is empty"})),
    (messages.LeaveOut(("a.jpg", "b.jpg")), Done()),
    (messages.CountImages(), messages.ImagesCounted(24)),
    (messages.MeasureCeilings(64, 5.0), messages.RatesMeasured({"disk": 1000.0})),
    (messages.MeasureStages(0, 256, 64, 5.0), messages.StagesMeasured(STAGES)),
    (messages.MeasureSample(SETTING, StepInput.COLD, 1, 8, 1.0, inf, True), messages.SampleMeasured(SAMPLE)),
    (messages.CheckDelivery(SETTING), messages.DeliveryChecked(None)),
    (messages.CheckDelivery(SETTING, 3.0), messages.DeliveryChecked("sample 3 has label 1")),
    (messages.MeasureOneCore(SETTING, 1, 4, 3.0), messages.SecondsMeasured(0.02)),
    (messages.MeasureEpochs(SETTING, 0, True), messages.EpochsMeasured({"epoch_gap_seconds": 0.7})),
]


@pytest.mark.parametrize(("request_", "reply"), PAIRS, ids=lambda each: type(each).__name__)
def test_both_ways(request_: Request[Any], reply: Message) -> None:
    """A request and its reply arrive equal, and the reply is of the type that the request states."""
    for message in (request_, reply):
        assert decode(json.loads(json.dumps(encode(message)))) == message
    assert type(reply) is reply_type(request_)


class Deaf(LoaderWorker):
    """A worker without images."""

    def __init__(self) -> None:
        pass

    def at_fault(self, error: DataError) -> str | None:
        """A known file."""
        return "a.jpg"


def test_a_request_without_a_reply() -> None:
    """A request of another room is an error, not silence."""

    with pytest.raises(ValueError, match="no reply to LoaderPlan"):
        answer(Deaf(), messages.LoaderPlan(None, "cpu", "none"))


def test_what_is_raised_is_a_failure_of_its_kind() -> None:
    """A missing device is refused, a damaged image names its file, anything else has the type of its
    error."""
    assert failed(UsageError("no such device"), None) == Failure("no such device", FailureKind.REFUSED)
    assert failed(DataError("a.jpg cannot be decoded"), Deaf()) == Failure(
        "a.jpg cannot be decoded", file="a.jpg"
    )
    assert failed(DataError("no images"), None) == Failure("no images")
    assert "ZeroDivisionError" in failed(ZeroDivisionError("1 / 0"), None).reason
