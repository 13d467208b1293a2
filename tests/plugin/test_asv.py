"""Benchmarks of asv as pytest items: their cases, what surrounds their calls, and what is measured."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Iteration, Variant
from harness.model import BASELINE, FIXTURE, Claim, Measurement
from harness.plugin.asv import AsvCase, AsvFile, OwnReading
from harness.plugin.benchmark import MeasuredCall
from harness.plugin.digests import digests

SUITE = """
from pathlib import Path

seen = []

def time_plain(): seen.append("plain")
time_plain.setup = lambda: seen.append("own")
def setup(*values): seen.append(("module", *values))
def teardown(*values): seen.append(("end", *values))

class Pairs:
    params = ([1, 2], ["a b", len])
    param_names = ["n"]
    number = 1

    def setup(self, n, what):
        if n == 2 and what == "a b":
            raise NotImplementedError("not this one")
        self.left = [n]

    def time_use_up(self, n, what): self.left.pop()

class Cached:
    def setup_cache(self):
        Path("made").write_text("here")
        seen.append("cache")
        return {"all": [1, 2, 3]}

    def setup(self, cache):
        assert Path("made").read_text() == "here"
        assert cache == {"all": [1, 2, 3]}

    def track_length(self, cache):
        cache["all"].append(4)
        return len(cache["all"])

    def peakmem_bytes(self, cache): bytearray(1_000_000)
    def mem_no(self, cache): ...
    def timeraw_no(self, cache): ...

class Skips:
    params = [1, 2]
    def time_it(self, n): ...
    time_it.skip_params = [(1,)]

class Inside:
    number = 3
    def time_three(self): seen.append("three")
"""


class CallsOnce:
    """A session that calls what it is to measure a few times."""

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Call it as a runner does."""
        given = spec.variants[BASELINE]
        assert isinstance(given, Variant)
        with given.prepare() as iteration:
            for _ in range(3):
                iteration()
            self.iteration: Iteration = iteration
        return None

    def returned(self, case: str, result: object) -> None:
        """What a test receives is not looked at here."""


class Plugin:
    """Collects the file, and measures as a session that calls everything a few times."""

    def __init__(self) -> None:
        self.sessions: dict[str, CallsOnce] = {}
        self.items: dict[str, pytest.Item] = {}
        self.outcomes: dict[str, str] = {}

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module:
        """As in a driven session."""
        found: AsvFile = AsvFile.from_parent(parent, path=module_path)
        return found

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what was found."""
        self.items = {item.name: item for item in session.items}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what came of each."""
        report = yield
        if report.when == "call":
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.outcomes[item.name] = f"{report.outcome} {why}".strip()
        return report

    @pytest.fixture
    def benchmark(self, request: pytest.FixtureRequest) -> MeasuredCall:
        """The fixture's value, with a session of its own."""
        item = request.node
        self.sessions[item.name] = CallsOnce()
        claim = Claim("it", "", item.path.name, item.originalname, fixture=FIXTURE)
        return MeasuredCall(item, item.name, claim, self.sessions[item.name], item.path.parent)


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """The suite above, collected and run in this process."""
    (tmp_path / "asv.conf.json").write_text('{"benchmark_dir": "asv_suite"}')
    (tmp_path / "asv_suite").mkdir()
    file = tmp_path / "asv_suite" / "loops.py"
    file.write_text(SUITE)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    plugin = Plugin()
    options = ["-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    pytest.main([*options, str(file)], plugins=[plugin])
    yield plugin
    for name in ("asv_suite", "asv_suite.loops"):
        sys.modules.pop(name, None)


def test_a_suite_is_played_by_asvs_rules(played: Plugin) -> None:
    """Every combination is a case; setups come from the module inwards, before each sample where ``number``
    says so; ``setup_cache`` runs once, and each benchmark has a copy of what it returned."""
    assert played.outcomes == {
        "time_plain": "passed",
        "Pairs::time_use_up[1-a b]": "passed",
        "Pairs::time_use_up[1-len]": "passed",
        "Pairs::time_use_up[2-a b]": "skipped Skipped: its setup raises NotImplementedError: not this one",
        "Pairs::time_use_up[2-len]": "passed",
        "Cached::track_length": "passed",
        "Cached::peakmem_bytes": "passed",
        "Cached::mem_no": "skipped Skipped: it weighs an object that it returns, and nothing is called; write a "
        "peakmem_ benchmark",
        "Cached::timeraw_no": "skipped Skipped: it times code in fresh interpreters, which has no rounds; write a "
        "time_ benchmark",
        "Skips::time_it[2]": "passed",
        "Inside::time_three": "passed",
    }
    seen = sys.modules["asv_suite.loops"].seen
    assert seen[:7] == [("module",), "own", "plain", "plain", "plain", "plain", ("end",)]
    assert seen.count("cache") == 1
    assert seen.count("three") == 4 * 3
    # Four calls of each of three cases, with a set-up and a teardown each.
    assert len([each for each in seen if each[:2] in (("module", 1), ("end", 1))]) >= 2 * 2 * 4
    item = played.items["Pairs::time_use_up[1-len]"]
    assert isinstance(item, AsvCase)
    assert item.parameters == {"n": 1, "param2": len}
    assert set(digests(item)) == {"n", "param2"}


def test_what_a_benchmark_gives_beside_its_time(played: Plugin) -> None:
    """The number that it returns, or the most bytes that it has at once; nothing of another metric."""
    length = played.sessions["Cached::track_length"].iteration
    assert isinstance(length, OwnReading)
    number = length.own_reading("tracked")
    assert number is not None
    assert number[0] > 3
    assert length.own_reading("peak_bytes") is None
    peak = played.sessions["Cached::peakmem_bytes"].iteration
    assert isinstance(peak, OwnReading)
    assert peak.own_reading("tracked") is None
    reading = peak.own_reading("peak_bytes")
    assert reading is not None
    assert 1_000_000 <= reading[0] < 1_010_000
    assert reading[1] == "tracemalloc"
