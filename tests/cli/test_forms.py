"""The written forms of a report: which may be requested, and what becomes of those that cannot be written."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from harness.cli.forms import FORMS, SUMMARY, Forms, add_forms
from harness.store import StoreError


def forms(*arguments: str, summary: bool = False) -> Forms:
    """The forms that these arguments request."""
    parser = argparse.ArgumentParser()
    add_forms(parser, *FORMS)
    return Forms.of(parser.parse_args(arguments), summary=summary)


def test_without_options_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workflow's summary counts only for those that write to it."""
    monkeypatch.setenv(SUMMARY, "/nowhere/summary")
    assert forms() == Forms({})
    with pytest.raises(StoreError, match=f"{SUMMARY}: cannot write /nowhere/summary"):
        forms(summary=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--json", "-", "--csv", "-"),
            "only one form can go to the standard output; name a file for the others",
        ),
        (("--html", "-"), "--html: this form does not go to the standard output; name a file"),
        (("--parquet", "-"), "--parquet: this form does not go to the standard output; name a file"),
        (
            ("--json", "/nowhere/x.json"),
            "--json: cannot write /nowhere/x.json: No such file or directory",
        ),
    ],
)
def test_forms_that_cannot_be(arguments: tuple[str, ...], message: str) -> None:
    """They are refused before anything is read."""
    with pytest.raises(StoreError, match=message):
        forms(*arguments)


def test_a_form_that_does_not_exist_here(tmp_path: Path) -> None:
    """The error names those that do."""
    wanted = forms("--csv", str(tmp_path / "x.csv"))
    wanted.refuse_except("a run", ("csv",))
    with pytest.raises(StoreError, match=r"--csv: a gate has no such form \(allowed: --junit, --json\)"):
        wanted.refuse_except("a gate", ("json", "junit"))


def test_one_failure_does_not_keep_the_others_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Texts, files, the standard output and the summary are written; the first failure is raised
    afterwards."""
    summary, page = tmp_path / "summary", tmp_path / "page.html"
    summary.write_text("before\n")
    monkeypatch.setenv(SUMMARY, str(summary))
    wanted = forms("--csv", str(tmp_path / "x.csv"), "--json", "-", "--html", str(page), summary=True)

    def broken() -> str:
        raise ValueError("surrogates not allowed")

    def write_page(path: Path) -> None:
        path.write_text("page")

    texts = {"csv": broken, "json": lambda: "{}", "markdown": lambda: "# Report"}
    with pytest.raises(StoreError, match=r"--csv: cannot write .*x\.csv \(surrogates not allowed\)"):
        wanted.write(texts, {"html": write_page})
    assert capsys.readouterr().out == "{}\n"
    assert page.read_text() == "page"
    assert summary.read_text() == "before\n# Report\n"


def test_the_report_gives_way_to_a_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a form takes the standard output, people read the standard error."""
    forms("--json", "-").console().print("report")
    forms().console().print("report")
    assert capsys.readouterr() == ("report\n", "report\n")


def test_an_older_form_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A form that cannot be written leaves the one of before, and nothing beside it; a link stays a link."""
    page, link = tmp_path / "page.html", tmp_path / "latest.html"
    page.write_text("older")
    link.symlink_to(page)

    def full(place: Path) -> None:
        place.write_text("half")
        raise OSError(28, "No space left on device")

    for path in (page, link):
        with pytest.raises(StoreError, match="No space left"):
            Forms({"html": path}).write({}, {"html": full})
        assert page.read_text() == "older"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["latest.html", "page.html"]
    Forms({"json": link}).write({"json": lambda: "{}"})
    assert (page.read_text(), link.is_symlink()) == ("{}\n", True)
