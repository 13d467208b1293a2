"""The first lines of a report: what was measured where, as label and line, whatever the record lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from harness.report.format import duration, quantity, sanitize
from harness.store import Run


def header_lines(run: Run) -> Iterator[tuple[str, str]]:
    """Run, machine, GPUs, software, revision: one label and line each. Nothing in a record can make this
    fail."""
    yield "run", _joined(_when(run.facts.get("started")), _profile(run.facts))
    yield from machine_lines(run.environment)


def resumed_line(run: Run) -> str:
    """When the run was resumed, each time with its budget; empty if it never was."""
    return "; ".join(_joined(_when(part.get("started")), _budget(part)) for part in run.resumed)


def machine_lines(environment: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The same of an environment alone."""
    machine = _table(environment, "machine")
    if machine:
        yield (
            "machine",
            _joined(
                _word(machine, "cpu"),
                _cores(machine),
                _bytes(machine.get("memory_bytes")),
                _joined(_word(machine, "system"), _word(machine, "kernel"), gap=" "),
                _word(machine, "container"),
            ),
        )
    gpus = environment.get("gpus")
    described = [_gpu(gpu) for gpu in gpus if isinstance(gpu, dict)] if isinstance(gpus, list) else []
    driver = _table(environment, "driver")
    if described:
        shown = (
            f"driver {_word(driver, 'version')} (CUDA {_word(driver, 'cuda')})"
            if driver
            else "driver unknown"
        )
        yield (
            "GPU",
            _joined(
                *(
                    f"{described.count(gpu)} x {gpu}" if described.count(gpu) > 1 else gpu
                    for gpu in dict.fromkeys(described)
                ),
                shown,
            ),
        )
    elif environment:
        yield "GPU", "none"
    software = _table(environment, "software")
    if software:
        yield (
            "software",
            _joined(*(_version(software, name) for name in ("torch", "cuda", "cudnn", "python", "dali"))),
        )
    revision = _revision(environment.get("git"))
    if revision:
        yield "git", revision


def _when(started: object) -> str:
    try:
        return datetime.fromisoformat(str(started)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return sanitize(started) if started else ""


def _profile(facts: Mapping[str, Any]) -> str:
    profile = facts.get("profile")
    return _joined(f"profile {sanitize(profile)}" if profile else "", _budget(facts))


def _budget(facts: Mapping[str, Any]) -> str:
    budget = facts.get("budget")
    return f"budget {duration(budget, exact=True)}" if isinstance(budget, int | float) else ""


def _cores(machine: Mapping[str, Any]) -> str:
    usable, there = _word(machine, "usable_cores"), _word(machine, "cores")
    if not there or usable == there:
        return f"{there} {_core(there)}" if there else ""
    return f"{usable} of {there} {_core(there)} usable"


def _core(count: str) -> str:
    return "core" if count == "1" else "cores"


def _gpu(gpu: Mapping[str, Any]) -> str:
    memory = _bytes(gpu.get("memory_bytes"))
    return _word(gpu, "name") + (f" ({memory})" if memory else "")


def _version(software: Mapping[str, Any], name: str) -> str:
    titles = {"torch": "torch", "cuda": "CUDA", "cudnn": "cuDNN", "python": "Python", "dali": "DALI"}
    return f"{titles[name]} {_word(software, name)}" if software.get(name) else ""


def _revision(git: object) -> str:
    if not isinstance(git, dict) or not git.get("revision"):
        return ""
    return (
        f"{sanitize(git['revision'])[:12]}{' and changes that are not committed' if git.get('dirty') else ''}"
    )


def _table(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name) if isinstance(record, Mapping) else None
    return found if isinstance(found, dict) else {}


def _word(record: Mapping[str, Any], name: str) -> str:
    found = record.get(name)
    return "" if found is None else sanitize(found, 100)


def _bytes(value: object) -> str:
    # Larger than any memory is no number of bytes; an integer may even be too large for arithmetic on floats.
    return quantity(value, "B") if isinstance(value, int | float) and value < 1e30 else ""


def _joined(*parts: str, gap: str = ", ") -> str:
    return gap.join(part for part in parts if part)
