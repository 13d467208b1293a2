"""Sets: runs of one command on several nodes, in one folder.

``set.json`` is the plan and is written once. ``jobs.jsonl`` has a line for each job that was submitted and
one for its end, written by the process that submits. Every job writes its own run's folder, beside a note in
``logs/`` of where it ran; nothing that one process writes is written by another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from harness.model import SCHEMA, RunEnd
from harness.model.run_set import JobEnd, NodeNote, SetJob, SetPlan
from harness.store.codec import decode, from_json, to_json
from harness.store.files import JOBS_FILE, RUN_FILE, SET_FILE, new_run_folder, text_of
from harness.store.lines import (
    NOT_OURS,
    StoreError,
    Writer,
    bad_line,
    kind_of,
    last_record,
    read_lines,
    record_in,
)
from harness.store.records import end_from, first_record
from harness.store.whole_file import write_whole

LOGS = "logs"
"""The folder of a set in which the logs of its jobs are."""

_LARGEST_NOTE = 2**16


@dataclass(frozen=True, slots=True)
class RunSet:
    """What was saved of a set apart from its runs. ``ended`` is empty where the process that submitted the
    jobs was killed, or still waits for them."""

    folder: Path
    plan: SetPlan
    jobs: tuple[SetJob, ...] = ()
    ends: Mapping[str, JobEnd] = field(default_factory=dict)
    ended: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def latest(self) -> Mapping[str, SetJob]:
        """The last job of each node: the one whose run counts."""
        return {job.node: job for job in self.jobs}

    @property
    def strays(self) -> tuple[str, ...]:
        """Folders of runs that none of the set's jobs wrote."""
        known = {job.name for job in self.jobs}
        return tuple(
            sorted(
                path.parent.name
                for path in self.folder.glob(f"*/{RUN_FILE}")
                if path.parent.name not in known
            )
        )


class JobJournal:
    """The file in which the process that submits jobs keeps what becomes of them."""

    def __init__(self, folder: Path) -> None:
        self._writer = Writer(folder / JOBS_FILE)
        self._writer.write("jobs", schema=SCHEMA)

    def submitted(self, job: SetJob) -> None:
        """A job was submitted, or refused."""
        self._writer.write("job", **asdict(job))

    def ended(self, end: JobEnd) -> None:
        """A job ended."""
        self._writer.write("job_end", **asdict(end))

    def close(self, why: str) -> None:
        """The last line: why no job is waited for any longer."""
        self._writer.write("end", why=why)
        self._writer.close()


def new_set(results: Path, now: datetime, plan: SetPlan) -> Path:
    """Make the folder of a set, with its plan. Raises StoreError."""
    folder = new_run_folder(results, now)
    try:
        (folder / LOGS).mkdir()
        write_whole(folder / SET_FILE, json.dumps(to_json(plan), indent=1) + "\n")
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}; choose a folder you may write to with --results FOLDER"
        ) from error
    return folder


def read_set(folder: Path) -> RunSet:
    """What was saved of a set. Raises StoreError that names the file."""
    file = folder / SET_FILE
    try:
        plan = from_json(SetPlan, text_of(file))
    except (OSError, *NOT_OURS) as error:
        raise StoreError(
            f"{file} is not a set that this version reads ({str(error)[:300]}); read it with the version that wrote it"
        ) from error
    jobs: list[SetJob] = []
    ends: dict[str, JobEnd] = {}
    ended = ""
    warnings: list[str] = []
    path = folder / JOBS_FILE
    for number, line in read_lines(path, warnings) if path.is_file() else ():
        try:
            match kind_of(line):
                case "jobs":
                    first_record(path, number, line)
                case "job":
                    jobs.append(decode(line, SetJob, "record"))
                case "job_end":
                    end = decode(line, JobEnd, "record")
                    ends[end.name] = end
                case "end":
                    ended = str(record_in(line)["why"])
                case kind:
                    raise ValueError(f"unknown record {kind[:50]!r}")
        except NOT_OURS as error:
            raise bad_line(path, number, error) from error
    return RunSet(folder, plan, tuple(jobs), ends, ended, tuple(warnings))


def run_end(folder: Path, record: str = RUN_FILE) -> RunEnd | None:
    """How the run in this folder ended, by the last line of its record; None where that is not its end.

    Only the end of the file is read. The folder is listed first: a network file system may show a new file
    only then.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return None
    if record not in names:
        return None
    try:
        last = last_record(folder / record)
        return end_from(last["why"]) if last and last["record"] == "end" else None
    except (OSError, StoreError, *NOT_OURS):
        return None


def write_note(folder: Path, name: str, note: NodeNote) -> None:
    """Keep what a job knows of its node. Raises OSError."""
    write_whole(folder / LOGS / f"{name}.json", json.dumps(to_json(note)) + "\n")


def read_note(folder: Path, name: str) -> NodeNote | None:
    """What a job wrote on its node; None where there is nothing of the kind (yet)."""
    try:
        os.listdir(folder / LOGS)  # noqa: PTH208
        return from_json(NodeNote, text_of(folder / LOGS / f"{name}.json", _LARGEST_NOTE))
    except (OSError, *NOT_OURS):
        return None
