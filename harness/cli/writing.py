"""Where a command's forms go: files, or the standard output for ``-``; and where its words go meanwhile."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.cli import output
from harness.cli.options import FILES_ONLY
from harness.cli.written import check_writable, unwritable, write
from harness.report.files import MissingPackage
from harness.store import StoreError

STDOUT = Path("-")

FORMS = ("markdown", "csv", "parquet", "junit", "benchmark_json", "json", "html")


def console(options: argparse.Namespace) -> Console:
    """Where people are told: the standard output, or the standard error where a form takes that."""
    stderr = any(getattr(options, form, None) == STDOUT for form in FORMS)
    return output.console(sys.stderr if stderr else sys.stdout)


def check_forms(options: argparse.Namespace) -> None:
    """Raises StoreError for forms that cannot be written, before anything is read or shown."""
    if sum(getattr(options, form, None) == STDOUT for form in FORMS) > 1:
        raise StoreError("only one form can go to the standard output")
    for form in FILES_ONLY:
        if getattr(options, form, None) == STDOUT:
            raise StoreError(f"--{form} does not go to the standard output: name a file")
    check_writable({option_of(form): path for form, path in wanted(options).items() if path != STDOUT})


def wanted(options: argparse.Namespace) -> dict[str, Path]:
    """Where each form goes that was asked for."""
    return {form: path for form in FORMS if (path := getattr(options, form, None)) is not None}


def option_of(form: str) -> str:
    """The option that asks for a form."""
    return f"--{form.replace('_', '-')}"


def write_forms(
    options: argparse.Namespace,
    texts: Mapping[str, Callable[[], str]],
    files: Mapping[str, Callable[[Path], None]] | None = None,
) -> None:
    """Write each form that was asked for: ``texts`` make their text, ``files`` write a path themselves.

    Raises StoreError that names the file.
    """
    for form, path in wanted(options).items():
        try:
            if form in texts:
                _write(form, path, texts[form]())
            elif files is not None and form in files:
                files[form](path)
        except OSError as error:
            raise unwritable(option_of(form), path, error) from error
        except MissingPackage as error:
            raise StoreError(str(error)) from error
        except ValueError as error:
            raise StoreError(f"cannot write {path} ({error}): this form cannot hold a name in the records") from error


def as_json(document: Mapping[str, Any]) -> str:
    """A document as text; what is not finite has become null before."""
    return json.dumps(document, indent=1, allow_nan=False)


def _write(form: str, path: Path, text: str) -> None:
    if path == STDOUT:
        ended = text if text.endswith("\n") or not text else f"{text}\n"
        sys.stdout.write(output.encodable(ended))
    else:
        write(option_of(form), path, text)
