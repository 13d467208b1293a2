"""Runs to make pages of: one with everything in it, and one whose every name is hostile."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from harness.model import BASELINE, CaseWarning, Claim, Expect, Measurement, Status, Trial, WarningCode, Work
from harness.report.html.parts import OpenableRow
from harness.store import Run, load, open_invocation, open_run, write_measurement
from tests.support.reported import rounds
from tests.support.saved import claim

ENVIRONMENT = {
    "machine_id": "0123",
    "machine": {"cpu": "Some CPU @ 2.5 GHz", "cores": 8, "usable_cores": 4, "memory_bytes": 2**34, "system": "Linux",
                "kernel": "6.1", "container": "docker"},
    "gpus": [{"name": "Some GPU", "memory_bytes": 80 * 2**30, "uuid": "GPU-1"}],
    "driver": {"version": "570.1", "cuda": "12.8"},
    "software": {"torch": "2.14.1", "python": "3.11.7", "cuda": "13.0"},
    "variables": {"OMP_NUM_THREADS": "4", "SOME_TOKEN": "hunter2"},
    "git": {"revision": "0123456789abcdef", "dirty": True},
    "warnings": ["the quota cannot be read"],
}  # fmt: skip

HOSTILE = (
    "<img src=x onerror=\"document.title='pwned'\">",
    "</script><script>document.title='pwned'</script><!--",
    "\"'`${document.title='pwned'}`",
    "../../etc/passwd\x00\\..\\C:",
    "right \u202eto\u202c left \u2028 line",
    "$$\\frac{1}{2}$$ @{x} {{ 7 * 7 }}",
    "n" * 10_000,
    "\ud800 lone",
)
"""Names as somebody else's records may hold them."""

WORKERS = (1, 2, 4)

SPREAD = 0.004
"""How much the rounds of an invocation differ."""


def wandering(invocation: int, variant: int) -> float:
    """What an invocation does to all of its variants, and a little to each."""
    return (1 + 0.03 * (invocation % 5 - 2)) * (1 + 0.003 * ((3 * invocation + 2 * variant) % 5 - 2))


BESIDE = (CaseWarning(WarningCode.OTHER, "quick", "quick was measured beside a busy neighbour"),)


def measurements_of(
    of: Claim, title: str, count: int, variants: Mapping[str, float] = MappingProxyType({}), *,
    work: Work | None = None, **named: float,
) -> list[Measurement]:  # fmt: skip
    """``count`` invocations of a case, by the seconds of its ``variants`` or keywords; those of loaders hold
    memory."""
    seconds = {**variants, **named}
    case = f"{of.path}::{of.function}" + (f"[{title}]" if title else "")
    return [
        Measurement(
            case, of.name, n, seconds=2.0, work=work or Work(flops=1e9),
            trials=tuple(
                Trial(
                    name, samples={"seconds": rounds(value * wandering(n, index), n, SPREAD)}, first_seconds=0.1,
                    expect=of.expect,
                    solo={"pss_bytes": (2.0 + index) * 2**27} if of.loader else {},
                    sources={"pss_bytes": "smaps_rollup"} if of.loader else {},
                    exact={"peak_bytes": 2.0**20 * (2 + index % 2)} if of.metric == "peak_bytes" else {},
                )
                for index, (name, value) in enumerate({BASELINE: 1e-3, **seconds}.items())
            ),
            warnings=BESIDE if "quick" in seconds else (),
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


def saved(
    folder: Path,
    claims: Sequence[Claim],
    measurements: Iterable[Measurement],
    why: str = "everything was decided",
) -> Run:
    """A run that went through the store."""
    all_measurements = list(measurements)
    writer = open_run(
        folder,
        claims,
        started="2026-01-02T03:04:05+00:00",
        budget=60.0,
        profile="standard",
        command=["bench"],
    )
    cases = list(dict.fromkeys(m.case for m in all_measurements))
    inner = open_invocation(folder, "invocation-001", environment=ENVIRONMENT, planned=cases)
    for measurement in all_measurements:
        write_measurement(inner, measurement)
    inner.close()
    if why:
        writer.write("end", why=why)
    writer.close()
    return load(folder)


def full_run(folder: Path) -> Run:
    """Every kind of verdict, a loader by workers, exact memory, footnotes, and something skipped whole."""
    fast = claim("A1", why="A call costs time, whatever it does.", source="A cookbook.")
    slow, calm = claim("B2"), claim("C3")
    loader, memory = claim("L1", loader=True, margin=0.05), claim("M1", metric="peak_bytes")
    same, troubled, absent = claim("S1", expect=Expect.SAME), claim("T1"), claim("Z9")
    case = f"{troubled.path}::{troubled.function}"
    work = Work(items=64)
    return saved(
        folder,
        [fast, slow, calm, loader, memory, same, troubled, absent],
        [
            *measurements_of(fast, "small", 14, quick=0.08e-3, quicker=0.5e-3),
            *measurements_of(fast, "large", 14, quick=0.9e-3, quicker=0.95e-3),
            *measurements_of(slow, "", 14, slack=1.6e-3),
            *measurements_of(calm, "x-1", 14, alike=1.001e-3),
            *measurements_of(calm, "x-2", 3, open=0.97e-3),
            *measurements_of(loader, "jpeg", 14, {f"workers_{n}": 1e-3 / (0.8 * n) for n in WORKERS}, work=work),
            *measurements_of(loader, "tiny", 14, {f"workers_{n}": 1e-3 * (1 + 0.3 * n) for n in WORKERS}, work=work),
            *measurements_of(memory, "relu", 7, in_place=1e-3),
            *measurements_of(same, "", 14, alike=1.0005e-3),
            Measurement(f"{case}[t]", troubled.name, 1, trials=(
                Trial(BASELINE, samples={"seconds": rounds(1e-3, 1, SPREAD)}),
                Trial("off", Status.WRONG, "4 of 9 values differ"),
                Trial("broken", Status.FAILED, "ValueError: no"),
                Trial("slow", Status.TIMED_OUT, "not finished after 60 s"),
                Trial("old", Status.GONE, "torch.old is gone since torch 2.14; use torch.new"),
                Trial("refused", Status.CONFIRMED, "raises RuntimeError: modified by an inplace operation"),
                Trial("accepted", Status.REFUTED, "raises no RuntimeError"),
            )),
            Measurement(
                f"{absent.path}::{absent.function}", absent.name, 0, Status.SKIPPED, "no CUDA device here"
            ),
        ],
    )  # fmt: skip


def hostile_run(folder: Path) -> Run:
    """Claims, cases, variants, reasons and warnings by names that want to be more than names."""
    claims, measurements = [], []
    for index, name in enumerate(HOSTILE):
        clean = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        of = Claim(clean, f"{clean} is faster.", f"bench_{index}.py", f"bench_{index}", loader=index == 0)
        of = replace(of, why=clean, source=clean)
        claims.append(of)
        measurements += measurements_of(
            of, clean, 14, {clean: 0.5e-3, f"{clean} workers_2": 0.4e-3, "workers_3": 0.3e-3}
        )
        broken = Trial("broken", Status.FAILED, clean)
        first = measurements[-1]
        measurements[-1] = Measurement(
            first.case,
            first.claim,
            first.invocation,
            seconds=1.0,
            trials=(*first.trials, broken),
            warnings=(CaseWarning(WarningCode.OTHER, detail=clean),),
        )
    return saved(folder, claims, measurements)


def telemetry(cases: Sequence[str], seconds: int = 120, hertz: int = 10) -> pd.DataFrame:
    """Telemetry of one GPU and the host, throttled for a while, while these cases ran one after the other."""
    moments = np.arange(seconds * hertz) / hertz
    which = np.minimum((moments / seconds * len(cases)).astype(int), len(cases) - 1)
    quantities = {
        ("GPU-1", "used_bytes"): 2e9 + 1e9 * (which % 2),
        ("GPU-1", "sm_clock_hertz"): np.where((moments > 50) & (moments < 70), 1.1e9, 1.9e9),
        ("GPU-1", "power_watts"): 250 + 40 * np.sin(moments / 3),
        ("GPU-1", "temperature_celsius"): 50 + moments / 6,
        ("GPU-1", "throttle"): np.where((moments > 50) & (moments < 70), 0x40, 0),
        ("host", "load"): 1.5 + np.sin(moments / 9) / 2,
        ("host", "pressure_cpu"): np.abs(np.sin(moments / 20)) / 5,
    }
    named = np.asarray(cases, dtype=object)[which]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "moment": moments, "device": device, "metric": name, "value": np.asarray(values, np.float64),
                    "case": named, "invocation": 1,
                }
            )
            for (device, name), values in quantities.items()
        ],
        ignore_index=True,
    ).astype({"device": "category", "metric": "category", "case": "category", "invocation": "Int32"})  # fmt: skip


def unpacked(text: str) -> str:
    """What a script element of a page holds, packed."""
    return gzip.decompress(base64.b64decode(text, validate=True)).decode()


class Reader(HTMLParser):
    """Text outside scripts and styles, the tags, and every attribute; what opened rows show is among them.

    ``data`` are the packed figures, ``drawing`` is the library that draws them.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.data: list[str] = []
        self.drawing = ""
        self._later = ""
        self._inside = ""
        self.feed(text)
        for more in json.loads(unpacked(self._later)) if self._later else ():
            opened = Reader(more)
            self.words += opened.words
            self.tags += opened.tags
            self.attributes += opened.attributes

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; what follows a script's is no text."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            stated = dict(attrs)
            self._inside = (
                "data" if "data-figure" in stated
                else "later" if stated.get("class") == "later"
                else "drawing" if stated.get("id") == "drawing"
                else "code"
            )  # fmt: skip
            self.data += [""] if self._inside == "data" else []

    def handle_endtag(self, tag: str) -> None:
        """Text again."""
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """What stands between tags."""
        if self._inside == "data":
            self.data[-1] += data
        elif self._inside == "later":
            self._later += data
        elif self._inside == "drawing":
            self.drawing += data
        elif not self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(" ".join(self.words).split())


def words_of(row: OpenableRow) -> str:
    """The words of a row's cells and details."""
    return " ".join((*(cell.text for cell in row.cells), *(text for _, text in row.details))).lower()


def drawn(value: float) -> float:
    """A number as a figure has it, with six digits."""
    return float(f"{value:.6g}")


def numbers(value: Any) -> Iterator[float]:
    """Every number anywhere in a document."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float):
        yield value
