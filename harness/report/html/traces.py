"""The traced passes of a run in one table: where the time went, why, and the file that shows it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.model import parameters
from harness.report.format import quantity, sanitize
from harness.report.html.parts import Grid

if TYPE_CHECKING:
    import pandas as pd

_HEAD = (
    "claim", "case", "variant", "wall time", "busy", "overlap", "launches", "tensor cores", "bound by", "cause",
    "trace",
)  # fmt: skip
_IDLE = (
    "idle_loader_seconds",
    "idle_host_seconds",
    "idle_sync_seconds",
    "idle_copy_seconds",
    "idle_other_seconds",
)


def trace_grid(frame: pd.DataFrame, folder: Path, page: Path | None) -> Grid | None:
    """The rows of `harness.report.frames.trace_frame`; links lead from the page to the files in the run's
    folder."""
    rows, links = [], []
    for record in frame.to_dict("records"):
        values = {str(name): each for name, each in record.items()}
        wall = _number(values.get("wall_seconds"))
        busy = _number(values.get("busy_seconds"))
        case = str(values.get("case") or "")
        file = _text(values.get("file"))
        rows.append(
            (
                sanitize(values.get("claim") or ""),
                sanitize(parameters(case)),
                sanitize(values.get("variant") or ""),
                "" if wall is None else quantity(wall, "s"),
                _share(busy / wall if wall and busy is not None else None),
                _share(_number(values.get("overlap", values.get("overlap_share")))),
                "" if (launches := _number(values.get("launches"))) is None else f"{launches:.0f}",
                _share(_number(values.get("tensor_core_share"))),
                _bound(values, wall),
                sanitize(_text(values.get("cause")) or _text(values.get("note"))),
                sanitize(Path(file).name) if file else "",
            )
        )
        links.append(link(folder, file, page) if file else "")
    if not rows:
        return None
    kept = [index for index in range(len(_HEAD)) if any(row[index] for row in rows)]
    return Grid(
        "Traces",
        tuple(_HEAD[index] for index in kept),
        tuple(tuple(row[index] for index in kept) for row in rows),
        tuple(links) if kept and kept[-1] == len(_HEAD) - 1 else (),
    )


def link(folder: Path, file: str, page: Path | None) -> str:
    """A relative address from the page to a file of the run; empty if the file is not in the run's folder."""
    root = folder.resolve()
    try:
        target = (root / file).resolve()
        if not target.is_relative_to(root):
            return ""
        start = page.resolve().parent if page is not None else root
        relative = os.path.relpath(target, start).replace(os.sep, "/")
    except (ValueError, OSError):  # another drive, a name that no file can have
        return ""
    # "./" first: a relative address that begins with a scheme would be taken for one
    return "./" + quote(relative, errors="replace")


def _bound(values: dict[str, object], wall: float | None) -> str:
    """The bound in its record, or the cause of the largest part of the time in which nothing ran."""
    bound = values.get("bound")
    if isinstance(bound, str) and bound:
        return sanitize(bound, 80)
    idle = {name: value for name in _IDLE if (value := _number(values.get(name)))}
    if not idle or not wall:
        return ""
    name = max(idle, key=lambda each: idle[each])
    return f"{name.removeprefix('idle_').removesuffix('_seconds')} {_share(idle[name] / wall)}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        return None
    return float(value)
