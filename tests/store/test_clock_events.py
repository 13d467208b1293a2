"""Clock events: what a run's readings say of each block is in its measurements as soon as the run is
loaded."""

from __future__ import annotations

from pathlib import Path

from harness import store
from harness.model import BASELINE, Measurement, SensorReading, Side, Trial
from harness.store.gates import load_side
from harness.store.runs import find, open_entry

UUID = "GPU-0"
HOT = 0x40
MEASURED = Measurement(
    "a.py::b",
    "A",
    1,
    trials=(
        Trial(BASELINE, samples={"seconds": (1.0, 1.0)}),
        Trial(Side.HEAD, samples={"seconds": (1.0, 1.0)}),
    ),
    blocks=((10.0, 10.1), (10.2, 10.3)),
)


def watched(folder: Path) -> None:
    """Readings of a GPU that was hot in the second block alone."""
    writer = store.TelemetryWriter(folder, hertz=20.0, start=9.0)
    masks = {10.0: 0, 10.05: 0, 10.15: 0, 10.25: HOT, 10.35: 0}
    writer.readings(
        [("a.py::b", 1, [SensorReading(at, UUID, "throttle", mask) for at, mask in masks.items()])]
    )
    writer.devices([UUID])
    writer.end(0.0)


def test_a_loaded_run_has_them(tmp_path: Path) -> None:
    """With its telemetry a run's blocks have their clock events; without it they have none."""
    watched(tmp_path)
    store.open_run(tmp_path, ()).close()
    writer = store.open_invocation(tmp_path, "invocation-1", environment={}, planned=["a.py::b"])
    store.write_measurement(writer, MEASURED)
    writer.close()
    entry = find(tmp_path, tmp_path)
    assert [each.clock_events for each in open_entry(entry).measurements] == [(0, HOT)]
    assert [each.clock_events for each in open_entry(entry, telemetry=False).measurements] == [()]


def test_a_side_of_a_gate_has_them(tmp_path: Path) -> None:
    """Both sides of a pair were measured in the same blocks."""
    watched(tmp_path)
    writer = store.open_gate(tmp_path, ())
    store.write_pairing(writer, "tip", MEASURED)
    writer.close()
    for side in Side:
        assert [each.clock_events for each in load_side(tmp_path, side).measurements] == [(0, HOT)]
