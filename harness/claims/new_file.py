"""A new benchmark file, ready to run, from the sentence that it is to test."""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Template
from textwrap import wrap

from harness.errors import UsageError

WIDTH = 110
_WORDS = 5
"""Words of the sentence that the file's name has at most."""

_FILE = Template('''"""$sentence

Why: say here what makes it hold or fail.

Source: say here who teaches it.
"""

import torch

from harness import claim


@claim("$name", expect="lower")
def bench_$function(compare, device):
    x = torch.randn(2**16, device=device)
    compare(
        # Callables that return their result: the work without the tip, then with it.
        baseline=lambda: x * x * x,
        tip=lambda: x.pow(3),
        # When two results agree.
        same=lambda expected, got: torch.allclose(got, expected, rtol=1e-4),
    )
''')


def write_benchmark(folder: Path, sentence: str, name: str = "") -> Path:
    """Write ``folder``/bench_<words of the sentence>.py, and return its path.

    ``name`` is the claim's short name; by default those words. The folder is made where it does not exist.
    Raises UsageError for a sentence without a letter, for a name that no text could hold, for a file that is
    there already, and where none can be written.
    """
    words = re.findall(r"[a-z0-9]+", sentence.lower())[:_WORDS]
    function = "_".join(words)
    if not re.search("[a-z]", function):
        raise UsageError(
            f"new: {sentence!r} has no letter from a to z: a sentence names the file and the function"
        )
    if name and not re.fullmatch(r"[\w.+-]+", name):
        raise UsageError(f"--name: {name!r} is not made of letters, digits and . _ + -")
    file = folder / f"bench_{function}.py"
    text = _FILE.substitute(sentence=_docstring(sentence), name=name or function, function=function)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        if isinstance(error, FileExistsError) and os.path.lexists(file):
            raise UsageError(
                f"{file} is there already: change it, or begin the sentence in another way"
            ) from None
        raise UsageError(f"cannot write {file}: {error.strerror}; name a folder with --benchmarks") from error
    return file


def _docstring(sentence: str) -> str:
    """The sentence as the first lines of a docstring, whatever characters it has."""
    plain = " ".join(sentence.split()).replace("\\", "/").replace('"', "'")
    whole = plain if plain.endswith((".", "?", "!")) else f"{plain}."
    first, *others = wrap('"""' + whole, WIDTH)
    return "\n".join([first.removeprefix('"""'), *others])
