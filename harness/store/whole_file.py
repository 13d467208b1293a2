"""Files that are there whole or not at all: written beside under a fresh name, then renamed.

A reader never sees half of one, a full disk leaves the older one as it was, and what lies in the folder
already, a link to elsewhere for example, is neither followed nor written to.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path of a fresh, empty file to write to; it takes the place of ``path`` when the context ends.

    If anything is raised, it is removed, and ``path`` stays as it was. Raises OSError where it cannot be
    made, kept on the disk or renamed.
    """
    draft = path.with_name(f".tipbench-{secrets.token_hex(8)}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text so. What no encoding knows becomes a question mark. Raises OSError."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
