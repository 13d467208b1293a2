"""The requests to a loader process and their replies; `harness.workers.codec` carries them.

The first is a `LoaderPlan`; each later one is about a setting, or goes to the process of the plain loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Generic

from harness.model import LoaderSample, OwnDataset, SampleStage, Setting, StepInput
from harness.workers.codec import Message, R, Request
from harness.workers.variant_requests import Done

PLAIN = "dataloader"
"""The kind of loader that the others are compared with."""

# --- replies ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Introduction(Message):
    """A loader process's environment, its device's type, its number of images, the missing kinds with
    reasons, and what else the report should note.

    Of a user's ``dataset``, ``images`` is the number of its samples, 0 if that is not known; ``sample_bytes``
    is the size of one in a batch, 0 for images.
    """

    environment: Mapping[str, object]
    device: str
    images: int
    missing: Mapping[str, str]
    remarks: tuple[str, ...] = ()
    dataset: OwnDataset | None = None
    sample_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DamagedFound(Message):
    """The images that cannot be decoded, with the reasons."""

    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImagesCounted(Message):
    """A number of images, or of a dataset's samples; None if that is not known."""

    images: int | None


@dataclass(frozen=True, slots=True)
class RatesMeasured(Message):
    """Samples a second, by name."""

    rates: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StagesMeasured(Message):
    """Where one core's time goes, in seconds a sample."""

    stages: tuple[SampleStage, ...]


@dataclass(frozen=True, slots=True)
class SampleMeasured(Message):
    """One sample of a setting."""

    sample: LoaderSample


@dataclass(frozen=True, slots=True)
class DeliveryChecked(Message):
    """How a kind's batches differ from the plain loader's; None if they do not."""

    difference: str | None


@dataclass(frozen=True, slots=True)
class SecondsMeasured(Message):
    """Seconds a sample."""

    seconds: float


@dataclass(frozen=True, slots=True)
class EpochsMeasured(Message):
    """Readings of short epochs: metrics of `harness.model`."""

    readings: Mapping[str, float]


# --- requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoaderPlan(Request[Done]):
    """What a loader process works on: a folder of images (None: generated ones), a device, a step, images to
    skip; or a user's ``dataset``, as ``module:function``."""

    data: str | None
    device: str
    step: str
    without: tuple[str, ...] = ()
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class SettingRequest(Request[R], Generic[R]):
    """A request about one setting, to the process of its kind."""

    setting: Setting


@dataclass(frozen=True, slots=True)
class Introduce(Request[Introduction]):
    """What the machine, the images and the kinds are."""


@dataclass(frozen=True, slots=True)
class FindDamaged(Request[DamagedFound]):
    """Which images cannot be decoded, with reasons; the search ends after so many seconds. They are left
    out."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LeaveOut(Request[Done]):
    """Do without these images from now on."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountImages(Request[ImagesCounted]):
    """How many images there are in all, those included on which no sample draws."""


@dataclass(frozen=True, slots=True)
class MeasureCeilings(Request[RatesMeasured]):
    """The samples a second that the disk and the copy to the device allow; empty if there is neither."""

    batch_size: int
    most_seconds: float = inf


@dataclass(frozen=True, slots=True)
class MeasureStages(Request[StagesMeasured]):
    """Where one core's time goes, in seconds a sample."""

    seed: int
    count: int
    batch_size: int
    most_seconds: float = inf


@dataclass(frozen=True, slots=True)
class MeasureSample(SettingRequest[SampleMeasured]):
    """A window of ``count`` batches and ``least_seconds`` at least, cut off after ``most_seconds``.

    ``alone`` leaves the step out.
    """

    step_input: StepInput
    seed: int
    count: int
    least_seconds: float
    most_seconds: float = inf
    alone: bool = False


@dataclass(frozen=True, slots=True)
class CheckDelivery(SettingRequest[DeliveryChecked]):
    """How this kind's batches differ from the plain loader's.

    ``seconds`` is how long it may look for images that are stored in different ways.
    """

    seconds: float = inf


@dataclass(frozen=True, slots=True)
class MeasureOneCore(SettingRequest[SecondsMeasured]):
    """Seconds a sample that one core needs to decode and transform."""

    seed: int
    count: int
    most_seconds: float = inf


@dataclass(frozen=True, slots=True)
class MeasureEpochs(SettingRequest[EpochsMeasured]):
    """What a loader costs beside the time of its batches, in short epochs without a step."""

    seed: int
    persistent: bool
