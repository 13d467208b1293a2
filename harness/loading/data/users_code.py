"""What a user's own module has: importing it, and what it raised in one line."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from harness.loading.data.folder import DataError


def imported(option: str, module: str, name: str, what: str) -> Any:
    """What a module has under a name, the working folder being looked in first. ``what`` names what it is to
    be.

    Raises DataError, which names the option.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise DataError(
            f"{option} {module}:{name} cannot be imported ({type(error).__name__}: {error}): name a module that can be "
            f"imported from {here}, and {what} in it"
        ) from error
    return found


def raised(error: BaseException) -> str:
    """What was raised, with the user's line that raised it or called what did: ``ValueError: no (file, line
    2)``.

    The frame that catches it does not count.
    """
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if "/torch/" not in frame.filename] or frames
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    message = next((line for line in str(error).splitlines() if line.strip()), "without a message")
    return f"{type(error).__name__}: {message}{place}"
