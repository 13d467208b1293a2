"""The log of a process that ended: the line with the error, whatever follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.processes.logs import last_words

CONFTEST = """ImportError while loading conftest '/repo/benchmarks/conftest.py'.
benchmarks/conftest.py:1: in <module>
    import no_such_package
E   ModuleNotFoundError: No module named 'no_such_package'
"""
INTERNAL = """INTERNALERROR> Traceback (most recent call last):
INTERNALERROR>   File "/env/lib/python3.11/site-packages/pluggy/_manager.py", line 492, in check_pending
INTERNALERROR>     raise PluginValidationError(
INTERNALERROR> pluggy._manager.PluginValidationError: unknown hook 'pytest_x' in plugin <module 'conftest' from '/c.py'>

no tests ran in 38.88s
"""
USAGE = "ERROR: not found: /repo/benchmarks/bench_x.py\n(no match in any of [<Dir benchmarks>])\n\n"
TRACEBACK = """Traceback (most recent call last):
  File "<string>", line 3, in <module>
ImportError: libcudart.so.12:
  cannot open shared object file
"""
HOOK = """pluggy._manager.PluginValidationError: Plugin '/c.py' for hook 'pytest_sessionstart'
hookimpl definition: pytest_sessionstart(nonsense)
Argument(s) {'nonsense'} are declared in the hookimpl but can not be found in the hookspec
"""
IN_A_HOOK = """INTERNALERROR> Traceback (most recent call last):
INTERNALERROR>   File "/env/lib/python3.11/site-packages/pluggy/_callers.py", line 121, in _multicall
INTERNALERROR>     res = hook_impl.function(*args)
INTERNALERROR>   File "/repo/benchmarks/conftest.py", line 2, in pytest_collection_modifyitems
INTERNALERROR>     raise ValueError("boom")
INTERNALERROR>   File "/env/lib/python3.11/site-packages/other.py", line 7, in called
INTERNALERROR> ValueError: boom

no tests ran in 31.75s
"""
FAILURES = """F                                                      [100%]
=================================== FAILURES ===================================
E       RuntimeError: no room left
=========================== short test summary info ============================
FAILED bench_x.py::bench_x - RuntimeError: no room left
1 failed, 2 deselected in 3.05s
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFTEST, "ImportError while loading conftest '/repo/benchmarks/conftest.py': ModuleNotFoundError: No module"
         " named 'no_such_package'"),
        (INTERNAL, "pluggy._manager.PluginValidationError: unknown hook 'pytest_x' in plugin <module 'conftest' from "
         "'/c.py'>"),
        (HOOK, "pluggy._manager.PluginValidationError: Plugin '/c.py' for hook 'pytest_sessionstart' hookimpl "
         "definition: pytest_sessionstart(nonsense) Argument(s) {'nonsense'} are declared in the hookimpl but can not "
         "be found in the hookspec"),
        (IN_A_HOOK, "conftest.py:2: ValueError: boom"),
        (USAGE, "ERROR: not found: /repo/benchmarks/bench_x.py"),
        (TRACEBACK, "ImportError: libcudart.so.12: cannot open shared object file"),
        (FAILURES, "RuntimeError: no room left"),
        ("loading\nno torch here\n\nno tests ran in 0.01s\n", "no torch here"),
        ("", "it printed nothing"),
        ("\n3 deselected in 0.10s\n", "it printed nothing"),
    ],
)  # fmt: skip
def test_the_line_with_the_error(tmp_path: Path, text: str, words: str) -> None:
    """It stands for the end of a process, and not the summary behind it."""
    (tmp_path / "log").write_text(text)
    found = last_words(tmp_path / "log")
    assert (found.line, found.in_conftest) == (words, text == CONFTEST)


def test_what_was_killed_has_its_last_line(tmp_path: Path) -> None:
    """An error that it had survived before is not why it ended."""
    (tmp_path / "log").write_text("RuntimeError: long ago\nabout to die\n")
    assert last_words(tmp_path / "log", killed=True).line == "about to die"
    assert last_words(tmp_path / "absent").line == "it printed nothing"


def test_words_are_bounded(tmp_path: Path) -> None:
    """A log of any length gives a line of bounded length, from its end."""
    (tmp_path / "log").write_text("x" * 10**6 + "\nValueError: " + "y" * 10**4)
    assert last_words(tmp_path / "log").line.startswith("ValueError: yyy")
    assert len(last_words(tmp_path / "log").line) <= 500
