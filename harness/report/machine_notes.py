"""What a reader must know of the machine during a run, in words: other processes, throttling, and a busy
host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from harness.judge.throttling import throttled_blocks, throttled_share
from harness.model import HOST, OtherProcess, clock_events
from harness.plural import counted
from harness.report.format import quantity, sanitize
from harness.store import Run

BUSY = 0.5
"""The share of the cores that others may want before a run without a word."""

WAITED = 0.1
"""The share of the time before a run in which tasks may have waited for a core without a word."""

USED_BY_OTHERS = 0.1
"""The share of the cores that processes outside the run may use while it measures, without a word."""

_MOST_NAMED = 5


def watched_line(run: Run) -> str:
    """The machine while cases were measured, in one line; nothing for a run that was not watched."""
    seen = _values(run, measuring=True)
    parts: list[str] = []
    for device in run.telemetry.devices:
        gpu = seen.get(device, {})
        parts += [
            _ranged(gpu.get("sm_clock_hertz"), 1e6, "MHz"),
            _ranged(gpu.get("power_watts"), 1.0, "W"),
            _most(gpu.get("temperature_celsius"), "degrees Celsius"),
            f"{quantity(max(gpu['used_bytes']), 'B')} in use at most" if gpu.get("used_bytes") else "",
        ]
    host = seen.get(HOST, {})
    for name, label in (("load", "load"), ("other_cores", "cores used by others")):
        if host.get(name):
            parts.append(f"{label} {median(host[name]):.1f}")
    if host.get("pressure_cpu"):
        parts.append(f"pressure on the cores {100 * _mean(host['pressure_cpu']):.0f} %")
    return ", ".join(part for part in parts if part)


def watch_remarks(run: Run) -> tuple[str, ...]:
    """Footnotes about the machine, most serious first; none for a quiet one."""
    return tuple(
        sanitize(line)
        for line in (
            *_other_processes(run),
            *_heat(run),
            *_errors(run),
            *_link(run),
            *_host(run),
            *_unseen(run),
        )
    )


def _other_processes(run: Run) -> Iterator[str]:
    by_device: dict[str, dict[tuple[int, str], list[OtherProcess]]] = defaultdict(lambda: defaultdict(list))
    for seen in run.telemetry.other_processes:
        # Other GPUs are other people's business.
        if seen.device in run.telemetry.devices:
            by_device[seen.device][(seen.pid, seen.name)].append(seen)
    for device, found in by_device.items():
        named = [_other_process(times) for times in list(found.values())[:_MOST_NAMED]]
        more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        yield f"{device} was not this run's alone: {', '.join(named)}{more}; times beside others are off"


def _other_process(times: list[OtherProcess]) -> str:
    first = times[0]
    sizes = [seen.bytes for seen in times if seen.bytes is not None]
    held = f" with {quantity(max(sizes), 'B')}" if sizes else ""
    when = " and ".join(dict.fromkeys(seen.when for seen in times))
    who = (
        f"process {first.pid}{f' ({first.name})' if first.name else ''}"
        if first.pid
        else "memory of an unknown process"
    )
    return f"{who}{held} {when} the run"


def _heat(run: Run) -> Iterator[str]:
    throttled = [throttled_blocks(measurement) for measurement in run.measurements]
    share = throttled_share(throttled)
    if share:
        reasons = 0
        for each in throttled:
            reasons |= each.reasons
        yield f"the GPU was throttled in {_percent(share)} of all blocks ({', '.join(clock_events(reasons))})"
        return
    for device in run.telemetry.devices:
        held = _grown(run, device, "thermal_violation_seconds")
        if held:
            yield f"heat throttled the clocks of {device} for {quantity(held, 's')}, between the readings"


def _errors(run: Run) -> Iterator[str]:
    for device in run.telemetry.devices:
        if errors := _grown(run, device, "uncorrected_errors"):
            yield f"{device} had {counted(errors, 'memory error')} that could not be corrected: have it looked at"


def _link(run: Run) -> Iterator[str]:
    seen = _values(run, measuring=True)
    best = _values(run, measuring=False)
    for device in run.telemetry.devices:
        found = [max(seen.get(device, {}).get(f"pcie_{what}", [0.0])) for what in ("generation", "width")]
        could = [
            max(best.get(device, {}).get(f"most_pcie_{what}", [0.0])) for what in ("generation", "width")
        ]
        if all(found) and (found[0] < could[0] or found[1] < could[1]):
            yield (
                f"the PCIe link of {device} was at generation {found[0]:.0f} "
                f"with {counted(found[1], 'lane')} at most; "  # codespell:ignore
                f"it could have generation {could[0]:.0f} with {could[1]:.0f}: copies to and from it are slower"
            )


def _host(run: Run) -> Iterator[str]:
    if cores := _cores(run):
        yield from _taken(run, cores)
    during = _values(run, measuring=True).get(HOST, {})
    waiting = {kind: _mean(during.get(f"pressure_{kind}", [0.0])) for kind in ("memory", "io")}
    for kind, word in (("memory", "memory"), ("io", "input and output")):
        if waiting[kind] > USED_BY_OTHERS:
            yield f"tasks waited for {word} {_percent(waiting[kind])} of the time while cases were measured"


def taken_meanwhile(run: Run) -> Iterator[str]:
    """That others used cores while cases were measured, if it was more than a little."""
    cores = _cores(run)
    others = median(_values(run, measuring=True).get(HOST, {}).get("other_cores", [0.0]))
    if cores and others > USED_BY_OTHERS * cores:
        yield f"the machine was busy during the run: others used {others:.1f} of {counted(cores, 'core')}"


def spoilt(remark: str) -> str:
    """What such a remark means for the verdicts, as a sentence of its own."""
    return f"{remark[:1].upper()}{remark[1:]}. Effects are less sure, and fewer are decided."


def _taken(run: Run, cores: int) -> Iterator[str]:
    """How much of the cores others took."""
    before = {
        each.quantity: each.values[0]
        for each in run.telemetry.series
        if each.device == HOST
        and not each.case
        and each.moments[:1]
        and each.moments[0] <= run.telemetry.start + 1e-3
    }
    load, pressure = before.get("load", 0.0), before.get("pressure_cpu")
    # The load average is of a minute, in which something may have been installed: pressure is of ten seconds.
    if load > BUSY * cores and (pressure is None or pressure > WAITED):
        waited = "" if pressure is None else f", tasks waited for a core {_percent(pressure)} of the time"
        yield f"the machine was busy before the run: load {load:.1f} on {counted(cores, 'core')}{waited}"
    yield from taken_meanwhile(run)
    during = _values(run, measuring=True).get(HOST, {})
    stolen = _mean(during.get("stolen_cores", [0.0]))
    if stolen > USED_BY_OTHERS * cores:
        yield f"the host of this virtual machine took {stolen:.1f} of {counted(cores, 'core')} away"


def _unseen(run: Run) -> Iterator[str]:
    expected = bool(run.environment.get("gpus"))
    seen = run.telemetry
    reasons = [*([seen.no_nvml] if expected and seen.no_nvml else []), *seen.warnings]
    if reasons:
        more = f"; and {len(reasons) - _MOST_NAMED} more" if len(reasons) > _MOST_NAMED else ""
        yield f"not watched: {'; '.join(reasons[:_MOST_NAMED])}{more}"


def _cores(run: Run) -> int:
    """The cores that the run could use; 0 where no process answered that knows them."""
    machine = run.environment.get("machine")
    cores: Any = machine.get("usable_cores") if isinstance(machine, dict) else None
    return cores if isinstance(cores, int) and cores > 0 else 0


def _values(run: Run, *, measuring: bool) -> dict[str, dict[str, list[float]]]:
    """Readings by device and quantity: all of them, or those while cases were measured."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in run.telemetry.series:
        if each.case or not measuring:
            found[each.device][each.quantity].extend(each.values)
    return found


def _grown(run: Run, device: str, counter: str) -> float:
    """By how much a counter grew from its first reading to its last."""
    pairs = [
        pair
        for each in run.telemetry.series
        if each.device == device and each.quantity == counter
        for pair in zip(each.moments, each.values, strict=True)
    ]
    return max(0.0, max(pairs)[1] - min(pairs)[1]) if pairs else 0.0


def _ranged(values: list[float] | None, factor: float, unit: str) -> str:
    if not values:
        return ""
    low, middle, high = (value / factor for value in (min(values), median(values), max(values)))
    return f"{middle:.0f} {unit}" + (f" ({low:.0f} to {high:.0f})" if round(low) != round(high) else "")


def _most(values: list[float] | None, unit: str) -> str:
    return f"{max(values):.0f} {unit} at most" if values else ""


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else "less than 1 %"
