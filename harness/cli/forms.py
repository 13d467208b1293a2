"""The written forms of a report: which were requested, whether they can be written, and writing them."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import output
from harness.cli.parser import written_file
from harness.store import StoreError
from harness.store.whole_file import whole_file

if TYPE_CHECKING:
    from rich.console import Console

FORMS = {
    "markdown": "Markdown, for pull requests",
    "csv": "CSV, numbers only",
    "parquet": "Parquet, numbers only",
    "junit": "JUnit XML",
    "benchmark-json": "pytest-benchmark's JSON, times only",
    "hud-json": "records of PyTorch's benchmark database",
    "json": "JSON, for programs",
    "html": "one HTML page that works offline",
}
"""Every form by its option, with its words in ``--help``."""

FILES_ONLY = ("parquet", "html")
"""Forms that do not go to the standard output."""

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a workflow's summary, to which other steps write too."""

STDOUT = Path("-")


def add_forms(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add an option for each of these forms."""
    for name in names:
        stdout = "" if name in FILES_ONLY else "; - for standard output"
        parser.add_argument(
            f"--{name}", type=written_file, metavar="FILE", help=f"also write {FORMS[name]}{stdout}"
        )


@dataclass(frozen=True, slots=True)
class Forms:
    """The file of each form that was requested; ``summary`` is one that Markdown is appended to."""

    paths: Mapping[str, Path]
    summary: Path | None = None

    @classmethod
    def of(cls, options: argparse.Namespace, results: Path | None = None, *, summary: bool = False) -> Forms:
        """What the options request, each file tried before anything is measured.

        ``results`` may still have to be made; ``summary`` includes the workflow's. Raises StoreError for the
        first form that cannot be written.
        """
        typed = {name: getattr(options, name.replace("-", "_"), None) for name in FORMS}
        paths: dict[str, Path] = {name: path for name, path in typed.items() if path is not None}
        named = os.environ.get(SUMMARY) if summary else None
        found = cls(paths, Path(named) if named else None)
        if sum(path == STDOUT for path in paths.values()) > 1:
            raise StoreError("only one form can go to the standard output; name a file for the others")
        for name in FILES_ONLY:
            if paths.get(name) == STDOUT:
                raise StoreError(f"--{name}: this form does not go to the standard output; name a file")
        files = {f"--{name}": path for name, path in paths.items() if path != STDOUT}
        check_writable(files | ({SUMMARY: found.summary} if found.summary else {}), results)
        return found

    def console(self) -> Console:
        """The console for people: the standard output, or the standard error if a form takes that."""
        return output.console(sys.stderr if STDOUT in self.paths.values() else sys.stdout)

    def refuse_except(self, what: str, known: Collection[str]) -> None:
        """Raises StoreError for a form that is not among those that are known of ``what``."""
        for name in self.paths:
            if name not in known:
                allowed = ", ".join(f"--{form}" for form in FORMS if form in known)
                raise StoreError(f"--{name}: {what} has no such form (allowed: {allowed})")

    def write(
        self,
        texts: Mapping[str, Callable[[], str]],
        files: Mapping[str, Callable[[Path], None]] | None = None,
    ) -> None:
        """Write each form that was requested: ``texts`` make their text, ``files`` write a path themselves.

        A form that cannot be written does not keep the others from it. Raises StoreError for the first such
        one.
        """
        failures: list[StoreError] = []
        for name, path in self.paths.items():
            try:
                if name in texts:
                    _write(f"--{name}", path, texts[name]())
                elif files is not None and name in files:
                    with _replacing(path) as place:
                        files[name](place)
            except StoreError as error:
                failures.append(error)
            except OSError as error:
                failures.append(unwritable(f"--{name}", path, error))
            except ValueError as error:
                failures.append(
                    StoreError(
                        f"--{name}: cannot write {path} ({error}): this form cannot contain a name in the records"
                    )
                )
        if self.summary is not None:
            try:
                _write(SUMMARY, self.summary, texts["markdown"](), append=True)
            except StoreError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def as_json(document: Mapping[str, object] | Sequence[object]) -> str:
    """A document as text; what is not finite has become null before."""
    return json.dumps(document, indent=1, allow_nan=False)


def check_writable(files: Mapping[str, Path], results: Path | None = None) -> None:
    """Try the files by the options that name them, and change nothing.

    ``results``, the folder of results, may still have to be made: a file in it is to be written then. Raises
    StoreError with the first option whose file cannot be written.
    """
    if results is not None:
        _check_folder(results)
    for option, path in files.items():
        if results is not None and _comes_with(path, results):
            continue
        try:
            _try(path)
        except OSError as error:
            raise unwritable(option, path, error) from error


def unwritable(option: str, path: Path, error: OSError) -> StoreError:
    """The error for a file that cannot be written."""
    return StoreError(f"{option}: cannot write {path}: {error.strerror or error}; name another file")


def _write(option: str, path: Path, text: str, *, append: bool = False) -> None:
    """Write a text, with a newline at its end. Raises StoreError."""
    ended = text if text.endswith("\n") or not text else f"{text}\n"
    if path == STDOUT:
        sys.stdout.write(output.encodable(ended))
        return
    try:
        if append:
            # Names may hold what no encoding knows.
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(ended)
        else:
            with _replacing(path) as place:
                place.write_text(ended, encoding="utf-8", errors="replace")
    except OSError as error:
        raise unwritable(option, path, error) from error


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Where to write a form, so that an older one stays as it was until the new one is whole.

    The place itself for a pipe or a device, and in a folder where nothing new can be made. A link stays one.
    """
    target = Path(os.path.realpath(path))
    if (target.exists() and not target.is_file()) or not os.access(target.parent, os.W_OK):
        yield path
        return
    with whole_file(target) as draft:
        yield draft


def _try(path: Path) -> None:
    """Raises OSError if the file cannot be written. Only opening it shows that for every file system and
    every user."""
    target = Path(os.path.realpath(path))
    there = target.exists()
    if there and not target.is_file() and not target.is_dir():
        return  # a pipe or a device: the reader at its other end would notice
    with path.open("ab"):
        pass
    if not there:
        target.unlink()


def _comes_with(path: Path, results: Path) -> bool:
    return not results.exists() and path.resolve().parent == results.resolve()


def _check_folder(results: Path) -> None:
    """Raises StoreError if no folder can be made in ``results``, which may have to be made itself."""
    place = results.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        raise StoreError(
            f"--results: cannot write to {results}: {error.strerror or error}; choose a folder you may write to with "
            "--results FOLDER"
        ) from error
