"""What reads files, each with valid content to begin with, and how that content is made invalid."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutate import HOSTILE, changed_bytes, changed_json, changed_lines
from harness.ceilings.cache import CeilingsRequest, MeasuredCeilings, keep, kept
from harness.claims.file import read_file
from harness.cli.main import main
from harness.gate.configuration import configuration
from harness.judge.run import judge
from harness.model import Activity, Ceiling, SensorReading, Side, Span, parameters
from harness.profile.summary import summarise
from harness.report.builders import gate_records
from harness.report.format import sanitize
from harness.store import RUN_FILE, load, open_gate, write_pairing, write_result, write_tuned
from harness.store.codec import to_json
from harness.store.files import GATE_FILE, RESULT_FILE, TUNED_FILE, trace_name
from harness.store.gates import load_side
from harness.store.run_labels import label
from harness.store.runs import LABELS_FILE, find, run_entries
from harness.store.snapshots import snapshot_file
from harness.store.telemetry import TELEMETRY_FILE, TelemetryWriter
from harness.store.timeline import TIMELINE_FILE, TimelineWriter
from tests.support.gated import ENVIRONMENT, EVERY
from tests.support.saved import claim, measurements_of, save
from tests.support.tuned import TUNED

ONE = claim("A1", expect="lower")
STATUSES = (0, 1, 2, 3)

Change = Callable[[bytes, Random], bytes]


@dataclass(frozen=True, slots=True)
class Reader:
    """Something that reads ``file`` in a folder that ``make`` has filled with valid content.

    ``read`` gets the folder, and raises nothing but a HarnessError. ``changes`` make content invalid.
    """

    name: str
    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    changes: tuple[Change, ...]


def _run(folder: Path) -> None:
    save(folder / "r", [ONE], measurements_of(ONE, "64-x", 3, quick=0.5e-3))
    telemetry = TelemetryWriter(folder / "r", hertz=20.0, start=1.0)
    batch = [
        SensorReading(1.0 + n / 20, "GPU 0", name, value)
        for n in range(3)
        for name, value in (("power_watts", 300.0), ("throttle", 4.0))
    ]
    telemetry.readings([(measurements_of(ONE, "64-x", 1)[0].case, 1, batch)])
    telemetry.end(0.01)
    timeline = TimelineWriter(folder / "r", 1.0)
    timeline.span(Span(1, Activity.ROUNDS, 1.0, 2.0, "a", 1))
    timeline.end(3.0)
    label(find(folder / "r", folder), name="mine", add=["tag"])


def _gate(folder: Path) -> None:
    writer = open_gate(
        folder / "g", [ONE], command=["gate"], started="2026-01-02T03:04:05+00:00", profile="gate"
    )
    writer.write("header", schema=1, base_environment=ENVIRONMENT, environment=ENVIRONMENT, planned=[])
    for measurement in measurements_of(ONE, "64-x", 3, head=1e-3):
        write_pairing(writer, "quick", measurement)
    writer.write("end", why="everything was decided")
    writer.close()
    write_result(folder / "g", json.dumps(gate_records.document(EVERY)))


def _tuning(folder: Path) -> None:
    save(folder / "t", [], [], profile="tune")
    write_tuned(folder / "t", json.dumps(to_json(TUNED)))


def _trace(folder: Path) -> None:
    events = [
        {
            "ph": "X",
            "cat": cat,
            "name": name,
            "pid": 1,
            "tid": tid,
            "ts": ts,
            "dur": 5.0,
            "args": {"correlation": ts},
        }
        for cat, tid in (
            ("cpu_op", 1),
            ("cuda_runtime", 1),
            ("kernel", 7),
            ("gpu_memcpy", 8),
            ("user_annotation", 1),
        )
        for name, ts in (("aten::mm", 1), ("cudaLaunchKernel", 3), ("iteration", 9))
    ]
    (folder / "trace.json").write_text(json.dumps({"schemaVersion": 1, "traceEvents": events}))


def _ceilings(folder: Path) -> None:
    found = MeasuredCeilings((Ceiling("memory_copy", 2e10, "B/s"),), "2026-01-02", {})
    keep(CeilingsRequest("python", "cpu"), found)
    (place,) = (folder / "ceilings").glob("*.json")
    place.rename(folder / "kept.json")


def _read_ceilings(folder: Path) -> object:
    request = CeilingsRequest("python", "cpu")
    place = folder / "ceilings" / f"{request.key({})}.json"
    place.write_bytes((folder / "kept.json").read_bytes())
    return kept(request, {})


PROJECT = """
[project]
name = "work"
version = "1"

[tool.harness]
under-test = ["work"]
target = "5%"
loader-target = 0.1
clear-looks = [3, 4, 5]
bytes-floor = "1 MiB"
pins = "constraints.txt"
not-required = ["opencv-python"]
untracked-limit = "64 MiB"
"""
BENCHMARK = '''"""Something is faster.

Why: Nobody knows.

Source: somebody.
"""

import pytest
from harness import claim, prepared

@claim("X1", expect="lower", margin=0.05, needs="cuda", loader=True, apart=True, time_limit=60.0)
@pytest.mark.parametrize("size", [1, 2])
def bench_something(compare, size):
    compare(baseline=lambda: size, other=prepared(lambda: lambda: size), same=lambda a, b: True, items=size)
'''
NAMES = "bench_a.py::bench_a[64-x]\nquick\nsub/bench_b.py::Class::bench_b[a::b-[1]]\n\n"


def _names(folder: Path) -> None:
    """Names of cases and variants become titles and the names of files, which stay in their folder."""
    text = (folder / "names").read_bytes().decode("utf-8", "surrogateescape")
    for case in text.split("\n"):
        for variant in (case, "quick"):
            for file in (folder / trace_name(case, variant), snapshot_file(folder, case, variant)):
                assert file.resolve().is_relative_to(folder.resolve()), f"{case!r} leads out of its folder"
        shown = sanitize(f"{case} {parameters(case)}")
        assert shown.isprintable(), f"{shown!r} could move a cursor"


def _command(*arguments: str) -> Callable[[Path], object]:
    """A command as it is typed: it ends with a status of ours, and prints no traceback."""

    def read(folder: Path) -> object:
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            status = main([each.format(folder) for each in arguments])
        assert status in STATUSES, f"status {status}"
        assert "Traceback" not in errors.getvalue(), errors.getvalue()
        return status

    return read


def _written(file: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text(text, encoding="utf-8")


def _packed(content: bytes, random: Random) -> bytes:
    """The document changed and compressed again; sometimes what is compressed is changed."""
    inner = changed_json(gzip.decompress(content), random)
    return (
        changed_bytes(gzip.compress(inner, 1), random) if random.random() < 0.3 else gzip.compress(inner, 1)
    )


def _packed_trace(folder: Path) -> None:
    _trace(folder)
    (folder / PACKED).write_bytes(gzip.compress((folder / "trace.json").read_bytes()))


def _toml(content: bytes, random: Random) -> bytes:
    """One value or key of the file replaced."""
    lines = content.decode().splitlines()
    place = random.randrange(len(lines))
    key, equals, _ = lines[place].partition(" = ")
    if equals:
        value = random.choice(HOSTILE)
        lines[place] = f"{key} = {json.dumps(value)}" if random.random() < 0.9 else f"{value} = 1"
    return "\n".join(lines).encode("utf-8", "replace")


def _judged(folder: Path) -> object:
    return judge(load(folder / "r"))


def _sides(folder: Path) -> object:
    return [load_side(folder / "g", side) for side in Side]


def _claims(folder: Path) -> object:
    return read_file(folder / BENCH, folder)


def _two_runs(folder: Path) -> None:
    _run(folder)
    save(folder / "s", [ONE], measurements_of(ONE, "64-x", 3, salt=5, quick=0.6e-3))


PACKED, PYPROJECT, BENCH = "trace.json.gz", "pyproject.toml", "bench_x.py"
REPORT = ("report", "{}/r", "--html", "{}/p.html", "--json", "{}/p.json")

LINES = (changed_lines, changed_lines, changed_bytes)
WHOLE = (changed_json, changed_json, changed_bytes)

READERS = (
    Reader("run record", f"r/{RUN_FILE}", _run, _judged, LINES),
    Reader("measurements", "r/invocation-001.jsonl", _run, _judged, LINES),
    Reader("telemetry", f"r/{TELEMETRY_FILE}", _run, _judged, LINES),
    Reader("timeline", f"r/{TIMELINE_FILE}", _run, _judged, LINES),
    Reader("labels", f"r/{LABELS_FILE}", _run, run_entries, WHOLE),
    Reader("gate's units", f"g/{GATE_FILE}", _gate, _sides, LINES),
    Reader("gate's result", f"g/{RESULT_FILE}", _gate, _command("report", "{}/g"), WHOLE),
    Reader("tuning", f"t/{TUNED_FILE}", _tuning, _command("report", "{}/t"), WHOLE),
    Reader("ceilings", "kept.json", _ceilings, _read_ceilings, WHOLE),
    Reader("trace", "trace.json", _trace, lambda folder: summarise(folder / "trace.json"), WHOLE),
    Reader("packed trace", PACKED, _packed_trace, lambda folder: summarise(folder / PACKED), (_packed,)),
    Reader("pyproject", PYPROJECT, _written(PYPROJECT, PROJECT), configuration, (_toml, _toml, changed_bytes)),
    Reader("benchmark file", BENCH, _written(BENCH, BENCHMARK), _claims, (changed_bytes,)),
    Reader("names", "names", _written("names", NAMES), _names, (changed_bytes,)),
    Reader("report", "r/invocation-001.jsonl", _run, _command(*REPORT), LINES),
    Reader("compare", "r/invocation-001.jsonl", _two_runs, _command("compare", "{}/r", "{}/s"), LINES),
    Reader("trend", f"r/{RUN_FILE}", _two_runs, _command("trend", "--results", "{}"), LINES),
)  # fmt: skip
