"""A reader of records that shares no code with the harness: what it reads was really on the disk."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

Key = tuple[str, int, bool, str]
"""A case, its invocation, whether it is a pass of its own, and the variant of a pair."""

LINE = re.compile(rb'(\{.*),"crc32":"([0-9a-f]{8})"\}\n', re.DOTALL)


def measurements(folder: Path) -> set[Key]:
    """The measurements in whole lines whose checksum fits."""
    found: set[Key] = set()
    for file in folder.glob("*.jsonl"):
        for line in file.read_bytes().splitlines(keepends=True):
            match = LINE.fullmatch(line)
            if match and zlib.crc32(match[1]) == int(match[2], 16):
                record = json.loads(match[1] + b"}")
                if record["record"] in ("measurement", "pairing"):
                    found.add(key(record))
    return found


def key(record: dict[str, object]) -> Key:
    """What distinguishes a measurement."""
    return (
        str(record["case"]),
        int(str(record["invocation"])),
        bool(record["survey"]),
        str(record.get("of", "")),
    )
