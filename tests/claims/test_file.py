"""Claims: read from the syntax tree alone, and refused with file, line and remedy where they cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.claims.claim import ClaimError, claim
from harness.claims.file import parse, read_file
from harness.claims.folder import read
from harness.cli.main import main
from harness.model import BASELINE, Claim, Expect, Measurement, Status, Trial
from tests.support.living import ENVIRONMENT, ROOT
from tests.support.pages import saved

SOUND = '''"""Batched products beat a loop.

A second paragraph that is no part of the sentence.

Why: Calls cost
time.

Source: a cookbook.
"""
import torch
from harness import claim

@claim("C4", expect="higher", margin=0.03, needs="cuda", apart=True, time_limit=9, metric="peak_bytes")
def bench_bmm(compare):
    pass
'''


def folder(tmp_path: Path, **files: str) -> Path:
    """A folder of benchmarks with these texts."""
    tmp_path.mkdir(exist_ok=True)
    for name, text in files.items():
        (tmp_path / f"bench_{name}.py").write_text(text)
    return tmp_path


def stating(decorator: str) -> str:
    """A benchmark with this decorator in its third line."""
    return f'"""A sentence."""\n\n{decorator}\ndef bench_x(compare):\n    pass\n'


def only(root: Path) -> Claim:
    """The one claim there is."""
    (found,) = read(root).claims
    return found


# --- what is stated -----------------------------------------------------------------------------------------


def test_everything_stated_is_read(tmp_path: Path) -> None:
    """Each keyword of the decorator arrives; the sentence is the docstring's first paragraph."""
    (tmp_path / "arithmetic").mkdir()
    folder(tmp_path / "arithmetic", bmm=SOUND)
    assert only(tmp_path) == Claim(
        "C4",
        "Batched products beat a loop.",
        "arithmetic/bench_bmm.py",
        "bench_bmm",
        "peak_bytes",
        Expect.HIGHER,
        0.03,
        ("cuda",),
        True,
        False,
        9,
        "Calls cost time.",
        "a cookbook.",
    )


def test_loaders_have_other_defaults(tmp_path: Path) -> None:
    """A loader's claim has a wider margin and a longer time limit, unless it states them."""
    found = only(folder(tmp_path, x=stating('@claim("L1", loader=True)')))
    assert (found.margin, found.time_limit) == (0.05, 300.0)
    found = only(folder(tmp_path, x=stating('@claim("L1", loader=True, margin=0.1, time_limit=5.0)')))
    assert (found.margin, found.time_limit) == (0.1, 5.0)
    assert found.target is None
    assert only(folder(tmp_path, x=stating('@claim("L1", target=0.1)'))).target == 0.1


def test_the_same_in_both_ways(tmp_path: Path) -> None:
    """What the decorator states at run time and what is read from the file is the same claim."""
    marked: Any = claim("C4", expect="same", needs=["cuda", "nvidia.dali"], loader=True)(lambda compare: None)
    found = only(
        folder(tmp_path, x=stating('@claim("C4", expect="same", needs=["cuda", "nvidia.dali"], loader=True)'))
    )
    for name in ("name", "expect", "needs", "loader", "margin", "time_limit", "metric"):
        assert getattr(marked.claim, name) == getattr(found, name)
    assert found.needs == ("cuda", "nvidia.dali")


def test_no_decorator_is_a_claim_too(tmp_path: Path) -> None:
    """A benchmark without the decorator claims to be faster, under its own name."""
    found = only(folder(tmp_path, x="def bench_inplace(compare):\n    '''In place is faster.'''\n"))
    assert found == Claim("inplace", "In place is faster.", "bench_x.py", "bench_inplace")


def test_many_benchmarks_in_one_file(tmp_path: Path) -> None:
    """A file's benchmarks are claims of their own, in order; other functions, and methods, are none."""
    text = (
        f"{SOUND}def helper(): pass\ndef bench_other(compare): pass\nclass A:\n    def bench_no(self): pass\n"
    )
    assert [found.name for found in read(folder(tmp_path, bmm=text)).claims] == ["C4", "other"]


def test_other_decorators_may_surround(tmp_path: Path) -> None:
    """The claim is found among other decorators and behind a module's name."""
    text = stating('@pytest.mark.parametrize("size", [make()])\n@harness.claim("Z9")\n@other')
    assert only(folder(tmp_path, x=text)).name == "Z9"


def test_reading_imports_nothing(tmp_path: Path) -> None:
    """A benchmark that raises when it is imported is listed all the same, and reading loads no torch."""
    folder(tmp_path, bmm=SOUND + "raise SystemExit('imported')\n")
    script = (
        "import sys; from pathlib import Path; from harness.claims.folder import read; "
        "print(*[c.name for c in read(Path(sys.argv[1])).claims], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    assert done.stdout == "C4 False\n"


def test_our_own_claims_are_sound() -> None:
    """The claims that come with the package read without complaint, each with a sentence and a name of its
    own."""
    claims = read(ROOT / "benchmarks").claims
    assert len({found.name for found in claims}) == len(claims) >= 10
    assert all(text.endswith(".") for found in claims for text in (found.sentence, found.why, found.source))


def test_the_page_of_claims_is_what_list_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m harness list --markdown > docs/CLAIMS.md`` writes it anew."""
    results = str(ROOT / "results")
    assert main(["list", "--markdown", "--benchmarks", str(ROOT / "benchmarks"), "--results", results]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "CLAIMS.md").read_text(encoding="utf-8")


def test_the_page_has_the_verdicts_of_each_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column for each baseline, with how often each verdict fell on the claim, and what machine it is."""
    folder(tmp_path / "benchmarks", x='"""X is fast."""\ndef bench_x(compare):\n    pass\n')
    (found,) = read(tmp_path / "benchmarks").claims
    place = tmp_path / "results" / "baselines" / "0123456789ab"
    place.mkdir(parents=True)
    trials = (Trial(BASELINE), Trial("tip", Status.CONFIRMED, "raises"), Trial("old", Status.GONE, "gone"))
    saved(place, [found], [Measurement("bench_x.py::bench_x", found.name, 1, trials=trials)])
    options = ["--benchmarks", str(tmp_path / "benchmarks"), "--results", str(tmp_path / "results")]
    assert main(["list", "--markdown", *options]) == 0
    shown = capsys.readouterr().out
    assert "| 1 holds, 1 gone |" in shown
    assert "Some CPU" in shown


def test_a_hostile_docstring_stays_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the tables of claims it breaks out of no cell."""
    folder(tmp_path, x='"""a | <b> [c](d).\n\nWhy: `e` | *f*\n"""\ndef bench_x(compare):\n    pass\n')
    assert main(["list", "--markdown", "--benchmarks", str(tmp_path), "--results", str(tmp_path)]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "<b>" in line or "60;b" in line]
    assert row.count("|") == 5


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ('@claim("X", expect=SIGN)', "must be literals"),
        ("@claim(NAME)", "must be literals"),
        ('@claim("X", needs=find())', "must be literals"),
        ('@claim("X", **MORE)', "must be literals"),
        ('@claim("X", needs={[]: 1})', "must be literals"),
        ('@claim("X", speed=3)', "states speed; may state"),
        ('@claim("X", sentence="other")', "states sentence; may state"),
        ('@claim("X", expect="faster")', "not lower, higher or same"),
        ('@claim("X", expect=["lower"])', "not lower, higher or same"),
        ('@claim("X", metric="speed")', "metric 'speed' is not a metric"),
        ('@claim("X", metric=["seconds"])', "metric"),
        ('@claim("X", margin="wide")', "margin"),
        ('@claim("X", margin=-0.1)', "margin"),
        ('@claim("X", margin=True)', "margin"),
        ('@claim("X", needs=5)', "needs"),
        ('@claim("X", needs=["cuda", 5])', "needs"),
        ('@claim("X", apart="yes")', "apart"),
        ('@claim("X", loader=1)', "loader"),
        ('@claim("X", time_limit=0)', "time_limit"),
        ('@claim("X", target=0)', "target is 0, not a number above 0 and up to 0.99"),
        ('@claim("X", target="10%")', "target is '10%', not a number above 0 and up to 0.99"),
        ('@claim("X", target=1)', "target is 1, not a number above 0 and up to 0.99"),
        ('@claim("X", time_limit="5m")', "time_limit"),
        ('@claim("X", margin=5000.0)', "margin is 5000.0, not a number above 0 and up to 1000"),
        ('@claim("X", margin=1e999)', "margin is inf"),
        ('@claim("X", time_limit=1e999)', "time_limit is inf, not a number above 0 and up to 604800"),
        ('@claim("X", time_limit=10000000)', "time_limit"),
        ("@claim(7)", "name"),
        ('@claim("")', "name"),
    ],
)
def test_one_clear_message(tmp_path: Path, decorator: str, expected: str) -> None:
    """What a claim may not state is one line that names file, line and what is wrong."""
    root = folder(tmp_path, x=stating(decorator))
    (problem,) = read(root).problems
    message = problem.message
    assert (problem.path, problem.function) == ("bench_x.py", "bench_x")
    with pytest.raises(ClaimError) as caught:
        read_file(root / "bench_x.py", root)
    assert str(caught.value) == message
    assert message.startswith(f"{root / 'bench_x.py'}:3: ")
    assert expected in message
    assert "\n" not in message


def test_the_decorator_refuses_the_same() -> None:
    """Importing such a file is an error, with the same words where the value is wrong."""
    with pytest.raises(TypeError, match="speed"):
        claim("X", speed=3)  # type: ignore[call-arg]
    with pytest.raises(ClaimError, match="margin"):
        claim("X", margin="wide")(lambda compare: None)  # type: ignore[arg-type]


def test_not_a_number_is_refused() -> None:
    """A margin that is not a number cannot be written as a literal, and is refused where the decorator
    runs."""
    with pytest.raises(ClaimError, match="margin is nan"):
        claim("X", margin=float("nan"))(lambda compare: None)


@pytest.mark.parametrize(
    ("text", "line"),
    [("def bench_x(:\n", ":1"), ("x = 'a\x00b'\n", ""), ("\nif True:\nx = 1\n", ":3"), ("(" * 5000, "")],
)
def test_what_is_no_python(tmp_path: Path, text: str, line: str) -> None:
    """A file that does not parse is named, with its line as far as that is known."""
    root = folder(tmp_path, x=text)
    (problem,) = parse(root / "bench_x.py", root).problems
    assert problem.message.startswith(f"{root / 'bench_x.py'}{line}: ") or not line
    assert "bench_x.py" in problem.message and "cannot be read as Python" in problem.message
    assert (problem.path, problem.function, problem.name) == ("bench_x.py", "", "x")


def test_what_is_no_text(tmp_path: Path) -> None:
    """A file in no encoding that Python reads is named."""
    (tmp_path / "bench_x.py").write_bytes(b"\xff\xfe")
    (problem,) = parse(tmp_path / "bench_x.py", tmp_path).problems
    assert "bench_x.py" in problem.message and "cannot be read as Python" in problem.message


@pytest.mark.parametrize(
    "before",
    [b"\xef\xbb\xbf", b"# -*- coding: latin-1 -*-\n", b"# coding: utf-8\r\n"],
    ids=["byte-order mark", "latin-1", "carriage returns"],
)
def test_source_is_read_as_python_reads_it(tmp_path: Path, before: bytes) -> None:
    """A byte-order mark or a declared encoding is no hindrance, and the sentence has the letters that were
    meant."""
    encoding = "latin-1" if b"latin" in before else "utf-8"
    (tmp_path / "bench_x.py").write_bytes(
        before + '"""Größer."""\ndef bench_x(compare): pass\n'.encode(encoding)
    )
    assert only(tmp_path).sentence == "Größer."


def test_two_functions_of_one_name(tmp_path: Path) -> None:
    """Of two benchmarks of one name Python keeps the second alone: neither is read, the file's others are."""
    text = stating('@claim("C4")') + stating('@claim("C5")') + "def bench_y(compare): pass\n"
    parsed = parse(folder(tmp_path, a=text) / "bench_a.py", tmp_path)
    assert [benchmark.claim.name for benchmark in parsed.benchmarks] == ["y"]
    (problem,) = parsed.problems
    assert problem.message.startswith(f"{tmp_path / 'bench_a.py'}:9: bench_x is defined twice")


ELSEWHERE = """
class BenchWork:
    def bench_method(self, compare): pass
    class Inner:
        def bench_inner(self, compare): pass

if True:
    def bench_under(compare): pass
else:
    def bench_other(compare): pass

async def bench_later(compare): pass

def helper():
    def bench_inside(compare): pass
"""


def test_what_is_called_like_a_benchmark_and_is_none(tmp_path: Path) -> None:
    """A method, a coroutine, a function under a condition: each is named with its line and what to write."""
    found = parse(folder(tmp_path, x=ELSEWHERE) / "bench_x.py", tmp_path)
    assert found.benchmarks == ()
    messages = {problem.function: problem.message for problem in found.problems}
    lines = {"BenchWork.bench_method": 3, "BenchWork.Inner.bench_inner": 5, "bench_under": 8, "bench_other": 10,
             "bench_later": 12}  # fmt: skip
    assert set(messages) == set(lines)
    assert all(f"bench_x.py:{line}: {name} is not measured" in messages[name] for name, line in lines.items())
    assert "write def bench_method(compare) outside of the class" in messages["BenchWork.bench_method"]


MISNAMED = """bench_a = lambda compare: None
bench_b: object = partial(run, 1)
bench_sizes = (1, 2)
bench_device = make("cpu")
lambda_ = lambda compare: None

def test_c(compare): helper(compare)

@claim("D")
def measure_d(compare, *, size=1): pass

def benchmark_e(compare): pass

def test_helper(compare): pass
def helper(compare): test_helper(compare)
def test_plain(): pass
def run_all(compare): pass

@pytest.fixture
def test_images(compare): pass

def bench_f(compare): pass
"""


def test_what_is_meant_as_a_benchmark_and_has_another_form(tmp_path: Path) -> None:
    """A benchmark that is assigned, and one with another name, are named with their lines; helpers and data
    are not."""
    found = parse(folder(tmp_path, x=MISNAMED) / "bench_x.py", tmp_path)
    assert [benchmark.claim.function for benchmark in found.benchmarks] == ["bench_f"]
    messages = {problem.function: problem.message for problem in found.problems}
    lines = {"bench_a": 1, "bench_b": 2, "test_c": 7, "measure_d": 10, "benchmark_e": 12}
    assert set(messages) == set(lines)
    assert all(f"bench_x.py:{line}: {name} is not measured" in messages[name] for name, line in lines.items())
    assert messages["bench_a"].endswith("it is assigned; write def bench_a(compare)")
    assert messages["test_c"].endswith("its name does not begin with bench_; write def bench_c(compare)")


def test_a_file_of_misnamed_benchmarks_alone_says_so(tmp_path: Path) -> None:
    """Where nothing else is in the folder, the reason is not that there are no benchmarks."""
    folder(tmp_path, x="def test_c(compare): pass\n")
    assert "test_c is not measured" in read(tmp_path).complaint()


def test_a_file_without_benchmarks_has_no_claims(tmp_path: Path) -> None:
    """A bench file without a benchmark so far is not an error."""
    folder(tmp_path, empty="", x=stating('@claim("X")'))
    assert list(read_file(tmp_path / "bench_empty.py", tmp_path)) == []
    assert [found.name for found in read(tmp_path).claims] == ["X"]
