"""Append and read records: the only room that touches results/.

A run is a folder. Each process writes one file of JSON lines in it: first a header, then a line for each
thing that is finished, each with one write and one fsync, so that whatever dies costs at most what was in
flight. A torn last line is dropped with a warning; any other bad line is an error that names file and line.
"""

from harness.store.codec import from_json, to_json
from harness.store.files import (
    GATE,
    GATE_FILE,
    LOOP,
    PAGE_FILE,
    RESULT_FILE,
    RUN_FILE,
    TUNE,
    TUNED_FILE,
    new_run_folder,
    result_files,
    run_folders,
    trace_name,
)
from harness.store.lines import LONGEST_LINE, Record, StoreError, Writer
from harness.store.reading import Run, begun, load, read_header, read_measurements, read_run_record
from harness.store.records import ceiling_from
from harness.store.snapshots import SNAPSHOTS, snapshot_file, write_snapshot
from harness.store.telemetry import TELEMETRY_FILE, TelemetryWriter
from harness.store.timeline import TIMELINE_FILE, TimelineWriter
from harness.store.writing import (
    open_gate,
    open_invocation,
    open_resumed,
    open_run,
    write_case,
    write_ceilings,
    write_end,
    write_measurement,
    write_pairing,
    write_result,
    write_trace,
    write_tuned,
)

__all__ = [
    "GATE",
    "GATE_FILE",
    "LONGEST_LINE",
    "LOOP",
    "PAGE_FILE",
    "RESULT_FILE",
    "RUN_FILE",
    "SNAPSHOTS",
    "TELEMETRY_FILE",
    "TIMELINE_FILE",
    "TUNE",
    "TUNED_FILE",
    "Record",
    "Run",
    "StoreError",
    "TelemetryWriter",
    "TimelineWriter",
    "Writer",
    "begun",
    "ceiling_from",
    "from_json",
    "load",
    "new_run_folder",
    "open_gate",
    "open_invocation",
    "open_resumed",
    "open_run",
    "read_header",
    "read_measurements",
    "read_run_record",
    "result_files",
    "run_folders",
    "snapshot_file",
    "to_json",
    "trace_name",
    "write_case",
    "write_ceilings",
    "write_end",
    "write_measurement",
    "write_pairing",
    "write_result",
    "write_snapshot",
    "write_trace",
    "write_tuned",
]
