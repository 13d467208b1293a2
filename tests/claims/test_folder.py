"""Folders of benchmarks: which files are read, what claims are called, and what trouble in one file
leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.claims.folder import NoBenchmarks, chosen_folder, read
from harness.claims.selection import select
from harness.cli.main import main
from harness.errors import UsageError

FORWARD = "def bench_forward(compare):\n    pass\n"


def stating(name: str) -> str:
    """A benchmark that states this name, in the first line."""
    return f"@claim({name!r})\ndef bench_x(compare):\n    pass\n"


def folder(root: Path, **files: str) -> Path:
    """A folder with these files; two underscores stand for a slash."""
    for name, text in files.items():
        file = root / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def names(root: Path) -> dict[str, str]:
    """The names of the claims by benchmark."""
    return {f"{claim.path}::{claim.function}": claim.name for claim in read(root).claims}


# --- which files --------------------------------------------------------------------------------------------


def test_in_the_order_of_paths(tmp_path: Path) -> None:
    """Claims come in the order of their files' paths; files of other names are not read."""
    root = folder(
        tmp_path, bench_b=stating("B"), bench_a=stating("A"), conftest="this is no Python", a__bench_c=FORWARD
    )
    assert [claim.name for claim in read(root).claims] == ["forward", "A", "B"]


@pytest.mark.parametrize(
    "below",
    [
        ".ipynb_checkpoints",
        ".git/hooks",
        "build/lib",
        "dist",
        "my.egg-info",
        "node_modules/x",
        "venv",
        "__pycache__",
    ],
)
def test_folders_that_hold_copies_are_left_out(tmp_path: Path, below: str) -> None:
    """A copy that an editor, a build or a package manager made is no second benchmark."""
    root = folder(tmp_path, bench_work=stating("W"))
    folder(root / below, bench_work=stating("W"))
    assert names(root) == {"bench_work.py::bench_x": "W"}
    assert read(root).problems == ()


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta"])
def test_environments_are_left_out(tmp_path: Path, mark: str) -> None:
    """A virtual environment is known by what is in it, whatever it is called."""
    root = folder(tmp_path, bench_work=stating("W"), mine__lib__bench_other=FORWARD)
    (root / "mine" / mark).touch()
    assert names(root) == {"bench_work.py::bench_x": "W"}


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("old", {"W"}),
        ("'o*'", {"W"}),
        ("benchmarks/old", {"W"}),
        ("elsewhere/old benchmark", {"W", "old"}),
    ],
)
def test_what_the_repository_keeps_pytest_out_of_is_left_out(
    tmp_path: Path, stated: str, found: set[str]
) -> None:
    """Copies that ``pytest benchmarks`` does not see (``norecursedirs``) are no second benchmark."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nnorecursedirs = {stated}\n")
    root = folder(tmp_path / "benchmarks", bench_work=stating("W"), old__bench_work=stating("old"))
    assert set(names(root).values()) == found
    if found == {"W"}:
        (root / "bench_work.py").unlink()
        with pytest.raises(NoBenchmarks, match="has no bench_"):
            read(root)
        with pytest.raises(NoBenchmarks, match="has no bench_"):
            chosen_folder(root, tmp_path)


def test_the_folder_that_was_named_is_read(tmp_path: Path) -> None:
    """A folder called build is searched if it is the one that was asked for."""
    assert names(folder(tmp_path / "build", bench_work=FORWARD)) == {
        "bench_work.py::bench_forward": "forward"
    }


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    """A folder or a pipe with the name of a benchmark file is not opened."""
    root = folder(tmp_path, bench_a=FORWARD)
    (root / "bench_b.py").mkdir()
    os.mkfifo(root / "bench_c.py")
    assert list(names(root)) == ["bench_a.py::bench_forward"]


@pytest.mark.parametrize("below", ["sub[1]", "a::b"])
def test_a_path_that_pytest_cannot_be_given(tmp_path: Path, below: str) -> None:
    """What pytest would take for parameters or a function's name is that file's problem, but not above the
    root."""
    root = folder(tmp_path / below, bench_a=FORWARD)
    folder(root / below, bench_b=FORWARD)
    found = read(root)
    assert [claim.path for claim in found.claims] == ["bench_a.py"]
    (problem,) = found.problems
    assert (
        "rename the folder or file" in problem.message and str(root / below / "bench_b.py") in problem.message
    )


def test_nothing_there(tmp_path: Path) -> None:
    """A folder without benchmarks, or none at all, says how to name another."""
    with pytest.raises(NoBenchmarks, match=r"has no bench_\*\.py, .*; name another folder with --benchmarks"):
        read(tmp_path)
    with pytest.raises(NoBenchmarks, match="is not a folder; name one with --benchmarks"):
        read(tmp_path / "none")
    folder(tmp_path, bench_suite="class Suite:\n    def time_a(self): pass\n")
    with pytest.raises(
        NoBenchmarks, match=r"has a function called bench_\.\.\.; write def bench_something\(compare\)"
    ):
        read(tmp_path)
    folder(tmp_path, bench_suite="class Suite:\n    def bench_a(self, compare): pass\n")
    assert "Suite.bench_a is not measured: it is a method" in read(tmp_path).complaint()


# --- names --------------------------------------------------------------------------------------------------


def test_unstated_names_are_distinguished_by_file(tmp_path: Path) -> None:
    """Functions of one name in two files are two claims, called by file and function."""
    root = folder(
        tmp_path, bench_net=FORWARD, bench_layer=FORWARD, bench_other="def bench_other(compare): pass\n"
    )
    assert names(root) == {
        "bench_layer.py::bench_forward": "layer.forward",
        "bench_net.py::bench_forward": "net.forward",
        "bench_other.py::bench_other": "other",
    }


def test_files_of_one_name_are_distinguished_by_folder(tmp_path: Path) -> None:
    """Where two files share a name, the folder distinguishes them."""
    root = folder(tmp_path, cpu__bench_net=FORWARD, gpu__bench_net=FORWARD, bench_net=FORWARD)
    assert list(names(root).values()) == ["net.forward", "cpu/net.forward", "gpu/net.forward"]


def test_a_stated_name_goes_first(tmp_path: Path) -> None:
    """An unstated name gives way to one that is stated, also where the longer name is taken."""
    root = folder(tmp_path, bench_a=stating("forward"), bench_b=FORWARD, bench_c=stating("b.forward"))
    assert list(names(root).values()) == ["forward", "bench_b.py::bench_forward", "b.forward"]


def test_a_name_stated_twice(tmp_path: Path) -> None:
    """Of two claims of one stated name the second is a problem that names both with their lines."""
    root = folder(tmp_path, bench_a=stating("C4"), bench_b=stating("C4"))
    found = read(root)
    assert [claim.path for claim in found.claims] == ["bench_a.py"]
    (problem,) = found.problems
    assert problem.message == (
        f"{root}/bench_b.py:1: bench_x states the claim 'C4', as {root}/bench_a.py:1 (bench_x) does; rename one"
    )
    assert found.functions() == {"bench_a.py::bench_x", "bench_b.py::bench_x"}


# --- selection ----------------------------------------------------------------------------------------------


def test_what_is_not_selected_may_be_broken(tmp_path: Path) -> None:
    """A selection holds the problems that it names, and no others."""
    root = folder(
        tmp_path,
        bench_good=stating("G"),
        bench_bad="def (",
        sub__bench_odd="@claim('O', speed=3)\n" + FORWARD,
    )
    found = read(root)
    assert select(found, ()) == found
    assert [problem.name for problem in found.problems] == ["bad", "O"]
    assert (select(found, ("G",)).claims, select(found, ("G",)).problems) == (found.claims, ())
    for word in ("O", "sub/", "bench_odd"):
        assert [problem.name for problem in select(found, (word,)).problems] == ["O"]
        assert select(found, (word,)).claims == ()


def test_a_name_that_may_be_in_a_broken_file(tmp_path: Path) -> None:
    """Where no claim has the name that was asked for, the files that cannot be read are named."""
    root = folder(tmp_path, bench_good=stating("G"), bench_bad="def (")
    with pytest.raises(
        UsageError, match=r"no such claim; there are G; what cannot be read:\n.*bench_bad\.py:1"
    ):
        select(read(root), ("L1",))


# --- list ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selected", "status", "out", "errors"),
    [
        ((), 3, ["G  G", "H  H"], ["harness: {root}/bench_bad.py:1: it cannot be read as Python: "]),
        (("G",), 0, ["G  G"], ["harness: not read, and not selected: {root}/bench_bad.py:1: "]),
        (("bad",), 2, [], ["harness: {root}/bench_bad.py:1: it cannot be read as Python: "]),
    ],
)
def test_list_goes_on_beside_a_broken_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    selected: tuple[str, ...],
    status: int,
    out: list[str],
    errors: list[str],
) -> None:
    """What can be read is listed; what cannot is an error if it was asked for, and a note otherwise."""
    root = folder(tmp_path, bench_good=stating("G"), bench_h=stating("H"), bench_bad="def (")
    options = [word for name in selected for word in ("--select", name)]
    assert main(["list", "--benchmarks", str(root), *options]) == status
    found = capsys.readouterr()
    assert found.out.splitlines() == out
    for line, start in zip(found.err.splitlines(), errors, strict=True):
        assert line.startswith(start.format(root=root))


def test_list_prints_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a docstring or a name holds reaches the terminal without its power, whatever it holds."""
    text = '"""Red \\x1b[31m and \\ud800."""\n@claim("X\\x07", needs="a\\x1b")\ndef bench_x(compare): pass\n'
    assert main(["list", "--benchmarks", str(folder(tmp_path, bench_x=text))]) == 0
    assert capsys.readouterr().out == "X  Red [31m and . [needs a]\n"


def test_the_folder_where_none_is_named(tmp_path: Path) -> None:
    """One that holds benchmarks, or ours where there is none; one without any is refused, with both ways
    out."""
    here, shipped = tmp_path / "benchmarks", tmp_path / "shipped"
    assert chosen_folder(here, shipped) == shipped
    here.mkdir()
    with pytest.raises(NoBenchmarks, match=rf"has no bench_\*\.py; .*--benchmarks {shipped}"):
        chosen_folder(here, shipped)
    (here / "test_add.py").touch()
    (here / "conftest.py").touch()
    with pytest.raises(NoBenchmarks, match=r"\(test_add\.py: is it to be bench_add\.py\?\)"):
        chosen_folder(here, shipped)
    (here / "bench_add.py").touch()
    assert chosen_folder(here, shipped) == here
