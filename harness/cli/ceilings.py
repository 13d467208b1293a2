"""``python -m harness ceilings``: what nothing beats on this machine, measured or as it was kept."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from harness.bench.temporary import check_temporary
from harness.ceilings.cache import CeilingsError, CeilingsRequest, measured
from harness.cli.output import complain, console
from harness.cli.written import check_writable, write
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.loading.data.cache import cache_note
from harness.model import Ceiling
from harness.processes.launch import LaunchError, borrow_packages, check_interpreter
from harness.processes.live import Reaper
from harness.store import StoreError


def hold(options: argparse.Namespace) -> int:
    """Print the table; exit status 0, 2 for a usage or tool error, 3 where nothing could be measured."""
    from harness.loading.data.folder import DataError, check_folder
    from harness.report.ceilings import rate, show_ceilings

    told = console(sys.stderr)

    def progress(ceiling: Ceiling) -> None:
        if told.is_terminal:
            told.print(f"{ceiling.device} {ceiling.name}, {ceiling.detail}: {rate(ceiling)}", highlight=False)

    try:
        check_writable({"--json": options.json})
        data = check_folder(options.data).resolve() if options.data else None
        check_temporary(loaders=False)
        with Reaper() as guard:
            python, lent = sys.executable, None
            if options.python:
                python, lent = check_interpreter(options.python), borrow_packages(guard.folder / "lent")
            found = measured(CeilingsRequest(python, options.device, data, lent), anew=options.anew, told=progress)
        if options.json:
            content = {"measured": found.measured, "ceilings": [asdict(ceiling) for ceiling in found.ceilings]}
            write("--json", options.json, json.dumps(content, indent=1))
    except DataError as error:
        complain(f"--data: {error}")
        return TOOL_ERROR
    except (UsageError, LaunchError, StoreError, CeilingsError, OSError) as error:
        complain(error)
        return TOOL_ERROR
    when = f"measured {found.measured}" + ("; --anew measures again" if found.kept else "")
    notes = [note for note in (*found.warnings, cache_note(), when) if note]
    show_ceilings(found.ceilings, notes, console())
    return OK if found.ceilings else CANNOT_JUDGE
