"""The sides of a gate: each measures its own code, equal sides are refused, and nothing stays behind."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from harness.environment.packages import packages
from harness.errors import UsageError
from harness.gate.base_revision import read_base
from harness.gate.builds import build, environment, interpreter
from harness.gate.builds import prepare as preparing
from harness.gate.builds.check_imports import check_packages
from harness.gate.builds.import_hook import install
from harness.gate.builds.overlay import overlay
from harness.gate.builds.prepare import Builder
from harness.gate.builds.repository import GitFailed, PathChange, Repository
from harness.gate.builds.side import NothingToCompare, SideEnv, SideSpec, variables_from
from harness.gate.builds.workdir import WorkDir, remove_stale, undisturbed
from harness.gate.configuration import Configuration, configuration
from harness.model import Package, Side
from harness.processes import launch
from harness.processes.launch import LaunchError, borrow_packages, measuring_environment, pytest_command
from harness.report.gate_notes import note_text
from tests.support.living import ENVIRONMENT, ROOT, going, gone, python, until
from tests.support.repositories import GIT, Repo, contents

BACKEND = """
import os, pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    print(os.environ.get("MARK", "no mark"), flush=True)
    exec(pathlib.Path("during_build.py").read_text())
    info = "parcel-1.dist-info"
    texts = {f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    needs = "".join(f"Requires-Dist: {line}\\n" for line in NEEDS)
    texts[f"{info}/METADATA"] = f"Metadata-Version: 2.1\\nName: parcel\\nVersion: 1\\n{needs}"
    for file in sorted(pathlib.Path().rglob("*.py")):
        if file.parts[0] in ("parcel", "extra", "company", "layers.py"):
            texts[file.as_posix()] = file.read_text()
    texts[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*texts, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(folder, "parcel-1-py3-none-any.whl"), "w") as wheel:
        for name, text in texts.items():
            wheel.writestr(name, text)
    return "parcel-1-py3-none-any.whl"
"""
"""A build backend that lives in the project: it needs nothing, and does what the project has it do meanwhile.
"""

BUILT = {
    "pyproject.toml": (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "parcel"\nversion = "1"\n[tool.harness]\nunder-test = ["parcel"]\n'
    ),
    "backend.py": f"NEEDS = []\n{BACKEND}",
    "during_build.py": "",
    "parcel/__init__.py": "STEPS = 100\n",
    ".gitignore": "ignored/\n__pycache__/\n",
}
PLAIN = {
    "pyproject.toml": '[tool.harness]\nunder-test = ["parcel"]\n',
    "parcel/__init__.py": "STEPS = 100\n",
    ".gitignore": "ignored/\n__pycache__/\n",
}
FIND_TORCH = "from importlib.util import find_spec; print(find_spec('torch').origin)"
SHOW = "import parcel; print(parcel.STEPS); print(parcel.__file__)"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary files and git's settings are this test's own; the folder for temporary files."""
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for name in ("PYTHONPATH", launch.FRONT_VARIABLE, launch.BACK_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "TMPDIR": str(temporary),
        **GIT,
    }.items():
        monkeypatch.setenv(name, value)
    return temporary


@pytest.fixture
def built(tmp_path: Path) -> Repo:
    """A repository whose package has to be built."""
    return Repo(tmp_path / "a project", BUILT)


@pytest.fixture
def plain(tmp_path: Path) -> Repo:
    """A repository that is no installable project."""
    return Repo(tmp_path / "a project", PLAIN)


MAIN = SideSpec("main")
HERE = SideSpec()


def both(
    made: Builder, base: SideSpec, head: SideSpec, folder: Path, stated: Configuration
) -> tuple[SideEnv, SideEnv]:
    """Both sides, checked out and built."""
    return made.build(made.check_out(base, head, folder, stated))


def prepare(
    made: Builder, repo: Repo, base: SideSpec = MAIN, head: SideSpec = HERE, **more: Any
) -> tuple[SideEnv, SideEnv]:
    """Both sides, as a rule the committed state and the working tree, with the repository's own
    configuration."""
    return both(made, base, head, repo.folder, replace(configuration(repo.folder), **more))


def output_of(side: SideEnv, script: str, folder: Path) -> list[str]:
    """What a process of this side prints, started as measuring processes are."""
    borrowed = None
    if side.borrows:
        borrowed = borrow_packages(Path(tempfile.mkdtemp(dir=side.home)) / "borrowed")
        script = launch._START + f"\n{script}"
    done = subprocess.run(
        [side.python, "-c", script],
        env={**measuring_environment(borrowed), **side.environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def imported(side: SideEnv, names: list[str], folder: Path) -> list[Package]:
    """The packages as this side imports them."""
    script = f"import json; from harness.environment.packages import packages; print(json.dumps(packages({names!r})))"
    return [Package(**package) for package in json.loads(output_of(side, script, folder)[-1])]


# --- revisions ----------------------------------------------------------------------------------------------


def test_each_side_imports_its_own_build(built: Repo, place: Path) -> None:
    """A committed and an uncommitted state are built, and found whatever lies in the working folder or
    PYTHONPATH."""
    built.commit({"parcel/__init__.py": "STEPS = 105\n"})
    built.write({"parcel/__init__.py": "STEPS = 110\n", "parcel/part.py": ""})
    with Builder() as made:
        base, head = prepare(made, built, SideSpec("main~1"))
        short = built.git("rev-parse", "--short=7", "main~1"), built.git("rev-parse", "--short=7", "main")
        assert (base.label, head.label) == (f"main~1 ({short[0]})", f"working tree ({short[1]} + changes)")
        for side, steps in ((base, "100"), (head, "110")):
            assert side.tree == side.project == side.home / "tree"
            assert side.home.is_relative_to(made.folder)
            assert not side.borrows
            shadowed = replace(side, environment={**side.environment, "PYTHONPATH": str(built.folder)})
            for one in (side, shadowed):
                printed = output_of(
                    one, f"{SHOW}; import harness; print(harness.__file__); {FIND_TORCH}", built.folder
                )
                assert printed[0] == steps
                assert Path(printed[1]).is_relative_to(side.home / "env")
                assert printed[2] == str(ROOT / "harness" / "__init__.py")
                torch = importlib.util.find_spec("torch")
                assert torch is not None
                assert printed[3] == torch.origin
        before, after = imported(base, ["parcel"], built.folder), imported(head, ["parcel"], built.folder)
        assert before[0].digest != after[0].digest
        assert check_packages(base, head, before, after) == ()
        assert len(built.worktrees) == 3
    assert len(built.worktrees) == 1
    assert list(place.iterdir()) == []
    assert built.git("status", "--porcelain") == "M parcel/__init__.py\n?? parcel/part.py"


def test_what_is_no_project_is_put_on_the_path(tmp_path: Path) -> None:
    """Without a build system everything in the checkout is imported from it, src included, and never from
    elsewhere."""
    stated = f'{PLAIN["pyproject.toml"]}[project]\nname = "parcel"\nversion = "1"\n'
    more = {"pyproject.toml": stated, "configs/a.yaml": "", "data/a.txt": "", "exp/__init__.py": ""}
    files = {
        **PLAIN,
        **more,
        "src/deep.py": "IT = 1\n",
        "layers.py": "IT = 1\n",
        "parcel/__init__.py": "import deep, layers\n",
    }
    repo = Repo(tmp_path / "a project", files)
    repo.write({"src/deep.py": "IT = 2\n", "layers.py": "IT = 2\n"})
    with Builder() as made:
        for side, value in zip(prepare(made, repo), ("1", "2"), strict=True):
            script = "import parcel; print(parcel.deep.IT, parcel.layers.IT); print(parcel.__file__)"
            printed = output_of(side, script, repo.folder)
            assert printed == [f"{value} {value}", f"{side.tree}/parcel/__init__.py"]
            path = side.environment["PYTHONPATH"].split(os.pathsep)
            assert path[-2:] == [str(side.tree), f"{side.tree}/src"]


def test_a_sibling_is_each_sides_own(tmp_path: Path, foreign: str) -> None:
    """A dependency that is a project of the repository is under test, too: neither side has the user's
    editable one."""
    sibling = {
        f"libs/sib/{name}".replace("parcel", "sib"): text.replace("parcel", "sib")
        for name, text in BUILT.items()
    }
    stated = BUILT["pyproject.toml"].replace('version = "1"', 'version = "1"\ndependencies = ["sib", "flat"]')
    sources = '[tool.uv.sources]\nsib = {path = "libs/sib"}\nflat = {path = "libs/flat"}\n'
    repo = Repo(
        tmp_path / "a project",
        {
            **BUILT,
            **sibling,
            "pyproject.toml": stated + sources,
            "libs/flat/flat.py": "IT = 1\n",
            "libs/flat/pyproject.toml": '[project]\nname = "flat"\nversion = "1"\n',
        },
    )
    site = next((Path(foreign).parents[1]).glob("lib/python*/site-packages"))
    (site / "editable.pth").write_text(f"{repo.folder}/libs/sib\n{repo.folder}/libs/flat\n")
    repo.write({"libs/sib/sib/__init__.py": "STEPS = 105\n", "libs/flat/flat.py": "IT = 2\n"})
    with Builder() as made:
        base, head = prepare(made, repo, SideSpec("main", python=foreign), SideSpec(python=foreign))
        script = "import sib, flat, parcel; print(sib.STEPS, flat.IT, parcel.STEPS); print(sib.__file__)"
        for side, values in ((base, "100 1 100"), (head, "105 2 100")):
            printed = output_of(side, script, repo.folder)
            assert printed[0] == values
            assert Path(printed[1]).is_relative_to(side.home / "env")
            assert (
                "built from either side's own revision, too: sib (libs/sib), flat (libs/flat)" in side.notes
            )
        equal = imported(base, ["parcel"], repo.folder), imported(head, ["parcel"], repo.folder)
        assert equal[0][0].digest == equal[1][0].digest
        assert check_packages(base, head, *equal) == ()  # the siblings are what is compared
        assert [base.siblings[name] == head.siblings[name] for name in ("sib", "flat")] == [False, False]
        with pytest.raises(NothingToCompare):
            check_packages(base, replace(head, siblings=base.siblings), *equal)


def test_what_is_editable_in_the_repository_is_each_sides_own(plain: Repo, foreign: str) -> None:
    """What an editable install or PYTHONPATH brings from the user's checkout is the side's; ignored files
    stay."""
    plain.commit({"libs/by_path/one.py": "IT = 1\n", "libs/by_finder/two/__init__.py": "IT = 1\n"})
    plain.write({
        "libs/by_path/one.py": "IT = 2\n",
        "libs/by_finder/two/__init__.py": "IT = 2\n",
        "libs/by_path/only_head.py": "",
        "ignored/made.py": "IT = 0\n",
    })  # fmt: skip
    site = next((Path(foreign).parents[1]).glob("lib/python*/site-packages"))
    finder = f"""
import sys
from importlib.machinery import PathFinder
MAPPING = {{"two": "{plain.folder}/libs/by_finder/two"}}
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return PathFinder.find_spec(name, [MAPPING[name].rpartition("/")[0]]) if name in MAPPING else None
sys.meta_path.append(Finder)
"""
    (site / "__editable___two_finder.py").write_text(finder)
    (site / "two.pth").write_text("import __editable___two_finder\n")
    (site / "one.pth").write_text(f"{plain.folder}/libs/by_path\n{plain.folder}/ignored\n")
    script = "import one, two, made; print(one.IT, two.IT, made.IT); from importlib.util import find_spec"
    with Builder() as made:
        sides = prepare(made, plain, SideSpec("main", python=foreign), SideSpec(python=foreign))
        for side, values in zip(sides, ("1 1 0 False", "2 2 0 True"), strict=True):
            printed = output_of(side, f"{script}; print(find_spec('only_head') is not None)", plain.folder)
            assert " ".join(printed) == values


def test_python_itself_stays_where_it_is(tmp_path: Path) -> None:
    """An interpreter that lies in the repository keeps its own modules, whatever head has at that place."""
    standard = Path(os.__file__).parent
    top, head, site = standard.parent, tmp_path / "head", tmp_path / "site"
    for folder in (head / standard.name, head / "mine", site):
        folder.mkdir(parents=True)
    install(site, behind=[], under_test=["parcel"], own=[site], moved=(top, tmp_path / "base", head))
    script = (
        f"import site, sys; sys.path.append({str(top / 'mine')!r}); "
        f"site.addsitedir({str(site)!r}); print(sys.path)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert str(standard) in printed
    assert str(tmp_path / "base" / standard.name) not in printed
    assert str(tmp_path / "base" / "mine") in printed


def test_the_harness_is_always_this_one(tmp_path: Path) -> None:
    """A revision that has a package of that name, for example this very project, is measured by the harness
    of head."""
    repo = Repo(tmp_path / "a project", {**PLAIN, "harness/__init__.py": "raise RuntimeError\n"})
    repo.write({"parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        for side in prepare(made, repo):
            assert output_of(side, "import harness; print(harness.__file__)", repo.folder) == [
                f"{ROOT}/harness/__init__.py"
            ]


def test_a_real_backend_builds_without_isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project built by hatchling, where that is installed, needs no network."""
    pytest.importorskip("hatchling")
    offline(monkeypatch, tmp_path)
    text = (
        BUILT["pyproject.toml"]
        .replace("requires = []", 'requires = ["hatchling"]')
        .replace('"backend"\nbackend-path = ["."]', '"hatchling.build"')
    )
    repo = Repo(tmp_path / "a project", {**PLAIN, "pyproject.toml": text})
    repo.write({"parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        for side, steps in zip(prepare(made, repo), ("100", "105"), strict=True):
            printed = output_of(side, SHOW, repo.folder)
            assert printed[0] == steps
            assert Path(printed[1]).is_relative_to(side.home / "env")


def test_measuring_processes_start_on_a_side(plain: Repo, tmp_path: Path) -> None:
    """Our pytest collects benchmarks in both sides; one that imports what base lacks is an error there.

    That holds where a conftest.py puts the repository in front of the path; what lies beside a benchmark is
    found, too.
    """
    text = "from common import SIZE\nimport parcel.new\ndef bench_x(compare): ...\n"
    plain.write(
        {
            "parcel/new.py": "",
            "conftest.py": "",
            "benchmarks/common.py": "SIZE = 1\n",
            "benchmarks/bench_x.py": text,
        }
    )
    with Builder() as made:
        base, head = prepare(made, plain)
        root = plain.folder / "benchmarks"
        for side, words in ((base, "No module named 'parcel.new'"), (head, "bench_x.py::bench_x")):
            done = subprocess.run(
                [*pytest_command(side.python, root, [str(root / "bench_x.py")]), "--collect-only"],
                env={**measuring_environment(), **side.environment},
                cwd=plain.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert words in done.stdout, done.stdout + done.stderr


def test_paths_are_equally_long_and_caches_apart(plain: Repo) -> None:
    """Whatever path of a side gets into a program is as long as the other's, and no compile cache is
    shared."""
    plain.write({"parcel/part.py": ""})
    with Builder() as made:
        base, head = prepare(made, plain)
        assert {*base.environment} == {*head.environment}
        for name in base.environment:
            assert len(base.environment[name]) == len(head.environment[name])
        caches = ["TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "CUDA_CACHE_PATH"]
        folders = {side.environment[name] for name in caches for side in (base, head)}
        assert len(folders) == 8
        assert all(Path(folder).is_relative_to(made.folder) for folder in folders)
        assert output_of(base, "import sys; print(sys.flags.safe_path)", plain.folder) == ["True"]


@pytest.mark.parametrize("compiled", [True, False])
def test_bytecode_is_kept_where_torch_has_none(
    plain: Repo, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    """Where torch is compiled its bytecode is read, as people wish; elsewhere each side makes and keeps its
    own."""
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    real = interpreter.interpreter
    monkeypatch.setattr(
        preparing, "interpreter", lambda named, side: replace(real(named, side), compiled=compiled)
    )
    plain.write({"parcel/part.py": ""})
    with Builder() as made:
        sides = prepare(made, plain)
        folders = [side.environment["PYTHONPYCACHEPREFIX"] for side in sides]
        printed = [
            output_of(side, "import sys; print(sys.dont_write_bytecode, sys.pycache_prefix)", plain.folder)
            for side in sides
        ]
        if compiled:
            assert folders == ["", ""]
            assert printed == [["True None"]] * 2
        else:
            assert len({*folders}) == 2
            assert all(Path(folder).is_relative_to(made.folder) for folder in folders)
            assert printed == [[f"False {folder}"] for folder in folders]


def test_whether_torch_was_compiled(tmp_path: Path) -> None:
    """Whether an interpreter has bytecode of torch, wherever it would look for it."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    variables = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        assert not interpreter.interpreter(None, Side.BASE).compiled
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        assert interpreter.interpreter(None, Side.BASE).compiled
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
        assert not interpreter.interpreter(None, Side.BASE).compiled


def test_the_overlay_is_what_the_working_tree_holds(plain: Repo) -> None:
    """Modified, deleted, moved, new, ignored, linked, executable: head's files are the working tree's, byte
    by byte."""
    plain.commit({
        "gone.py": "1", "staged gone.py": "1", "moved.py": "moved\n" * 20, "was file": "1", "was folder/a": "1",
        "was folder/b": "1", "was link/a": "1", "mode.sh": "1", "tëxt ünd\nmore": "1",
    })  # fmt: skip
    top = plain.folder
    (top / "gone.py").unlink()
    plain.git("rm", "--quiet", "staged gone.py")
    plain.git("mv", "moved.py", "moved there.py")
    (top / "was file").unlink()
    plain.write(
        {
            "was file/inside": "2",
            "parcel/__init__.py": "STEPS = 105\n",
            "new/deep/file": "2",
            "ignored/file": "2",
        }
    )
    (top / "was folder/a").unlink()
    (top / "was folder/b").unlink()
    (top / "was folder").rmdir()
    plain.write({"was folder": "2", "tëxt ünd\nmore": "2", "staged new": "2", "added and gone": "2"})
    plain.git("add", "staged new", "added and gone")
    (top / "added and gone").unlink()
    (top / "was link/a").unlink()
    (top / "was link").rmdir()
    (top / "was link").symlink_to("parcel")
    (top / "mode.sh").chmod(0o755)
    (top / "dangling").symlink_to("nowhere")
    with Builder() as made:
        _, head = prepare(made, plain)
        assert head.tree is not None
        expected = contents(top)
        del expected["ignored/file"]
        assert contents(head.tree) == expected
        assert head.tree.joinpath("mode.sh").stat().st_mode & stat.S_IXUSR


def test_the_overlay_stays_in_its_tree(plain: Repo, tmp_path: Path) -> None:
    """A link on the way to a changed file does not make the gate remove or write what is not the side's."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "x").symlink_to(outside)
    plain.write({"x/file": "theirs"})
    overlay(plain.folder.resolve(), [PathChange("x/file", untracked=True)], tree)
    assert (outside / "file").read_text() == "mine"


def test_a_repository_within_the_repository(plain: Repo, tmp_path: Path) -> None:
    """An embedded repository that git does not follow comes along without its history."""
    Repo(plain.folder / "inner", {"file": "1"})
    with Builder() as made:
        _, head = prepare(made, plain)
        assert head.tree is not None
        assert contents(head.tree / "inner") == {"file": "1"}
        assert not (head.tree / "inner" / ".git").exists()


def test_submodules_come_along(
    plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    """Each side has its submodules at its own commit, a changed one as it is in the working tree."""
    for name, value in {"COUNT": "1", "KEY_0": "protocol.file.allow", "VALUE_0": "always"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    other = Repo(tmp_path / "other", {"file": "1"})
    plain.git("submodule", "--quiet", "add", str(other.folder), "sub")
    plain.commit({})
    plain.write({"sub/file": "2"})
    with Builder() as made:
        base, head = prepare(made, plain)
        assert base.tree is not None
        assert head.tree is not None
        assert ((base.tree / "sub/file").read_text(), (head.tree / "sub/file").read_text()) == ("1", "2")
    assert len(plain.worktrees) == 1
    assert list(place.iterdir()) == []


def test_two_named_revisions(plain: Repo) -> None:
    """With a revision for head the working tree plays no part."""
    plain.commit({"parcel/__init__.py": "STEPS = 105\n"})
    plain.write({"parcel/__init__.py": "STEPS = 110\n"})
    with Builder() as made:
        base, head = prepare(made, plain, SideSpec("main~1"), SideSpec(plain.git("rev-parse", "main")))
        assert head.label == plain.git("rev-parse", "--short=7", "main")
        assert [output_of(side, SHOW, plain.folder)[0] for side in (base, head)] == ["100", "105"]


def test_a_project_below_the_top(tmp_path: Path) -> None:
    """In a repository of several projects the one with the pyproject.toml in use is taken."""
    repo = Repo(tmp_path / "a project", {f"one/{name}": text for name, text in PLAIN.items()})
    repo.write({"one/parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        base, head = both(
            made, SideSpec("main"), SideSpec(), repo.folder / "one", configuration(repo.folder / "one")
        )
        assert base.project == base.home / "tree" / "one"
        assert [output_of(side, SHOW, repo.folder / "one")[0] for side in (base, head)] == ["100", "105"]


def test_users_hooks_and_a_hooks_variables_play_no_part(
    plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout runs none of the user's hooks; a gate that runs in a hook is about the repository that is
    named."""
    hook = plain.folder / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(tmp_path / 'hooked'))}\n")
    hook.chmod(0o755)
    plain.write({"parcel/part.py": ""})
    other = Repo(tmp_path / "other", {"file": "1"})
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.folder / ".git" / "index"))
    with Builder() as made:
        base, _ = prepare(made, plain)
        assert base.tree is not None
        assert (base.tree / "parcel").is_dir()
    assert not (tmp_path / "hooked").exists()


def test_temporary_files_in_the_repository_are_no_change(
    plain: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scratch folder inside the repository is not what makes head differ."""
    inside = plain.folder / "tmp"
    inside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(inside))
    with Builder() as made, pytest.raises(NothingToCompare, match="have the same files"):
        prepare(made, plain)


def test_results_in_the_repository_are_no_change(plain: Repo) -> None:
    """Runs that were saved in the repository and that git does not ignore are no part of head, which is
    noted."""
    results = plain.folder / "results"
    plain.write({"results/2026-01-02_03-04-05/run.json": "{}"})
    with Builder() as made:
        with pytest.raises(NothingToCompare, match="have the same files"):
            made.check_out(MAIN, HERE, plain.folder, configuration(plain.folder), results)
        plain.write({"parcel/part.py": ""})
        sources = made.check_out(MAIN, HERE, plain.folder, configuration(plain.folder), results)
        assert not (sources.trees[Side.HEAD] / "results").exists()
        assert (sources.trees[Side.HEAD] / "parcel/part.py").exists()
        assert sources.notes == (
            "results/ is not ignored by git: its results were left out of head; add results/ to .gitignore",
        )


def test_what_of_a_submodule_is_not_here_is_noted(plain: Repo, tmp_path: Path) -> None:
    """A submodule that was never initialised leaves its folder empty on both sides, and each side has a
    note."""
    other = Repo(tmp_path / "other", {"file": "1"})
    plain.write(
        {".gitmodules": f'[submodule "sub"]\n\tpath = sub\n\turl = {other.folder}\n', "parcel/part.py": ""}
    )
    plain.git("add", ".gitmodules")
    plain.git("update-index", "--add", "--cacheinfo", f"160000,{other.git('rev-parse', 'HEAD')},sub")
    plain.git("commit", "--quiet", "--message", "a submodule")
    (plain.folder / "sub").mkdir()
    with Builder() as made:
        base, _ = prepare(made, plain)
        short = plain.git("rev-parse", "--short=7", "main")
        note = "submodule sub is empty: it was never initialised here (git submodule update --init sub)"
        assert base.notes == (f"main ({short}): {note}", f"working tree ({short} + changes): {note}")


# --- builds -------------------------------------------------------------------------------------------------


def test_a_build_that_fails(built: Repo, place: Path) -> None:
    """The side, the command and the last words of a failed build are one error, and nothing stays behind."""
    built.commit({"during_build.py": "print('compiling'); raise SystemExit('no compiler here')\n"})
    built.write({"during_build.py": ""})
    with pytest.raises(LaunchError) as caught, Builder() as made:
        prepare(made, built)
    first, command, *last = str(caught.value).splitlines()
    assert first.startswith(f"cannot build base, main ({built.git('rev-parse', '--short=7', 'main')}): ")
    assert command.startswith("  $ ")
    assert "install" in command
    assert "no compiler here" in "\n".join(last)
    assert len(last) <= 15
    assert (len(built.worktrees), list(place.iterdir())) == (1, [])


def test_a_sides_variables_reach_its_build(built: Repo) -> None:
    """What is set for a side is set while it is built, and the other side's is not."""
    built.write(
        {
            "during_build.py": "pathlib.Path('parcel/mark.py').write_text('IT = ' + repr(os.environ.get('MARK')))\n"
        }
    )
    built.commit({})
    with Builder() as made:
        for side, mark in zip(
            prepare(made, built, head=SideSpec(variables={"MARK": "me"})), ("None", "me"), strict=True
        ):
            assert output_of(side, "import parcel.mark; print(parcel.mark.IT)", built.folder) == [mark]


def test_an_installer_is_not_led_astray(built: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that name another environment to install into do not count."""
    for name in ("UV_TARGET", "UV_PREFIX", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, str(tmp_path / "astray"))
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    built.write({"parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        assert [output_of(side, SHOW, built.folder)[0] for side in prepare(made, built)] == ["100", "105"]
    assert not (tmp_path / "astray").exists()


def test_what_the_interpreter_has_of_the_project_is_left_alone(
    built: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed copy and an editable install behind a side are neither imported nor removed."""
    behind = tmp_path / "behind" / "site-packages"
    copy = {
        "parcel/__init__.py": "STEPS = 1\n",
        "parcel-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: parcel\nVersion: 1\n",
        "parcel-1.dist-info/RECORD": (
            "parcel/__init__.py,,\nparcel-1.dist-info/METADATA,,\nparcel-1.dist-info/RECORD,,\n"
        ),
        "parcel-1.dist-info/INSTALLER": "pip\n",
        "_editable_work.py": (
            "import sys\nfrom importlib.util import spec_from_file_location\n"
            "class Finder:\n    @staticmethod\n    def find_spec(name, path=None, target=None):\n"
            "        if name == 'parcel':\n"
            f"            return spec_from_file_location(name, {str(built.folder / 'parcel/__init__.py')!r})\n"
            "sys.meta_path.insert(0, Finder)\n"
        ),
        "_editable_work.pth": "import _editable_work\n",
    }
    for name, text in copy.items():
        (behind / name).parent.mkdir(parents=True, exist_ok=True)
        (behind / name).write_text(text)
    real = interpreter.interpreter
    monkeypatch.setattr(
        preparing,
        "interpreter",
        lambda named, side: replace(found := real(named, side), sites=(*found.sites, str(behind))),
    )
    built.write({"parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        for side, steps in zip(prepare(made, built), ("100", "105"), strict=True):
            assert "_editable_work" in output_of(side, "import sys; print([*sys.modules])", built.folder)[0]
            assert output_of(side, SHOW, built.folder)[0] == steps
    assert {name: (behind / name).read_text() for name in copy} == copy


def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let uv find nothing but what is in the folder that is returned."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return wheels


def make_wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    texts = {
        f"{name}.py": f"VERSION = {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**texts, f"{info}/RECORD": "".join(f"{path},,\n" for path in texts)}.items():
            wheel.writestr(path, text)


def test_what_a_build_lacks_is_brought_for_it(
    built: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the interpreter has not all that a build needs, it is built in isolation, and does not keep
    it."""
    make_wheel(offline(monkeypatch, tmp_path), "maker", "1")
    text = BUILT["pyproject.toml"].replace("requires = []", 'requires = ["maker"]')
    built.commit({"pyproject.toml": text, "during_build.py": "import maker\n"})
    built.write({"parcel/__init__.py": "STEPS = 105\n"})
    with Builder() as made:
        for side, steps in zip(prepare(made, built), ("100", "105"), strict=True):
            assert output_of(side, SHOW, built.folder)[0] == steps
            assert output_of(
                side, "from importlib.util import find_spec; print(find_spec('maker'))", built.folder
            ) == ["None"]


def test_the_last_words_of_a_command(tmp_path: Path) -> None:
    """The last output of a command is shown, and nothing of the commands before it."""
    with Builder() as made:
        job = build.Job("base", tmp_path, interpreter.interpreter(None, Side.BASE), {}, made._scratch.guard)
        build._run(job, [sys.executable, "-c", "print('before')"], tmp_path, "begin")
        for count, lines in ((2, ["0", "1"]), (40, [str(line) for line in range(25, 40)])):
            script = f"for line in range({count}): print(line)\nraise SystemExit(3)"
            with pytest.raises(LaunchError) as caught:
                build._run(job, [sys.executable, "-c", script], tmp_path, "make")
            shown = str(caught.value).splitlines()
            assert shown[0] == "cannot make base: its process ended with exit status 3"
            assert [line.strip() for line in shown if line.strip().isdigit()] == lines
            assert "before" not in "".join(shown)


def test_what_a_side_requires_is_there(built: Repo) -> None:
    """What the built distribution requires is looked for before anything is measured; another version is a
    note."""
    needs = '["absent-thing>=1", "packaging<1", "old; python_version < \'3\'", "spared"]'
    built.commit({"backend.py": f"NEEDS = {needs}\n{BACKEND}"})
    built.write({"parcel/part.py": ""})
    with Builder() as made, pytest.raises(UsageError) as caught:
        prepare(made, built, not_required=("spared",))
    base, head = str(caught.value).splitlines()
    assert base.startswith("base, main (")
    assert head.startswith("head, working tree (")
    assert (
        "): not installed: absent-thing>=1 (for parcel). Install what is missing (uv pip install --python"
        in base
    )
    with Builder() as made:
        base_side, _ = prepare(made, built, not_required=("spared", "absent_thing"))
        (note,) = base_side.notes
        assert re.fullmatch(
            r"base, main \(\w+\): parcel requires packaging<1, and the environment has [\d.]+", note
        )


def test_what_is_built_where_nothing_may_be_executed(built: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extension under a TMPDIR that is mounted noexec cannot be loaded: an error before any unit, with a
    remedy."""
    monkeypatch.setattr(environment, "executable", lambda folder: False)
    built.write({"parcel/part.py": ""})
    with Builder() as made:
        base, head = prepare(made, built)  # nothing compiled, nothing lost
        note = f"{made.folder} is on a file system that is mounted noexec: what torch.compile builds cannot be loaded"
        assert base.notes == head.notes == (note,)
    text = BACKEND.replace(
        '    texts[f"{info}/RECORD"]', "    texts['parcel/_c.so'] = ''\n    texts[f\"{info}/RECORD\"]"
    )
    built.commit({"backend.py": f"NEEDS = []\n{text}"})
    built.write({"parcel/part.py": "IT = 1\n"})
    with Builder() as made, pytest.raises(UsageError) as caught:
        prepare(made, built)
    assert re.fullmatch(
        rf"{re.escape(str(made.folder))} is on a file system that is mounted noexec: parcel/_c\.so, built there for "
        r"base, main \(\w+\), cannot be loaded; set TMPDIR to a folder on another file system",
        str(caught.value),
    )


def test_each_revision_has_its_own_pins(built: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pins stated a side has the dependencies that its own revision pins; changed pins can be
    compared."""
    wheels = offline(monkeypatch, tmp_path)
    for version in ("1", "2", "3"):
        make_wheel(wheels, "dep", version)
    text = BUILT["pyproject.toml"].replace('version = "1"', 'version = "1"\ndependencies = ["dep"]')
    built.commit({"pyproject.toml": f'{text}pins = "ci/pins.txt"\n', "ci/pins.txt": "dep==1\n"})
    built.write({"ci/pins.txt": "dep==2\n"})
    script = "import dep, parcel; print(dep.VERSION, parcel.STEPS)"
    with Builder() as made:
        base, head = prepare(made, built)
        assert [output_of(side, script, built.folder) for side in (base, head)] == [["1 100"], ["2 100"]]
        assert base.pins != head.pins
        equal = imported(base, ["parcel"], built.folder), imported(head, ["parcel"], built.folder)
        assert equal[0][0].digest == equal[1][0].digest
        assert check_packages(base, head, *equal) == ()
    # Only a build states what it needs: everything is installed at once.
    built.commit({
        "pyproject.toml": built.folder.joinpath("pyproject.toml").read_text().replace(
            'dependencies = ["dep"]', 'dynamic = ["dependencies"]'
        ),
        "backend.py": f'NEEDS = ["dep"]\n{BACKEND}',
    })  # fmt: skip
    built.write({"ci/pins.txt": "dep==1\n"})
    with Builder() as made:
        assert [output_of(side, script, built.folder) for side in prepare(made, built)] == [
            ["2 100"],
            ["1 100"],
        ]


def test_pins_that_one_side_lacks(built: Repo) -> None:
    """A base from before there were pins is installed under head's, with a note; a head without them is an
    error."""
    built.write({"pyproject.toml": f'{BUILT["pyproject.toml"]}pins = "pins.txt"\n'})
    with Builder() as made, pytest.raises(UsageError, match=r"pins: base has no file pins\.txt"):
        prepare(made, built)
    built.write({"pins.txt": ""})
    with Builder() as made:
        base, head = prepare(made, built)
        assert base.notes == ("base has no pins.txt: it was installed under head's",)
        assert head.notes == ()
        assert base.pins == head.pins
    built.commit({})
    (built.folder / "pins.txt").unlink()
    with Builder() as made, pytest.raises(UsageError, match=r"pins: head has no file pins\.txt"):
        prepare(made, built)


def test_without_uv(built: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has to be built needs uv: the message names the side and how to install it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    built.write({"parcel/part.py": ""})
    with (
        Builder() as made,
        pytest.raises(
            LaunchError, match=r'^uv, which builds base, main .*-m pip install uv, or .*"tipbench\[gate\]"$'
        ),
    ):
        prepare(made, built)


def test_what_cannot_be_fetched_offline(built: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the message has the command and names what is not there."""
    offline(monkeypatch, tmp_path)
    text = BUILT["pyproject.toml"].replace('version = "1"', 'version = "1"\ndependencies = ["dep"]')
    built.commit({"pyproject.toml": f'{text}pins = "pins.txt"\n', "pins.txt": "dep==1\n"})
    built.write({"parcel/part.py": ""})
    with Builder() as made, pytest.raises(LaunchError) as caught:
        prepare(made, built)
    first, command, *lines = str(caught.value).splitlines()
    assert first.startswith("cannot install the dependencies of base, main (")
    assert "uv pip install --python" in command
    assert "dep" in "".join(lines)


def test_uv_is_found_as_a_module_and_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that is installed comes before a program on PATH; neither is an error."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert build.uv("base") == [str(program)]
    program.unlink()
    with pytest.raises(LaunchError, match="uv, which builds base, is not installed"):
        build.uv("base")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "uv" or None)
    assert build.uv("base") == [sys.executable, "-P", "-m", "uv"]


# --- interpreters and variables -----------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path: Path) -> str:
    """An interpreter of another environment, with something called torch in it."""
    folder = tmp_path / "foreign env"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True
    )
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "torch.py").write_text("IT = 'foreign'\n")
    return str(folder / "bin" / "python")


def test_another_interpreter(tmp_path: Path, foreign: str) -> None:
    """Without a revision an interpreter is taken as it is; one that is not ours borrows our pytest."""
    with Builder() as made:
        base, head = both(made, SideSpec(python=foreign), SideSpec(), tmp_path, Configuration())
        assert (base.python, head.python) == (foreign, sys.executable)
        assert (base.borrows, head.borrows) == (True, False)
        assert base.label.startswith(f"{foreign} (3.")
        assert head.label == "as it is here"
        assert (base.tree, base.project) == (None, None)
        assert base.environment["TRITON_CACHE_DIR"] != head.environment["TRITON_CACHE_DIR"]
        assert "PYTHONSAFEPATH" not in base.environment
        assert check_packages(base, head, [], []) == ()


def test_a_revision_on_another_interpreter(plain: Repo, foreign: str) -> None:
    """A side of a revision sees the packages of the interpreter that was named for it, behind its own."""
    with Builder() as made:
        base, head = prepare(made, plain, SideSpec("main", python=foreign))
        assert base.borrows
        assert not head.borrows
        assert output_of(base, "import torch, parcel; print(torch.IT, parcel.STEPS)", plain.folder) == [
            "foreign 100"
        ]
        equal = imported(base, ["parcel"], plain.folder), imported(head, ["parcel"], plain.folder)
        assert check_packages(base, head, *equal) == ()  # the interpreters are what is compared


def test_an_interpreter_that_cannot_measure(tmp_path: Path) -> None:
    """The message names the flag that the interpreter was given by."""
    with (
        Builder() as made,
        pytest.raises(LaunchError, match=r"^--base-python /no/such/python is not a Python"),
    ):
        both(made, SideSpec(python="/no/such/python"), SideSpec(), tmp_path, Configuration())
    with (
        Builder() as made,
        pytest.raises(LaunchError, match=r"^--head-python /no/such/python is not a Python"),
    ):
        both(made, SideSpec(), SideSpec(python="/no/such/python"), tmp_path, Configuration())


def test_an_interpreter_that_says_nothing(tmp_path: Path) -> None:
    """What starts and answers nonsense is named."""
    file = tmp_path / "python"
    file.write_text("#!/bin/sh\necho '[]'\n")
    file.chmod(0o755)
    with pytest.raises(LaunchError, match="does not report where its packages are"):
        interpreter._describe(str(file))


def test_modules_where_one_stands_are_not_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A json.py in the working folder is not taken for Python's own; of a failure its last line is shown."""
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    assert interpreter._describe(sys.executable).version
    file = tmp_path / "python"
    file.write_text("#!/bin/sh\necho first >&2; echo last >&2; exit 3\n")
    file.chmod(0o755)
    with pytest.raises(
        LaunchError, match=r"does not report where its packages are: it ended with status 3: last$"
    ):
        interpreter._describe(str(file))


def test_variables_alone(tmp_path: Path) -> None:
    """Sides may differ in variables only; those are added last, and shown."""
    with Builder() as made:
        base, head = both(
            made,
            SideSpec(variables={"OMP_NUM_THREADS": "1"}),
            SideSpec(variables={"TRITON_CACHE_DIR": "/mine"}),
            tmp_path,
            Configuration(),
        )
        assert base.python == head.python == sys.executable
        assert base.label == "OMP_NUM_THREADS=1"
        assert base.environment["OMP_NUM_THREADS"] == "1"
        assert "OMP_NUM_THREADS" not in head.environment
        assert head.environment["TRITON_CACHE_DIR"] == "/mine"
        assert base.shown == {"OMP_NUM_THREADS": "1"}


def test_a_path_of_the_users_own(plain: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PYTHONPATH that is set for a side takes the place of the inherited one, behind the side's own
    folders."""
    monkeypatch.setenv("PYTHONPATH", "/inherited")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "helper.py").write_text("IT = 1\n")
    with Builder() as made:
        base, head = prepare(made, plain, head=SideSpec(variables={"PYTHONPATH": str(tmp_path / "mine")}))
        assert base.environment["PYTHONPATH"].split(os.pathsep)[-2:] == [str(base.tree), "/inherited"]
        assert head.environment["PYTHONPATH"].split(os.pathsep)[-2:] == [
            str(head.tree),
            str(tmp_path / "mine"),
        ]
        assert output_of(head, "import helper, harness; print(helper.IT)", plain.folder) == ["1"]
    with Builder() as made:
        _, head = both(
            made, SideSpec(), SideSpec(variables={"PYTHONPATH": "/mine"}), tmp_path, Configuration()
        )
        assert head.environment["PYTHONPATH"] == f"{ROOT}{os.pathsep}/mine"


@pytest.mark.parametrize("pair", ["A", "=1", "1A=1", "A B=1", "A-B=1", "", "A=\0"])
def test_what_is_no_variable(pair: str) -> None:
    """What cannot be set is refused with the flag and how to write it."""
    with pytest.raises(UsageError, match=r"--base-env: .* is not a variable \(example: OMP_NUM_THREADS=1\)"):
        variables_from([pair], "--base-env")


def test_variables_as_they_are_typed() -> None:
    """A value may be anything, even empty; a name given twice has one value; ours cannot be set."""
    assert variables_from(["A=1=2", "_b=", "A=1=2"], "--base-env") == {"A": "1=2", "_b": ""}
    with pytest.raises(UsageError, match="--head-env A is set to '1' and to '2'"):
        variables_from(["A=1", "A=2"], "--head-env")
    with pytest.raises(UsageError, match="PYTHONHASHSEED: the gate sets it itself"):
        variables_from(["PYTHONHASHSEED=0"], "--head-env")


# --- what is refused ----------------------------------------------------------------------------------------


def test_an_unknown_revision(plain: Repo, place: Path) -> None:
    """A revision that is not there is named with what brings it; nothing is made for it."""
    for name in ("no-such", "--help", "--since=yesterday", "HEAD^{tree}", "main:pyproject.toml"):
        with Builder() as made, pytest.raises(UsageError) as caught:
            prepare(made, plain, SideSpec(name))
        assert str(caught.value).startswith(f"--base {name}: no such revision in {plain.folder}; `git fetch`")
    with Builder() as made, pytest.raises(UsageError, match=r"^--head no-such: no such revision"):
        prepare(made, plain, head=SideSpec("no-such"))
    with (
        Builder() as made,
        pytest.raises(UsageError, match=r"^--base: '' is not a revision .*`git merge-base`"),
    ):
        prepare(made, plain, SideSpec(""))
    assert (len(plain.worktrees), list(place.iterdir())) == (1, [])


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("origin/main", "git fetch --depth 1 origin main:refs/remotes/origin/main"),
        ("feature/x", "git fetch --depth 1 origin feature/x:feature/x"),
        ("v1", "git fetch --depth 1 origin v1:v1"),
        ("1a2b3c4d", "git fetch --depth 1 origin 1a2b3c4d"),
    ],
)
def test_a_shallow_clone(plain: Repo, tmp_path: Path, name: str, alone: str) -> None:
    """Where a clone is shallow the message states it, and how to fetch all of it or just this revision."""
    plain.commit({"parcel/part.py": ""})
    clone = Repo.__new__(Repo)
    clone.folder = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", plain.folder.as_uri(), str(clone.folder)],
        check=True,
        capture_output=True,
    )
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    with Builder() as made, pytest.raises(UsageError) as caught:
        prepare(made, clone, SideSpec(name))
    assert "this clone is shallow: `git fetch --unshallow`" in str(caught.value)
    assert str(caught.value).endswith(f"`{alone}` this one")
    for unnamed in ("HEAD~1", ""):
        with Builder() as made, pytest.raises(UsageError, match="`git fetch --unshallow`") as caught:
            prepare(made, clone, SideSpec(unnamed))
        assert "this one" not in str(caught.value)


def test_no_repository(tmp_path: Path) -> None:
    """Outside a repository, or in one without files, the message names where to run this."""
    stated = Configuration(under_test=("parcel",))
    bare = tmp_path / "bare"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    for folder in (tmp_path, bare):
        with (
            Builder() as made,
            pytest.raises(UsageError, match="is not in a git repository with files checked out"),
        ):
            both(made, SideSpec("main"), SideSpec(), folder, stated)


def test_no_commit_yet(tmp_path: Path) -> None:
    """A repository without a commit has no revision of any name."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "new")], check=True)
    with Builder() as made, pytest.raises(UsageError, match="--base HEAD: no such revision"):
        both(made, SideSpec("HEAD"), SideSpec(), tmp_path / "new", Configuration(under_test=("parcel",)))


def test_no_git(plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git the message names what works without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with Builder() as made, pytest.raises(UsageError, match=r"git is not installed.*--base-python"):
        prepare(made, plain)


def test_no_package_is_named(plain: Repo) -> None:
    """A revision can only be compared where it is known what to import of it."""
    with (
        Builder() as made,
        pytest.raises(UsageError, match="compares packages, and none is named; write into") as caught,
    ):
        prepare(made, plain, under_test=())
    assert str(plain.folder / "pyproject.toml") in str(caught.value)


def test_a_head_without_a_base(plain: Repo) -> None:
    """A revision for head alone does not state what it is to be compared with."""
    with (
        Builder() as made,
        pytest.raises(UsageError, match="--head main needs a revision to be compared with"),
    ):
        prepare(made, plain, SideSpec(), SideSpec("main"))


def test_the_same_variables_on_both_sides(plain: Repo) -> None:
    """Variables that are no difference belong in front of the command."""
    same = {"A": "1", "B": "2"}
    for base in (SideSpec("main", variables=same), SideSpec(variables=same)):
        with (
            Builder() as made,
            pytest.raises(UsageError, match="both sides set A=1 B=2: set it in front of the whole"),
        ):
            prepare(made, plain, base, SideSpec(variables=dict(same)))


def test_nothing_to_compare(plain: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal files, the same interpreter under whatever name, and variables that are set anyway are no
    difference."""
    monkeypatch.setenv("ALREADY", "1")
    sibling = str(Path(sys.executable).with_name(f"python{sys.version_info.major}"))
    for head in (SideSpec(), SideSpec(variables={"ALREADY": "1"}), SideSpec(python=sibling)):
        with Builder() as made, pytest.raises(NothingToCompare, match="base and head are the same: "):
            prepare(made, plain, SideSpec(), head)
        with Builder() as made, pytest.raises(NothingToCompare, match="have the same files"):
            prepare(made, plain, SideSpec("main"), head)
    plain.commit({"file": "1"})
    plain.commit({"file": ""})
    plain.git("rm", "--quiet", "file")
    plain.git("commit", "--quiet", "--message", "as it was")
    with (
        Builder() as made,
        pytest.raises(NothingToCompare, match=r"main~3 .* and working tree .* have the same files"),
    ):
        prepare(made, plain, SideSpec("main~3"))


@pytest.mark.parametrize(
    ("theirs", "known", "note"),
    [
        (
            {},
            set(),
            r"main \(\w{7}\) has no benchmarks in benchmarks: those of head that it cannot run are new",
        ),
        (
            {
                "benchmarks/test_speed.py": "def test_speed(timer): ...\n",
                "benchmarks/asv.conf.json": "{}",
            },
            set(),
            r"main \(\w{7}\) has no benchmarks in benchmarks: those of head that it cannot run are new",
        ),
        (
            {"benchmarks/test_speed.py": "def test_speed(benchmark): ...\n"},
            {"test_speed.py::test_speed"},
            None,
        ),
        (
            {"benchmarks/bench_speed.py": "class Suite:\n    def time_it(self): ...\n"},
            set(),
            "those of head that it cannot run are new",
        ),
        (
            {"benchmarks/bench_old.py": "def bench_a(compare): ...\ndef bench_b(compare): ...\n"},
            {"bench_old.py::bench_a", "bench_old.py::bench_b"},
            None,
        ),
        (
            {
                "benchmarks/bench_a.py": "def bench_a(compare): ...\n",
                "benchmarks/bench_old.py": "print 'old'\n",
            },
            {"bench_a.py::bench_a"},
            r"cannot be read, so that nothing in it counts as new: benchmarks/bench_old.py:1: .* \(in main",
        ),
    ],
    ids=["no-folder", "another-tools", "pytest-benchmark", "asv", "ours", "unreadable"],
)
def test_which_benchmarks_base_has(
    tmp_path: Path, theirs: Mapping[str, str], known: set[str], note: str | None
) -> None:
    """They are looked at before anything is built; a folder of another tool's benchmarks holds none of
    ours."""
    repo = Repo(tmp_path / "a project", {**BUILT, "during_build.py": "raise RuntimeError", **theirs})
    repo.write({"benchmarks/bench_new.py": "def bench_new(compare): ...\n"})
    with Builder() as made:
        sources = made.check_out(MAIN, HERE, repo.folder, configuration(repo.folder))
        found, notes = read_base(sources, repo.folder.resolve() / "benchmarks")
        assert found is not None
        assert found.functions == known
        assert len(notes) == (note is not None)
        assert note is None or re.search(note, note_text(notes[0]))
        assert str(made.folder) not in "".join(map(note_text, notes))
        assert not list(made.folder.rglob("build.log"))


def test_which_of_bases_benchmarks_were_selected(plain: Repo) -> None:
    """What base has is chosen as head's are; without a revision nothing is known of it."""
    plain.commit({"benchmarks/bench_old.py": "def bench_a(compare): ...\ndef bench_b(compare): ...\n"})
    plain.write({"parcel/part.py": ""})
    folder = plain.folder.resolve() / "benchmarks"
    with Builder() as made:
        sources = made.check_out(MAIN, HERE, plain.folder, configuration(plain.folder))
        for words, chosen in ((("b",), frozenset({"bench_old.py::bench_b"})), (("unknown",), frozenset())):
            found, notes = read_base(sources, folder, words)
            assert found is not None
            assert (found.chosen, len(found.functions), notes) == (chosen, 2, ())
        as_it_is = made.check_out(
            SideSpec(), SideSpec(variables={"A": "1"}), plain.folder, configuration(plain.folder)
        )
        assert read_base(as_it_is, folder) == (None, ())


# --- what was imported --------------------------------------------------------------------------------------


def test_a_package_that_base_lacks(built: Repo) -> None:
    """A new package is absent in base though folder, PYTHONPATH and head's checkout have it; that is
    noted."""
    built.write({"extra/__init__.py": "", "company/tools/__init__.py": "", "parcel/part.py": ""})
    names = ("parcel", "extra", "company.tools")
    with Builder() as made:
        base, head = prepare(made, built, under_test=names)
        path = {"PYTHONPATH": str(built.folder)}
        found = [
            imported(replace(side, environment={**side.environment, **path}), list(names), built.folder)
            for side in (base, head)
        ]
        assert [bool(package.file) for package in found[0]] == [True, False, False]
        assert [bool(package.file) for package in found[1]] == [True, True, True]
        assert check_packages(base, head, *found) == (
            "extra is new: base has none",
            "company.tools is new: base has none",
        )
        printed = output_of(
            base, "try: import extra\nexcept ModuleNotFoundError as error: print(error.name)", built.folder
        )
        assert printed == ["extra"]


def test_a_package_without_an_init_stays_with_its_side(plain: Repo) -> None:
    """A folder that is a package without saying so is one folder in each side, even where sys.path changes
    later."""
    (plain.folder / "parcel/__init__.py").unlink()
    plain.commit({"parcel/part.py": "STEPS = 100\n"})
    plain.write({"parcel/part.py": "STEPS = 105\n"})
    script = (
        "import sys, parcel; sys.path.append('/elsewhere'); sys.path.insert(0, '.'); "
        "import parcel.part; print(parcel.part.STEPS, list(parcel.__path__))"
    )
    with Builder() as made:
        for side, steps in zip(prepare(made, plain), ("100", "105"), strict=True):
            assert output_of(side, script, plain.folder) == [f"{steps} ['{side.tree}/parcel']"]
            assert imported(side, ["parcel"], plain.folder)[0].file == f"{side.tree}/parcel"


def test_what_benchmarks_share_comes_from_head(built: Repo) -> None:
    """Modules beside the packages, which no build installs, are head's for both sides."""
    built.write({"shared_inputs.py": "IT = 'head'\n", "parcel/part.py": ""})
    with Builder() as made:
        base, head = prepare(made, built)
        for side in (base, head):
            printed = output_of(side, "import shared_inputs; print(shared_inputs.__file__)", built.folder)
            assert printed == [f"{head.tree}/shared_inputs.py"]


def sides(tmp_path: Path) -> tuple[SideEnv, SideEnv]:
    """Two sides as they are once prepared."""
    made = [
        SideEnv(
            side,
            side.upper(),
            "python",
            {},
            tmp_path / side,
            tmp_path / side / "tree",
            tmp_path / side / "tree",
        )
        for side in Side
    ]
    return made[0], made[1]


def found(side: SideEnv, name: str, digest: str) -> Package:
    return Package(name, str(side.home / "env" / name / "__init__.py") if digest else "", digest)


def test_equal_packages_are_nothing_to_compare(tmp_path: Path) -> None:
    """All equal is nothing to compare, unless interpreter, pins or variables differ; one different one is
    enough."""
    base, head = sides(tmp_path)
    equal = [found(base, "a", "1"), found(base, "b", "2")], [found(head, "a", "1"), found(head, "b", "2")]
    with pytest.raises(NothingToCompare, match=r"^a, b: identical on both sides, BASE and HEAD"):
        check_packages(base, head, *equal)
    for other in (replace(head, interpreter="x"), replace(head, pins="x"), replace(head, shown={"NEW": "x"})):
        assert check_packages(base, other, *equal) == ()
    assert check_packages(base, head, equal[0], [found(head, "a", "1"), found(head, "b", "3")]) == ()
    plain = replace(base, tree=None), replace(head, tree=None)
    assert check_packages(*plain, *equal) == ()


def test_a_package_from_elsewhere(tmp_path: Path) -> None:
    """What was imported from outside its side, or from the other's, is named with its file."""
    base, head = sides(tmp_path)
    with pytest.raises(NothingToCompare, match=r"^base imports a from .*/head/env/a/__init__\.py, outside "):
        check_packages(base, head, [found(head, "a", "1")], [found(head, "a", "2")])
    with pytest.raises(NothingToCompare, match=r"^head imports a from /elsewhere/a\.py, outside "):
        check_packages(base, head, [found(base, "a", "1")], [Package("a", "/elsewhere/a.py", "2")])


def test_packages_that_are_absent(tmp_path: Path) -> None:
    """What neither side has is a mistake in the table; what one side lacks is noted."""
    base, head = sides(tmp_path)
    absent = [found(base, "a", "")], [found(head, "a", "")]
    with pytest.raises(
        UsageError, match=r"neither side can import a; .* or the project must state a \[build-system\]"
    ):
        check_packages(base, head, *absent)
    (tmp_path / "setup.py").write_text("")
    with pytest.raises(
        UsageError, match=r"neither side can import a; .* installing the project must bring it"
    ):
        check_packages(base, replace(head, project=tmp_path), *absent)
    new = check_packages(base, head, [found(base, "a", "")], [found(head, "a", "1")])
    assert new == ("a is new: base has none",)
    gone_now = check_packages(base, head, [found(base, "a", "1")], [found(head, "a", "")])
    assert gone_now == ("a is gone: head has none",)


def test_files_and_digests_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages, modules and bare folders are found unimported; content and names count, bytecode does not."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("pack_x/__init__.py", "pack_x/deep/a.py", "mod_x.py", "bare_x/a.py", "broken_x/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError\n")
    (tmp_path / "pack_x" / "pipe").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "pack_x" / "pipe")

    def digests() -> list[str]:
        importlib.invalidate_caches()
        return [package["digest"] for package in packages(["pack_x", "mod_x", "bare_x"])]

    first = packages(["pack_x", "mod_x", "bare_x", "absent_x", "broken_x.part", "mod_x.part"])
    assert [package["name"] for package in first] == [
        "pack_x", "mod_x", "bare_x", "absent_x", "broken_x.part", "mod_x.part",
    ]  # fmt: skip
    assert [package["file"] for package in first] == [
        str(tmp_path / "pack_x/__init__.py"), str(tmp_path / "mod_x.py"), str(tmp_path / "bare_x"), "", "", "",
    ]  # fmt: skip
    assert [bool(package["digest"]) for package in first] == [True, True, True, False, False, False]
    assert not {"pack_x", "mod_x", "bare_x"} & set(sys.modules)

    before = digests()
    with monkeypatch.context() as patch:
        walk = os.walk
        patch.setattr(os, "walk", lambda top: ((a, b, c[::-1]) for a, b, c in list(walk(top))[::-1]))
        assert digests() == before
    (tmp_path / "pack_x" / "__pycache__").mkdir()
    (tmp_path / "pack_x" / "__pycache__" / "a.txt").write_text("x")
    (tmp_path / "pack_x" / "old.pyc").write_text("x")
    assert digests() == before
    (tmp_path / "pack_x" / "data.bin").write_bytes(b"x")
    (tmp_path / "mod_x.py").write_text("other\n")
    (tmp_path / "bare_x" / "a.py").rename(tmp_path / "bare_x" / "b.py")
    assert all(now != then for now, then in zip(digests(), before, strict=True))


# --- what stays behind --------------------------------------------------------------------------------------

BUILDING = """
import signal, sys
from pathlib import Path
from harness.gate.builds.prepare import Builder
from harness.gate.builds.side import SideSpec
from harness.gate.configuration import configuration

def interrupt(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)
repository = Path(sys.argv[1])
with Builder() as builder:
    builder.build(builder.check_out(SideSpec("main"), SideSpec(), repository, configuration(repository)))
"""


Start = Callable[[], tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def start_build(built: Repo, request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Start a process that prepares sides; it and a build that never ends, once that has begun."""

    def start() -> tuple[subprocess.Popen[bytes], int]:
        marker = tmp_path / "building"
        report = f"pathlib.Path({str(marker)!r}).write_text(f'{{os.getpid()}}.')"
        built.write({"during_build.py": f"import signal\n{report}\nwhile True: signal.pause()\n"})
        process = subprocess.Popen(
            python(BUILDING, str(built.folder)), env={**ENVIRONMENT, **os.environ}, stderr=subprocess.PIPE
        )
        request.addfinalizer(process.kill)
        assert until(lambda: marker.exists() and marker.read_text().endswith("."))
        return process, int(marker.read_text().rstrip("."))

    return start


def test_an_interrupt_leaves_nothing(built: Repo, place: Path, start_build: Start) -> None:
    """Ended in the middle of a build: no build, worktree or scratch folder is left, and the interrupt is not
    lost."""
    process, builder = start_build()
    assert len(built.worktrees) == 3
    process.send_signal(signal.SIGTERM)
    assert gone(process.pid)
    assert process.stderr is not None
    assert b"KeyboardInterrupt" in process.stderr.read()
    process.wait()
    assert gone(builder)
    assert (len(built.worktrees), list(place.iterdir())) == (1, [])
    assert not list((built.folder / ".git" / "worktrees").glob("*"))


def test_a_kill_leaves_nothing(built: Repo, place: Path, start_build: Start) -> None:
    """Another gate removes nothing of a gate that lives; a killed one's build, folder and worktrees go by
    themselves."""
    process, builder = start_build()
    remove_stale()
    assert len(built.worktrees) == 3
    assert going(builder)
    process.kill()
    process.wait()
    assert gone(builder)
    assert until(lambda: not list(place.iterdir()))
    assert len(built.worktrees) == 1
    assert not list((built.folder / ".git" / "worktrees").glob("*"))


ALONE = """
import os, signal, sys
from pathlib import Path
from harness.gate.builds.repository import Repository
from harness.gate.builds.workdir import WorkDir
repository = Repository.of(Path(sys.argv[1]))
made = WorkDir()
made.serves(repository)
repository.check_out(repository.revision("main", "--base"), made.folder / "tree")
os.kill(made.guard._process.pid, signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_gate_removes_what_nobody_could(plain: Repo, place: Path) -> None:
    """The process that cleans up was killed before the gate."""
    killed = subprocess.run(python(ALONE, str(plain.folder)), env={**ENVIRONMENT, **os.environ}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (len(plain.worktrees), len(list(place.iterdir()))) == (2, 1)
    remove_stale()
    assert (len(plain.worktrees), list(place.iterdir())) == (1, [])


def dead_process() -> int:
    process = subprocess.Popen(python(""))
    process.wait()
    return process.pid


def test_only_what_is_surely_stale_is_removed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of living processes, of other people, of other names, links, and locked ones stay."""
    dead = dead_process()
    stale = place / f"tipbench-gate-{dead}-stale"
    links_to = place / "somewhere"
    keep = [
        place / f"tipbench-gate-{os.getpid()}-mine",
        place / "tipbench-gate-notes",
        place / f"tipbench-{dead}-x",
        links_to,
    ]
    for folder in (stale, *keep):
        folder.mkdir()
        (folder / "file").write_text("x")
    (stale / "sealed").mkdir()
    (stale / "sealed" / "file").write_text("x")
    (stale / "sealed").chmod(0o500)
    links_to.chmod(0o755)
    link = place / f"tipbench-gate-{dead}-link"
    link.symlink_to(links_to)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead)  # as in a container, where numbers mean others
        other = WorkDir()
    remove_stale()
    assert not stale.exists()
    assert {*place.iterdir()} == {*keep, link, other.folder}
    assert (links_to / "file").exists()
    assert links_to.stat().st_mode & 0o777 == 0o755
    other.remove()
    assert not other.folder.exists()
    stale.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: -1)
    remove_stale()
    assert stale.exists()


def test_a_full_disk(plain: Repo, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for the sides, the message names where else they may be; what there is is
    removed."""
    plain.write({"parcel/part.py": ""})
    full = OSError(28, "No space left on device")

    def refuse(*_: object, **__: object) -> None:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "overlay", refuse)
        with (
            Builder() as made,
            pytest.raises(LaunchError, match=r"the sides cannot be made in .*No space left.*TMPDIR"),
        ):
            prepare(made, plain)
    assert (len(plain.worktrees), list(place.iterdir())) == (1, [])
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with (
        pytest.raises(LaunchError, match=r"temporary files cannot be written: .*No space left.*TMPDIR"),
        Builder(),
    ):
        pass


def test_damaged_worktrees_go_too(plain: Repo, place: Path) -> None:
    """Locked or damaged worktrees are removed; the user's own, even one that is not there now, stays
    known."""
    plain.git("worktree", "add", "--quiet", "--detach", str(plain.folder.parent / "users"))
    (plain.folder.parent / "users").rename(plain.folder.parent / "elsewhere")
    plain.write({"parcel/part.py": ""})
    with Builder() as made:
        base, head = prepare(made, plain)
        assert base.tree is not None
        assert head.tree is not None
        (base.tree / ".git").unlink()
        (head.tree / "loose").mkdir()
        plain.git("worktree", "lock", str(head.tree))
    assert len(plain.worktrees) == 2
    assert str(plain.folder.parent / "users") in plain.worktrees[1]
    assert list(place.iterdir()) == []


def test_a_repository_that_is_gone_is_no_obstacle(plain: Repo, place: Path) -> None:
    """A scratch folder goes even where its repository is not there any more."""
    plain.write({"parcel/part.py": ""})
    with Builder() as made:
        prepare(made, plain)
        plain.folder.rename(plain.folder.with_name("moved"))
    assert list(place.iterdir()) == []


def test_interrupts_wait_for_the_cleaning_up() -> None:
    """Ctrl-C during clean-up takes effect after it, and the handlers are what they were."""
    before = signal.getsignal(signal.SIGTERM)
    done = []
    with pytest.raises(KeyboardInterrupt), undisturbed():
        signal.raise_signal(signal.SIGINT)
        done.append("cleaned up")
    assert done == ["cleaned up"]
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_git_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git started must not go on writing while its worktree is being removed."""
    marker = tmp_path / "child"
    program = tmp_path / "git"
    program.write_text(
        f"#!/bin/sh\n{shlex.quote(sys.executable)} -c 'import signal\nwhile True: signal.pause()' &\n"
        f"echo $!. > {shlex.quote(str(marker))}\nwait\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def interrupted(process: Any, *_: Any) -> None:
        assert until(lambda: marker.exists() and marker.read_text().endswith(".\n"))
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Repository(tmp_path).changes()
    assert gone(int(marker.read_text().rstrip(".\n")))


def test_git_says_what_is_wrong(tmp_path: Path) -> None:
    """A git command that fails gives git's own words."""
    with pytest.raises(GitFailed, match="not a git repository"):
        Repository(tmp_path).changes()
