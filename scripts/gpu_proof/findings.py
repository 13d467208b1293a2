"""What a part of the proof found: figures beside their goals, kept as JSON, and together as Markdown."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DONE, SKIPPED, FAILED, RUNNING = "done", "skipped", "failed", "running"


class Skipped(Exception):
    """A part, or a check, that this machine cannot run; the message names what it lacks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure: what it is, what it came to, what it must reach, and whether it does (None without a goal).

    ``skipped`` is why a check could not be run.
    """

    name: str
    value: float | str | None = None
    unit: str = ""
    goal: str = ""
    reached: bool | None = None
    skipped: str = ""
    detail: Any = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """A part of the proof with what it found; ``seconds`` is what it took.

    Where it has a ``folder`` each finding is saved there at once: a part that is cut off has kept what it
    found.
    """

    name: str
    device: str
    status: str = DONE
    reason: str = ""
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    folder: Path | None = None
    _start: float = field(default_factory=time.monotonic)

    def add(self, name: str, value: float | str | None = None, unit: str = "", **more: Any) -> Finding:
        """Note a finding, and print it: a proof that is cut off has printed what it found by then."""
        found = Finding(name, value, unit, **more)
        self.findings.append(found)
        self.seconds = time.monotonic() - self._start
        print(f"  {line(found)}", flush=True)
        if self.folder is not None:
            self.save(self.folder)
        return found

    def skip(self, name: str, reason: str) -> None:
        """Note a check that cannot be run here."""
        self.add(name, skipped=reason)

    @property
    def failures(self) -> list[Finding]:
        """The goals that were missed."""
        return [finding for finding in self.findings if finding.reached is False]

    def save(self, folder: Path) -> Path:
        """Write it as JSON."""
        self.seconds = time.monotonic() - self._start
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        document = {
            "part": self.name,
            "device": self.device,
            "status": self.status,
            "reason": self.reason,
            "seconds": round(self.seconds, 1),
            "findings": [asdict(finding) for finding in self.findings],
        }
        return _written(path, json.dumps(document, indent=1, default=str))


def attempt(part: Part, name: str, check: Callable[[], object]) -> None:
    """Hold one check of a part. Whatever it raises is a missed goal, with its traceback printed, and ends no
    other."""
    try:
        check()
    except Skipped as error:
        part.skip(name, str(error))
    except Exception as error:
        traceback.print_exc()
        words = str(error).strip().splitlines() or [""]
        part.add(name, f"{type(error).__name__}: {words[0][:200]}", goal="it can be held", reached=False)


def _written(path: Path, text: str) -> Path:
    """Write a file that is there when it is whole: who writes it may be ended at any time."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text + "\n", encoding="utf-8")
    return draft.replace(path)


def started(folder: Path, name: str, device: str) -> Path:
    """Note that a part is about to begin, in the place of what an earlier proof found."""
    return Part(name, device, RUNNING).save(folder)


def unfinished(folder: Path, name: str) -> bool:
    """Whether a part that was started never reported how it ended."""
    document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return bool(document["status"] == RUNNING)


def cut_off(folder: Path, name: str, device: str, reason: str) -> Path:
    """Mark a part as failed for that reason; what it had saved by then stays."""
    path = folder / f"{name}.json"
    if not path.exists():
        return Part(name, device, FAILED, reason).save(folder)
    document = json.loads(path.read_text(encoding="utf-8"))
    return _written(path, json.dumps({**document, "status": FAILED, "reason": reason}, indent=1))


def line(finding: Finding) -> str:
    """A finding on one line."""
    if finding.skipped:
        return f"{finding.name}: skipped: {finding.skipped}"
    mark = {True: ": reached", False: ": MISSED", None: ""}[finding.reached]
    goal = f" (goal {finding.goal}{mark})" if finding.goal else ""
    return f"{finding.name}: {number(finding.value)} {finding.unit}".rstrip() + goal


def number(value: float | str | None) -> str:
    """Four digits, or the words."""
    return "" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def summary(folder: Path, order: Sequence[str]) -> Path:
    """Write ``summary.md`` from the parts that are in the folder, in that order."""
    documents = [
        json.loads(path.read_text(encoding="utf-8"))
        for name in order
        if (path := folder / f"{name}.json").exists()
    ]
    return _written(folder / "summary.md", "\n".join(_markdown(documents)))


def _markdown(documents: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    yield "# The proof on a GPU"
    for document in documents:
        status = f"{document['status']}: {document['reason']}" if document["reason"] else document["status"]
        yield f"\n## {document['part']} ({status}; {document['seconds']:g} s on {document['device']})\n"
        if document["findings"]:
            yield "| what | found | goal | |"
            yield "|---|---|---|---|"
        for finding in document["findings"]:
            found = f"{number(finding['value'])} {finding['unit']}".strip()
            mark = {True: "reached", False: "**missed**", None: ""}[finding["reached"]]
            outcome = f"skipped: {finding['skipped']}" if finding["skipped"] else mark
            yield (
                "| "
                + " | ".join(_cell(each) for each in (finding["name"], found, finding["goal"], outcome))
                + " |"
            )


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
