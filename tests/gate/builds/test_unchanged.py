"""Nothing under test changed: an answer of its own, before the builds where that is known."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.claims.folder import read
from harness.cli import forms, gate, gating
from harness.cli.main import main
from harness.errors import UsageError
from harness.gate.base_revision import compare_folders, read_base
from harness.gate.builds.check_imports import check_packages, check_packages_and_benchmarks
from harness.gate.builds.prepare import Builder
from harness.gate.builds.side import NothingChanged, SideEnv, SideSpec
from harness.gate.builds.unchanged import is_document, refuse_documents_alone
from harness.gate.configuration import configuration
from harness.model import Package, Side
from harness.workers.protocol import SideInfo
from tests.support.living import ROOT

FILES = {
    "pyproject.toml": (
        '[build-system]\nrequires = []\nbuild-backend = "none"\nbackend-path = ["."]\n[project]\nname = "parcel"\n'
        'version = "1"\n[tool.harness]\nunder-test = ["parcel"]\n'
    ),
    "README.md": "One.\n",
    "parcel/__init__.py": "STEPS = 100\n",
    "parcel/prompt.md": "Data.\n",
    "benchmarks/bench_work.py": "def bench_work(compare): ...\n",
}


class Repo:
    """A git repository with files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(FILES)

    def git(self, *words: str) -> str:
        """What git prints here."""
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        settings |= {
            f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        command = ["git", "-C", str(self.folder), *words]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        } | settings
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment
        ).stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        """Change files without git."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def commit(self, files: dict[str, str]) -> str:
        """Change files and commit them; gives the commit."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A repository whose package cannot be built: every attempt fails."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return Repo(tmp_path / "project")


def refused(repo: Repo, base: SideSpec, head: SideSpec | None = None) -> str:
    """Why there is nothing to compare before anything is built; empty where something may differ."""
    with Builder() as made:
        sources = made.check_out(base, head or SideSpec(), repo.folder, configuration(repo.folder))
        try:
            refuse_documents_alone(sources, repo.folder / "benchmarks")
        except NothingChanged as why:
            return str(why)
    return ""


def test_documents_alone_are_known_before_anything_is_built(repo: Repo) -> None:
    """Committed or not: README.md is read by no import; code, and text inside a package, may be."""
    repo.commit({"README.md": "Two.\n"})
    assert re.fullmatch(
        r"main~1 \(\w+\) and working tree \(\w+\) differ in README.md alone",
        refused(repo, SideSpec("main~1")),
    )
    repo.write({"docs/usage.rst": "", ".github/workflows/gate.yml": "", "LICENSE": "", "NOTES.md": ""})
    assert "LICENSE, NOTES.md and 2 more alone" in refused(repo, SideSpec("main~1"))
    # Variables that differ are something to compare.
    assert not refused(repo, SideSpec("main~1", variables={"A": "1"}))
    repo.write({"parcel/prompt.md": "Other data.\n"})
    assert not refused(repo, SideSpec("main~1"))


def test_added_benchmarks_alone_are_known_before_anything_is_built(repo: Repo) -> None:
    """Committed or not: base has nothing to compare a new file with. One that changed, or is gone, is looked
    into."""
    work = FILES["benchmarks/bench_work.py"]
    repo.write({"benchmarks/sub/bench_new.py": work, "README.md": "Two.\n"})
    assert refused(repo, SideSpec("main")).endswith(
        "differ in README.md, benchmarks/sub/bench_new.py alone; 1 benchmark file new in head: base has nothing to "
        "compare with"
    )
    repo.commit({"benchmarks/bench_more.py": work})
    assert "2 benchmark files new in head" in refused(repo, SideSpec("main~1"))
    # Outside of the folder, and what is no benchmark: a build may read it.
    for name in ("bench_top.py", "parcel/bench_inside.py", "benchmarks/conftest.py", "benchmarks/setup.py"):
        repo.write({name: work})
        assert not refused(repo, SideSpec("main")), name
        (repo.folder / name).unlink()
    repo.write({"benchmarks/bench_work.py": f"{work}\n"})
    assert not refused(repo, SideSpec("main~1"))
    (repo.folder / "benchmarks/bench_work.py").rename(repo.folder / "benchmarks/bench_renamed.py")
    assert not refused(repo, SideSpec("main~1"))


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("README.md", True), ("docs/a/b.rst", True), (".github/workflows/x.yml", True), ("LICENSE.txt", True),
        (".gitignore", True), ("setup.py", False), ("parcel/README.md", False), ("src/parcel/data.md", False),
        ("docs/conf.py", False), ("benchmarks/bench_a.py", False), ("requirements.txt", False), ("csrc/a.cpp", False),
    ],
)  # fmt: skip
def test_what_is_a_document(path: str, document: bool) -> None:
    """A text that no build and no import reads, by its name and place."""
    assert is_document(path, {"parcel"}) is document


def built(
    tmp_path: Path, version: str, more: str = "", tracked: tuple[str, ...] = ()
) -> tuple[SideEnv, Package]:
    """A side as it is once it was built, with a version file that the build wrote."""
    side = Side.HEAD if version.startswith("2") else Side.BASE
    home = tmp_path / side
    home.mkdir()
    tree = Repo(home / "tree")
    if tracked:
        tree.commit(dict.fromkeys(tracked, "tracked"))
    folder = home / "env" / "parcel"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"STEPS = 100\n{more}")
    (folder / "_version.py").write_text(f"version = {version!r}\n")
    prepared = SideEnv(side, side.upper(), "python", {}, home, tree.folder, tree.folder)
    return prepared, Package("parcel", str(folder / "__init__.py"), f"digest {version}")


def test_a_version_file_that_the_build_writes_is_named(tmp_path: Path) -> None:
    """Two builds of the same code differ in it, and in nothing that is under test."""
    (base, before), (head, after) = built(tmp_path, "1.0+abc"), built(tmp_path, "2.0+def")
    with pytest.raises(
        NothingChanged, match=r"parcel: .* but for parcel/_version\.py, which the build writes"
    ):
        check_packages(base, head, [before], [after])


@pytest.mark.parametrize("how", ["more", "tracked"])
def test_a_version_file_is_no_excuse(tmp_path: Path, how: str) -> None:
    """Where anything else differs, or where people write the file, something under test changed."""
    more: Any = {"more": "N = 1\n"} if how == "more" else {"tracked": ("src/parcel/_version.py",)}
    (base, before), (head, after) = built(tmp_path, "1.0"), built(tmp_path, "2.0", **more)
    assert check_packages(base, head, [before], [after]) == ()


def typed(repo: Repo, form: Path, *, unchanged_ok: bool) -> list[str]:
    """The command line of a gate of the working tree against the commit before the last."""
    places = ["--benchmarks", str(repo.folder / "benchmarks"), "--results", str(form.parent / "results")]
    more = ["--unchanged-ok"] if unchanged_ok else []
    return ["gate", "--base", "main~1", "--device", "cpu", "--no-page", "--json", str(form), *places, *more]


@pytest.mark.parametrize(("ok", "status"), [(False, 3), (True, 0)])
def test_its_status_is_what_was_settings_for(
    repo: Repo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ok: bool,
    status: int,
) -> None:
    """The whole command: every form is written, nothing is built or kept, and the last line states it."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    repo.commit({"README.md": "Two.\n"})
    form = tmp_path / "gate.json"
    assert main(typed(repo, form, unchanged_ok=ok)) == status
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == f"nothing under test changed; exit {status}"
    assert "building" not in "".join(out)
    assert json.loads(form.read_text())["unchanged"].endswith("differ in README.md alone")
    assert not (tmp_path / "results").exists()


def test_a_form_on_standard_output_stands_there_alone(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report goes to standard error then, and the output can be parsed."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(repo.folder)
    repo.commit({"README.md": "Two.\n"})
    assert main(("gate", "--base", "main~1", "--json", "-")) == 3
    printed = capsys.readouterr()
    assert json.loads(printed.out)["unchanged"].endswith("differ in README.md alone")
    assert printed.err.splitlines()[-1] == "nothing under test changed; exit 3"


def test_a_form_that_can_no_longer_be_written_costs_no_report(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that went away while it was measured: the report is shown, the other forms are written, status
    2."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setattr(forms, "check_writable", lambda *_: None)
    monkeypatch.chdir(repo.folder)
    repo.commit({"README.md": "Two.\n"})
    lost, form = tmp_path / "gone" / "gate.json", tmp_path / "gate.xml"
    assert main(("gate", "--base", "main~1", "--json", str(lost), "--junit", str(form))) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "nothing under test changed; exit 3"
    assert f"--json: cannot write {lost}: No such file or directory" in captured.err
    assert "nothing under test changed" in form.read_text()


WORK = FILES["benchmarks/bench_work.py"]
OTHER = "def bench_other(compare): ...\n"


@pytest.mark.parametrize(
    ("head", "missing"),
    [
        ({"bench_more.py": WORK}, ["bench_work.py::bench_other", "bench_work.py::bench_work"]),
        ({"bench_work.py": WORK}, ["bench_work.py::bench_other"]),
        ({"bench_work.py": WORK + OTHER.replace("other", "another")}, ["bench_work.py::bench_other"]),
    ],
    ids=["file renamed", "function removed", "function renamed"],
)
def test_identical_code_with_benchmarks_removed_is_never_green(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: dict[str, str], missing: list[str]
) -> None:
    """The status is 3 in spite of --unchanged-ok, and every benchmark that head lacks is a missing one."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    repo.commit({"benchmarks/bench_work.py": WORK + OTHER})
    repo.commit({"README.md": "Two.\n"})
    (repo.folder / "benchmarks/bench_work.py").unlink()
    repo.write({f"benchmarks/{name}": text for name, text in head.items()})
    (base, package), (after, _) = built(tmp_path, "1.0"), built(tmp_path, "2.0")
    infos = {
        Side.BASE: SideInfo({}, (package,), ""),
        Side.HEAD: SideInfo({}, (replace(package, file=str(after.home / "env/parcel/__init__.py")),), ""),
    }
    monkeypatch.setattr(Builder, "build", lambda *_: (base, after))
    monkeypatch.setattr(gating, "gate", lambda _settings, _folder, _screen, check, _resumption: check(infos))
    form = tmp_path / "gate.json"
    assert main(typed(repo, form, unchanged_ok=True)) == 3
    found = json.loads(form.read_text())
    assert [(each["case"], each["outcome"]) for each in found["verdicts"]] == [
        (each, "missing") for each in missing
    ]
    assert (found["status"], found["unchanged"]) == (3, "")
    assert "parcel: identical on both sides" in "".join(found["notes"])


@pytest.mark.parametrize(
    ("head", "differ"),
    [
        ({"bench_work.py": f"{WORK}\n"}, "bench_work.py"),
        ({"conftest.py": ""}, "bench_work.py"),
        ({"bench_more.py": OTHER}, ""),
    ],
    ids=["text", "conftest", "added"],
)
def test_identical_code_with_benchmarks_changed_is_measured(
    tmp_path: Path, head: dict[str, str], differ: str
) -> None:
    """Reading does not show which cases a changed file lost; a file that only head has takes none from
    base."""
    (base, before), (after, _) = built(tmp_path, "1.0"), built(tmp_path, "2.0")
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder, files in ((theirs, {"bench_work.py": WORK}), (ours, {"bench_work.py": WORK, **head})):
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    known, reading = compare_folders(theirs, ours, lambda reading: reading), read(ours)
    package = replace(before, file=str(after.home / "env/parcel/__init__.py"))
    given = (base, after), ([before], [package]), known, reading.claims, ours
    if differ:
        (note,) = check_packages_and_benchmarks(*given)
        assert note.endswith(f"; measured all the same, because the benchmarks differ: {differ}")
    else:
        with pytest.raises(NothingChanged):
            check_packages_and_benchmarks(*given)


def test_a_file_that_base_cannot_read_may_have_lost_a_benchmark(tmp_path: Path) -> None:
    """It counts as changed where head's text differs from it; the same text on both sides does not."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, ours):
        folder.mkdir()
        (folder / "bench_work.py").write_text(WORK)
        (folder / "bench_torn.py").write_text("def (")
    assert compare_folders(theirs, ours, lambda reading: reading).altered((), ours) == []
    (ours / "bench_torn.py").write_text(OTHER)
    assert compare_folders(theirs, ours, lambda reading: reading).altered((), ours) == ["bench_torn.py"]


def test_a_folder_of_benchmarks_that_moved(repo: Repo) -> None:
    """What lies in the new folder under its old name has changed; what does not is missing."""
    repo.commit({"benchmarks/bench_work.py": WORK + OTHER, "elsewhere/bench_stays.py": WORK})
    (repo.folder / "benchmarks/bench_work.py").unlink()
    repo.write({"perf/bench_work.py": WORK})
    with Builder() as made:
        sources = made.check_out(SideSpec("main"), SideSpec(), repo.folder, configuration(repo.folder))
        before, _ = read_base(sources, repo.folder.resolve() / "perf")
    assert before is not None
    claims = read(repo.folder / "perf").claims
    assert before.removed(claims) == ["benchmarks/bench_work.py::bench_other"]
    assert before.altered(claims, repo.folder / "perf") == ["bench_work.py"]


def test_a_word_that_only_head_knows_hides_nothing_of_base(repo: Repo) -> None:
    """Each word of --select chooses for itself among base's benchmarks."""
    repo.write({"parcel/part.py": ""})
    with Builder() as made:
        sources = made.check_out(SideSpec("main"), SideSpec(), repo.folder, configuration(repo.folder))
        before, _ = read_base(sources, repo.folder.resolve() / "benchmarks", ("only_in_head", "work"))
    assert before is not None
    assert before.removed(()) == ["bench_work.py::bench_work"]


def test_the_example_compares_a_branch_with_what_it_branched_off_from(repo: Repo) -> None:
    """The target branch has moved on meanwhile: what others merged there is no part of the comparison."""
    start = repo.git("rev-parse", "HEAD")
    repo.git("switch", "--quiet", "--create", "branch")
    repo.commit({"parcel/__init__.py": "STEPS = 101\n"})
    repo.git("switch", "--quiet", "main")
    repo.commit({"parcel/__init__.py": "STEPS = 200\n"})
    repo.git("switch", "--quiet", "branch")
    text = (ROOT / "examples" / "gate.yml").read_text()
    (shown,) = re.findall(r'--base "\$\((git [^)]*)\)"', text)
    words = shown.replace('"', "").replace("$TARGET", "main").split()
    assert repo.git(*words[1:]) == start
    assert "ref: ${{ github.event.pull_request.head.sha }}" in text
    assert "fetch-depth: 0" in text
    assert "--unchanged-ok" in text
    # What a pull request is called stands in no command line.
    run = text[text.index("run: |") :]
    assert "${{" not in run[: run.index("- uses")]


def test_what_base_has_beyond_head_is_noted(repo: Repo) -> None:
    """With the revision that compares what head changed alone; nothing if base is one of head's own
    commits."""

    def notes(base: str, head: str | None = None) -> tuple[str, ...]:
        with Builder() as made:
            return made.check_out(
                SideSpec(base), SideSpec(head), repo.folder, configuration(repo.folder)
            ).notes

    start = repo.git("rev-parse", "HEAD")
    repo.git("switch", "--quiet", "--create", "branch")
    repo.commit({"parcel/__init__.py": "STEPS = 101\n"})
    assert notes("main") == ()
    repo.git("switch", "--quiet", "main")
    repo.commit({"parcel/__init__.py": "STEPS = 200\n"})
    repo.commit({"parcel/__init__.py": "STEPS = 300\n"})
    for head in (None, "branch"):
        repo.git("switch", "--quiet", "branch" if head is None else "main")
        (note,) = notes("main", head)
        assert re.match(r"main \(\w{7}\) has 2 commits that .*\(\w{7}\) lacks, and ", note)
        assert f"--base {start[:12]} compares head with what it branched off from" in note
        assert notes(start, head) == ()
    # Without a common commit there is no such revision to name.
    repo.git("switch", "--quiet", "--orphan", "other")
    repo.commit(FILES | {"parcel/__init__.py": "STEPS = 1\n"})
    assert notes("main") == ()


def test_annotations_name_files_as_the_repository_does(repo: Repo, tmp_path: Path) -> None:
    """Relative to its top, wherever the benchmarks are; outside of any repository by the folder's name."""
    assert gating.from_repository(repo.folder / "benchmarks") == "benchmarks"
    (repo.folder / "sub" / "perf").mkdir(parents=True)
    assert gating.from_repository(repo.folder / "sub" / "perf") == "sub/perf"
    (tmp_path / "elsewhere").mkdir()
    assert gating.from_repository(tmp_path / "elsewhere") == "elsewhere"


def test_a_revision_is_one_of_the_repository_people_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no folder of benchmarks, those that come with the harness are not gated."""
    shipped = Path(gate.__file__).resolve().parents[2] / "benchmarks"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"has no folder 'benchmarks'.*--benchmarks FOLDER"):
        gate.check_repository("HEAD", None, shipped)
    gate.check_repository("HEAD", shipped, shipped)
    gate.check_repository(None, None, shipped)
