"""The nouns of the harness: frozen data, standard library only.

Every quantity is in SI units. A *sample* is one number for one round of one variant, always per iteration;
equal index in two variants of one measurement means the same block, measured next to each other.
"""

from __future__ import annotations

from harness.model.ceiling import Ceiling, highest
from harness.model.claim import LARGEST_MARGIN, LONGEST_TIME_LIMIT, Claim, Expect, Work
from harness.model.collected import Collected
from harness.model.difference import Difference, Differs, Segment, Trend
from harness.model.gate import GateOutcome, GateResult, GateVerdict, NotCompared, Package, Side, SideFacts
from harness.model.loading import (
    GENERATED,
    Certainty,
    EpochCost,
    Headroom,
    LeftOut,
    LoaderSample,
    LoopPart,
    LoopShare,
    Ranked,
    SampleStage,
    Setting,
    StepInput,
    Tuned,
    Undone,
)
from harness.model.measurement import (
    BASELINE,
    SCHEMA,
    Measurement,
    Status,
    Trial,
    benchmark_of,
    counted_parameters,
    other_parameters,
    parameters,
)
from harness.model.metrics import METRICS, QUANTITIES, Direction, Metric, MetricKind, metric
from harness.model.run_end import EndReason, RunEnd
from harness.model.telemetry import (
    HOST,
    ClockEvent,
    OtherProcess,
    SensorReading,
    SensorSeries,
    Telemetry,
    clock_events,
)
from harness.model.timeline import THE_RUN, Activity, RunState, Span, Timeline
from harness.model.trace import (
    ITERATION_MARK,
    TRACES,
    WAIT_MARK,
    WINDOW_MARK,
    FunctionTime,
    Spent,
    Traced,
    TraceSummary,
)
from harness.model.verdict import Comparison, Outcome, Verdict
from harness.model.warning import UNSTEADY, CaseWarning, WarningCode

__all__ = [
    "BASELINE",
    "GENERATED",
    "HOST",
    "ITERATION_MARK",
    "LARGEST_MARGIN",
    "LONGEST_TIME_LIMIT",
    "METRICS",
    "QUANTITIES",
    "SCHEMA",
    "THE_RUN",
    "TRACES",
    "UNSTEADY",
    "WAIT_MARK",
    "WINDOW_MARK",
    "Activity",
    "CaseWarning",
    "Ceiling",
    "Certainty",
    "Claim",
    "ClockEvent",
    "Collected",
    "Comparison",
    "Difference",
    "Differs",
    "Direction",
    "EndReason",
    "EpochCost",
    "Expect",
    "FunctionTime",
    "GateOutcome",
    "GateResult",
    "GateVerdict",
    "Headroom",
    "LeftOut",
    "LoaderSample",
    "LoopPart",
    "LoopShare",
    "Measurement",
    "Metric",
    "MetricKind",
    "NotCompared",
    "OtherProcess",
    "Outcome",
    "Package",
    "Ranked",
    "RunEnd",
    "RunState",
    "SampleStage",
    "Segment",
    "SensorReading",
    "SensorSeries",
    "Setting",
    "Side",
    "SideFacts",
    "Span",
    "Spent",
    "Status",
    "StepInput",
    "Telemetry",
    "Timeline",
    "TraceSummary",
    "Traced",
    "Trend",
    "Trial",
    "Tuned",
    "Undone",
    "Verdict",
    "WarningCode",
    "Work",
    "benchmark_of",
    "clock_events",
    "counted_parameters",
    "highest",
    "metric",
    "other_parameters",
    "parameters",
]
