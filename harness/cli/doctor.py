"""``doctor``: what this machine can measure, what is missing, and how to mend it."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from harness.cli.forms import Forms, add_forms, as_json
from harness.cli.options import add_results
from harness.exit_status import CANNOT_JUDGE, OK
from harness.model import Readiness
from harness.program import advised


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Say what this machine can measure: GPU, packages, cores, memory, disks, and what is missing."
    )
    add_results(parser)
    add_forms(parser, "json", "markdown")


def run(options: argparse.Namespace) -> int:
    """Print the table; the status is 3 where nothing can be measured. Raises HarnessError."""
    from harness.environment import fingerprint
    from harness.environment.checks import check_machine
    from harness.report.builders.doctor import doctor_document
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document
    from harness.report.selftest import selftest_line

    forms = Forms.of(options)
    checks = list(check_machine(options.results))
    noise = selftest_line(options.results, fingerprint()["machine_id"]) or (
        f"not known yet; {advised('selftest --budget 20s --select C4')} measures what this machine can tell apart"
    )
    document = doctor_document(checks, noise)
    content = {"checks": [asdict(check) for check in checks], "noise": noise}
    forms.write({"json": lambda: as_json(content), "markdown": lambda: markdown(document)})
    show_document(document, forms.console())
    vital = {check.name: check.readiness for check in checks}
    return CANNOT_JUDGE if Readiness.MISSING in (vital["torch"], vital["temporary files"]) else OK
