"""``ceilings``: the highest rates that this machine reaches, measured now or kept from an earlier
measurement."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from harness.cli.forms import Forms, add_forms, as_json
from harness.cli.options import add_device, add_python, data_folder
from harness.cli.output import console
from harness.cli.values import check_data
from harness.exit_status import CANNOT_JUDGE, OK
from harness.model import Ceiling


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Measure the rates of copies, matrix products, launches and decoding, once for each environment."
    )
    add_device(parser)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="decode the images of your ImageFolder")
    add_python(parser)
    parser.add_argument(
        "--refresh", action="store_true", help="measure again, even if earlier figures are kept"
    )
    add_forms(parser, "json")


def run(options: argparse.Namespace) -> int:
    """Print the table; the status is 3 if nothing could be measured. Raises HarnessError."""
    from harness.bench.temporary import check_temporary
    from harness.ceilings.cache import CeilingsRequest
    from harness.ceilings.client import measured
    from harness.loading.data.cache import cache_note
    from harness.processes.launch import borrow_packages, check_interpreter
    from harness.processes.live import Reaper
    from harness.report.ceilings import ceilings_document, rate
    from harness.report.render.terminal import show_document

    forms = Forms.of(options)
    progress = console(sys.stderr)

    def show(ceiling: Ceiling) -> None:
        if progress.is_terminal:
            progress.print(
                f"{ceiling.device} {ceiling.name}, {ceiling.detail}: {rate(ceiling)}", highlight=False
            )

    check_data(options.data)
    check_temporary(loaders=False)
    with Reaper() as guard:
        python, borrowed = sys.executable, None
        if options.python:
            python, borrowed = check_interpreter(options.python), borrow_packages(guard.folder / "borrowed")
        request = CeilingsRequest(python, options.device, data_folder(options), borrowed)
        found = measured(request, refresh=options.refresh, progress=show)
    content = {"measured": found.measured, "ceilings": [asdict(ceiling) for ceiling in found.ceilings]}
    forms.write({"json": lambda: as_json(content)})
    when = f"measured {found.measured}" + ("; --refresh measures again" if found.kept else "")
    notes = [note for note in (*found.warnings, cache_note(), when) if note]
    show_document(ceilings_document(found.ceilings, notes), forms.console())
    return OK if found.ceilings else CANNOT_JUDGE
