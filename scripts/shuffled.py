"""A pytest plug-in: tests in an order that a seed decides, and a file with what became of them.

    PYTHONPATH=scripts pytest -p shuffled --shuffle 7 --outcomes outcomes.json

Files come in random order, and so do the tests of each file; a file's tests stay together, and so do the
tests that share a parameter of a wider scope, as pytest itself keeps them. pytest-randomly would do this too,
but it is loaded by every pytest of the environment, those included that tests start.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("shuffled")
    group.addoption(
        "--shuffle", type=int, metavar="SEED", help="run the tests in the order that SEED decides"
    )
    group.addoption(
        "--outcomes", type=Path, metavar="FILE", help="write how many tests passed, and which failed"
    )


def shuffled(names: list[tuple[str, str]], seed: int) -> list[int]:
    """The places of tests, named by file and test, in a new order: it depends on the names and the seed
    alone."""
    by_file: dict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(names)), key=names.__getitem__):
        by_file[names[place][0]].append(place)
    random = Random(seed)
    files = list(by_file)
    random.shuffle(files)
    for file in files:
        # Seeded by the file: its order is the same where the file is alone.
        Random(f"{seed} {file}").shuffle(by_file[file])
    return [place for file in files for place in by_file[file]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in their order."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        order = shuffled([(item.nodeid.partition("::")[0], item.nodeid) for item in items], seed)
        items[:] = [items[place] for place in order]


class Outcomes:
    """What became of the tests, recorded by the process that the user started."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.passed = self.skipped = 0
        self.failed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and keep how a test failed; set-up and teardown can fail too."""
        if report.failed:
            self.failed.setdefault(report.nodeid, f"{report.when}: {reason(report)}")
            self.write()
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported has failed."""
        if report.failed:
            self.failed.setdefault(report.nodeid, f"collection: {reason(report)}")

    def pytest_sessionfinish(self) -> None:
        """Nothing more comes."""
        self.write()

    def write(self) -> None:
        """Write the file, also in between: a run that hangs or is killed has recorded what failed before."""
        self.file.write_text(
            json.dumps({"passed": self.passed, "skipped": self.skipped, "failed": self.failed}),
            encoding="utf-8",
        )


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The last line of an error that is not empty."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    lines = [line for line in text.splitlines() if line.strip()]
    return (lines[0] if crash is not None else lines[-1]).strip()[:300] if lines else ""


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that the user started hears of every test."""
    file = config.getoption("--outcomes")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(file))
