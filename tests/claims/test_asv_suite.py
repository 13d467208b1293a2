"""Suites of asv: found by their configuration, read without importing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.claims.asv import asv_root, kind_of
from harness.claims.folder import NoBenchmarks, chosen_folder, read

SUITE = """
from .common import Inherited
timeout = 90

def time_plain(): "Adding is fast."
def setup(): ...
def helper(): ...
async def time_async(): ...
if True:
    def TimeCamel(): ...

class Suite(Inherited):
    timeout = 120.0
    def setup(self, n): ...
    def time_it(self, n): ...
    def track_it(self, n): ...
    time_it.timeout = 200

class _Hidden:
    def time_no(self): ...
"""

COMMON = """
class Base:
    def peakmem_deep(self): ...
class Inherited(Base):
    def timeraw_code(self): ...
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A repository with an asv suite in its folder ``asv``."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "asv"
    folder.mkdir()
    (tmp_path / "asv.conf.json").write_text(
        '{\n // where they are\n "project_url": "https://a.b/c", /* it */ "benchmark_dir": "asv",\n}'
    )
    (folder / "__init__.py").write_text("")
    (folder / "common.py").write_text(COMMON)
    (folder / "loops.py").write_text(SUITE)
    (folder / "test_loops.py").write_text("def time_no(): ...")
    return folder


def test_benchmarks_are_found_by_name(suite: Path) -> None:
    """Functions and methods by asv's rules, with what a class inherits from other files, and the longest
    limits that are stated."""
    found = {f"{claim.path}::{claim.function}": claim for claim in read(suite).claims}
    assert set(found) == {
        "common.py::Base::peakmem_deep",
        "common.py::Inherited::peakmem_deep",
        "common.py::Inherited::timeraw_code",
        "loops.py::time_plain",
        "loops.py::TimeCamel",
        "loops.py::Suite::peakmem_deep",
        "loops.py::Suite::timeraw_code",
        "loops.py::Suite::time_it",
        "loops.py::Suite::track_it",
    }
    assert found["loops.py::time_plain"].sentence == "Adding is fast."
    limits = {
        name: found[f"loops.py::{name}"].time_limit
        for name in ("time_plain", "Suite::time_it", "Suite::track_it")
    }
    assert limits == {"time_plain": 90, "Suite::time_it": 200, "Suite::track_it": 120}
    assert chosen_folder(suite, Path("shipped")) == suite


def test_no_configuration_no_suite(suite: Path) -> None:
    """Without one that names the folder its functions are none of ours; one that is no JSON names nothing."""
    configuration = suite.parent / "asv.conf.json"
    assert asv_root(suite) == asv_root(suite / "below") == suite
    for text in ('{"benchmark_dir": "other"}', "{", "[]", '{"benchmark_dir": 5}'):
        configuration.write_text(text)
        assert asv_root(suite) is None
    with pytest.raises(NoBenchmarks, match=r"no asv\.conf\.json names it"):
        read(suite)


def test_a_file_that_is_no_python_is_a_problem(suite: Path) -> None:
    """It is named; the others are read."""
    (suite / "broken.py").write_text("def time_(")
    found = read(suite)
    assert "broken.py: it cannot be read as Python" in found.complaint()
    assert len(found.claims) == 9


@pytest.mark.parametrize(
    ("name", "kind"),
    [("time_a", "time"), ("TimeAb", "time"), ("timeraw_a", "timeraw"), ("PeakMemAb", "peakmem"), ("mem_a", "mem"),
     ("track_", ""), ("time", ""), ("timely_a", ""), ("sometime_a", "")],
)  # fmt: skip
def test_the_kind_is_in_the_name(name: str, kind: str) -> None:
    """Whatever is not one of asv's kinds is no benchmark."""
    assert kind_of(name) == kind
