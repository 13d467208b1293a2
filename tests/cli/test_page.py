"""The page that a command leaves beside what it measured: there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import main
from harness.cli.output import console
from harness.cli.page import leave_page
from harness.cli.report import show
from harness.report.html.parts import Grids, HtmlPage, Section
from tests.support.saved import claim, measurements_of, save

PAGE = HtmlPage("a title", (), (Section("one", "Side by side", Grids(())),))


def test_the_page_lies_in_the_folder(tmp_path: Path) -> None:
    """It is made for the place where it will lie, and nothing else is left there."""
    places: list[Path] = []

    def made(place: Path) -> HtmlPage:
        places.append(place)
        return PAGE

    path = leave_page(tmp_path, made)
    assert path == tmp_path / "page.html" and places == [path]
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert "a title" in places[0].read_text()


def test_a_page_that_cannot_be_written_is_a_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk costs the page and nothing else: an older one stays whole."""
    (tmp_path / "page.html").write_text("older")

    def full(_: Path) -> HtmlPage:
        raise OSError(28, "No space left on device")

    assert leave_page(tmp_path, full) is None
    assert "No space left on device; everything measured is saved" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_page_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without a measurement has no page, nor has one that is shown without it."""
    one = claim("A1")
    empty = save(tmp_path / "empty", [one], [], planned=())
    assert show(empty, console(), page=True) == 3
    whole = save(tmp_path / "whole", [one], measurements_of(one, "", 3, quick=0.5e-3))
    assert show(whole, console()) == 0
    assert "As a page: " in capsys.readouterr().out
    assert not list(tmp_path.glob("*/page.html"))


@pytest.mark.parametrize("command", ["bench", "gate", "selftest", "tune"])
def test_it_can_be_left_out(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that writes one has the option."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "--no-page" in capsys.readouterr().out
