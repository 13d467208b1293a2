"""Why a benchmark failed, in one line: where, what, and of several lines those with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.measure.correctness import Agreement, WrongResult
from harness.measure.failure import failure, located
from harness.plugin.reasons import reason_of


def raised(error: Exception) -> Exception:
    """The error, with a traceback from here."""
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_line_that_ends_at_a_colon_goes_on() -> None:
    """A message whose first line only begins an explanation has the next ones, too; any other its first."""
    error = RuntimeError(
        "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight:\n\t(2, 3) is not (3, 2)"
    )
    assert failure(error) == (
        "RuntimeError: Error(s) in loading state_dict for Linear: size mismatch for weight: (2, 3) is not (3, 2)"
    )
    assert failure(ValueError("bad shape\nsee the manual")) == "ValueError: bad shape"
    assert failure(ValueError("what:")) == "ValueError: what"


def test_a_workers_traceback() -> None:
    """What the worker raised counts, with the lines that go on, and not the last of its traceback."""
    text = "Caught KeyError in worker 0.\nTraceback (most recent call last):\n  File x\nmy.ShapeError: sizes:\n  2, 3\n"
    assert failure(RuntimeError(text)) == "my.ShapeError: sizes: 2, 3"


def test_where_it_was_raised() -> None:
    """The innermost line of the user's own code: here this file's, and not the library's that it called."""
    line = raised.__code__.co_firstlineno + 3
    assert located(raised(ValueError("no"))) == f"{Path(__file__).name}:{line}: ValueError: no"
    assert located(ValueError("never raised")) == "ValueError: never raised"
    try:
        Path("/no/such/file").read_text()
    except OSError as error:
        assert located(error).startswith(f"{Path(__file__).name}:")


def reasons(folder: Path, text: str, name: str = "test_it.py") -> list[str]:
    """Why the tests, or the benchmarks, of a file fail."""

    class Listener:
        found: list[str] = []  # noqa: RUF012

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
            report = yield
            if call.excinfo is not None:
                self.found.append(reason_of(call.excinfo.value))
            return report

    (folder / name).write_text(text)
    listener = Listener()
    options = [
        "-q",
        "-c",
        "/dev/null",
        "--rootdir",
        str(folder),
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
    ]
    pytest.main([*options, str(folder / name)], plugins=[listener])
    return listener.found


def test_a_misspelt_fixture(tmp_path: Path) -> None:
    """It is one line with its place and the fixtures of a similar name."""
    text = "import pytest\n@pytest.fixture\ndef images(): pass\n\ndef test_x(imagse):\n    pass\n"
    assert reasons(tmp_path, text) == ["test_it.py:5: fixture 'imagse' not found; near it: images"]
    (found,) = reasons(tmp_path, "def test_x(zzzzzz):\n    pass\n", "test_that.py")
    assert found.startswith("test_that.py:1: fixture 'zzzzzz' not found; there are ") and " device, " in found


SCOPES = """
import pytest

@pytest.fixture(scope="module")
def net(device):
    return device

def bench_net(net):
    raise ValueError(net)
"""
OWN = """
@pytest.fixture
def device():
    return "my own"

def bench_own(device):
    raise ValueError(device)
"""


def test_the_device_is_there_for_fixtures_of_any_scope(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A module's fixture may use it; a user's own of that name still wins, and a narrower one is named
    whole."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert reasons(tmp_path, SCOPES, "bench_scopes.py") == [f"bench_scopes.py:9: ValueError: {device}"]
    ours = SCOPES.replace("def net(device)", "def net()").replace("return device", "return 1")
    assert reasons(tmp_path, ours + OWN, "bench_own.py")[1] == "bench_own.py:16: ValueError: my own"
    (narrow,) = reasons(tmp_path, SCOPES + OWN.partition("def bench_own")[0], "bench_narrow.py")
    assert "ScopeMismatch" in narrow
    assert "def net(device)" in narrow


def test_a_claim_that_cannot_be_read_under_plain_pytest(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It fails its own benchmark, or its file, with the line; nothing internal fails."""
    text = "from harness import claim\nx = 'y'\n@claim(x)\ndef bench_x(compare):\n    pass\n"
    (found,) = reasons(tmp_path, text, "bench_claim.py")
    assert "bench_claim.py:3: what @claim states must be literals" in found
    assert reasons(tmp_path, "\n\ndef (\n", "bench_torn.py") == []
    assert "bench_torn.py:3: it cannot be read as Python" in capfd.readouterr().out


@pytest.mark.parametrize(
    "same", [torch.equal, torch.testing.assert_close, lambda expected, got: expected is got]
)
def test_a_result_that_is_not_returned(same: Callable[..., object]) -> None:
    """Whatever compares it, the message states that a variant returns its result, and which did not."""
    with pytest.raises(
        (TypeError, WrongResult), match=r"^it returned None: a variant must return its result"
    ):
        Agreement(same, torch.ones(2)).check(None)
    with pytest.raises((TypeError, WrongResult), match=r"^the baseline returned None"):
        Agreement(same, None).check(torch.ones(2))
    with pytest.raises(TypeError, match=r"^the baseline returned None"):
        Agreement(torch.equal, None).check(None)
    assert Agreement(lambda expected, got: True, None).check(None) == {}
