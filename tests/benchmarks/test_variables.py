"""Environment variables for processes that are started inside, and whether a library was loaded first."""

from __future__ import annotations

import os

import pytest

from support.variables import has_loaded, variables


def test_variables_are_set_inside_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before is there again, also behind an error; what was not is gone."""
    monkeypatch.setenv("TIPBENCH_OLD", "before")
    monkeypatch.delenv("TIPBENCH_NEW", raising=False)
    with pytest.raises(ZeroDivisionError), variables(TIPBENCH_OLD="inside", TIPBENCH_NEW="1"):
        assert (os.environ["TIPBENCH_OLD"], os.environ["TIPBENCH_NEW"]) == ("inside", "1")
        raise ZeroDivisionError
    assert os.environ["TIPBENCH_OLD"] == "before" and "TIPBENCH_NEW" not in os.environ


def test_a_library_that_was_not_loaded_first_is_named() -> None:
    """The dynamic linker goes on without it, and times would be those of another allocator."""
    has_loaded("libc.so.6", 0)
    with pytest.raises(RuntimeError, match=r"libnone\.so\.1 was to be loaded by LD_PRELOAD"):
        has_loaded("libnone.so.1", 0)
