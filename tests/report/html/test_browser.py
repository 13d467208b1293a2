"""The HTML page in a real browser: it draws, sorts, filters, opens, changes theme, prints, and fetches
nothing."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.model import Activity, Span, Timeline
from harness.report.figures.activities import activities
from harness.report.figures.timeline import timelines
from harness.report.format import sanitize
from harness.report.html import save_page
from harness.report.html.parts import Figures, Grids, HtmlPage, Section
from harness.report.html.run_page import run_page
from harness.report.html.traces import trace_grid
from tests.support.browsing import (
    brightness,
    complaints,
    faults,
    hovered,
    needs_chromium,
    picture,
    requests,
    rows,
    show,
    sideways,
    width,
)
from tests.support.pages import HOSTILE, full_run, hostile_run, telemetry

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a run with everything in it, telemetry and traces too."""
    folder = tmp_path_factory.mktemp("full")
    run = full_run(folder / "run")
    made = run_page(run, folder / "page.html")
    traces = pd.DataFrame(
        {"claim": ["A1"], "case": ["a.py::b[small]"], "variant": ["quick"], "file": ["traces/a.json.gz"],
         "wall_seconds": [2.0], "busy_seconds": [1.5], "cause": ["the host launches too slowly"]}
    )  # fmt: skip
    grid = trace_grid(traces, run.folder, folder / "page.html")
    assert grid is not None
    more = (
        Section("telemetry", "The machine meanwhile", Figures(), tuple(timelines(telemetry(run.planned)))),
        Section("traces", "Traces", Grids((grid,))),
    )
    save_page(replace(made, sections=(*made.sections[:-1], *more, made.sections[-1])), folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def page(browser: Any, full: Path) -> Any:
    """The browser with that page, all figures drawn, as it is when it is opened: whatever other tests did to
    it."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    complaints(browser), requests(browser)  # those of other pages
    show(browser, full)
    if browser.execute_script("const kept = localStorage.length; localStorage.clear(); return kept"):
        show(browser, full)  # without the theme that was chosen
    return browser


def test_it_draws_and_fetches_nothing(page: Any, full: Path) -> None:
    """Tab reaches the way past the head first; every figure has something in it; nothing but the file was
    fetched."""
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the report"
    names = page.execute_script("return [...document.querySelectorAll('.drawing')].map((each) => each.id)")
    assert len(names) == 7
    for name in (names[0], names[-1]):
        colours = picture(page, name).getcolors(2**24) or []
        assert len(colours) > 20, name
    assert complaints(page) == []
    assert {*requests(page)} <= {full.as_uri()}
    assert (
        page.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)") == []
    )


def test_columns_sort_both_ways_and_back(page: Any) -> None:
    """Numbers sort as numbers, empty cells come last, and the third press brings the measured order back."""
    measured = rows(page, "effect")
    head = next(b for b in page.find_elements(By.CSS_SELECTOR, "button.by") if b.text == "effect")
    head.click()
    rising = rows(page, "effect")
    assert rising[0].startswith("12.6x faster")
    assert rising[-1] == ""
    assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    head.click()
    falling = rows(page, "effect")
    assert [row for row in falling if row] == [row for row in rising if row][::-1]
    assert falling[-1] == ""
    head.click()
    assert rows(page, "effect") == measured
    units = next(b for b in page.find_elements(By.CSS_SELECTOR, "button.by") if b.text == "units")
    units.click()
    counts = [int(words.split()[0]) for words in rows(page, "units") if words]
    assert counts == sorted(counts) and len(set(counts)) > 1


def test_rows_are_filtered_and_searched(page: Any) -> None:
    """Verdicts and claims narrow the table, words are searched in it, and a search without a match states
    that."""
    everything = len(rows(page, "claim"))
    for box in page.find_elements(By.CSS_SELECTOR, ".verdicts input"):
        if box.get_attribute("value") != "holds":
            box.click()
    assert {words.split()[-1] for words in rows(page, "verdict")} == {"holds"}
    assert f"of {everything} rows" in page.find_element(By.CSS_SELECTOR, ".shown").text
    page.execute_script("document.querySelector('.controls .reset').click()")
    page.find_element(By.CSS_SELECTOR, "select.group").send_keys("L1")
    assert {words.split()[-1] for words in rows(page, "claim")} == {"L1"}
    page.execute_script("document.querySelector('.controls .reset').click()")
    search = page.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("relu in_place")
    assert rows(page, "variant") == ["in_place"]
    search.send_keys(" zebra")
    assert rows(page, "variant") == []
    nothing = page.find_element(By.CSS_SELECTOR, ".nothing")
    assert nothing.is_displayed()
    nothing.find_element(By.TAG_NAME, "button").click()
    assert len(rows(page, "claim")) == everything


def test_it_is_used_by_keyboard_alone(page: Any) -> None:
    """A header sorts and a row opens by keys; the focus can be seen."""
    opener = page.find_element(By.CSS_SELECTOR, ".opener")
    page.execute_script("arguments[0].focus({focusVisible: true})", opener)
    row = page.find_element(By.ID, opener.get_attribute("aria-controls"))
    assert not row.is_displayed()
    opener.send_keys(Keys.ENTER)
    assert row.is_displayed() and "beyond the margin" in row.text
    assert opener.get_attribute("aria-expanded") == "true"
    assert opener.value_of_css_property("outline-style") == "solid"
    opener.send_keys(Keys.SPACE)
    assert not row.is_displayed()
    head = page.find_element(By.CSS_SELECTOR, "button.by")
    head.send_keys(Keys.ENTER)
    assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"


def test_the_theme_switches_figures_included(page: Any) -> None:
    """The button turns page and figures dark and back, and states which it is."""
    button = page.find_element(By.ID, "theme")
    light = brightness(picture(page, "overview"))
    assert button.get_attribute("aria-pressed") == "false"
    page.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-pressed") == "true"
    assert brightness(picture(page, "overview")) < 80
    assert light > 180
    assert faults(page) == []
    page.execute_script("arguments[0].click()", button)
    assert abs(brightness(picture(page, "overview")) - light) < 5


def test_axe_finds_no_fault(page: Any) -> None:
    """Neither with all rows open, nor on a narrow screen."""
    page.execute_script("document.querySelector('.expand').click()")
    page.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert faults(page) == []
    width(page, 360)
    assert faults(page) == []
    page.execute_script("document.querySelector('.expand').click()")


def test_a_phone_shows_it_without_scrolling_sideways(page: Any) -> None:
    """At 360 pixels nothing is wider than the screen; rows are cards that name their cells."""
    width(page, 360)
    page.execute_script("document.querySelector('.expand').click()")
    assert sideways(page) == []
    shown = page.execute_script(
        "return getComputedStyle(document.querySelector('tr.entry td:nth-child(2)'), '::before').content"
    )
    assert "case" in shown
    assert page.find_element(By.CSS_SELECTOR, "select.sort").is_displayed()
    page.execute_script("document.querySelector('.expand').click()")


def test_a_legend_has_as_many_columns_as_fit(browser: Any, tmp_path: Path) -> None:
    """On a phone the legend of every activity is as narrow as the screen."""
    spans = tuple(Span(1, each, float(place), place + 1.0) for place, each in enumerate(Activity))
    figure = activities(Timeline(0.0, 20.0, spans))
    assert figure is not None
    save_page(HtmlPage("Run", (), (Section("time", "Time", Figures(), (figure,)),)), tmp_path / "page.html")
    columns = (
        """return [...[...Bokeh.index][0].model.references()].find((each) => each.type === "Legend").ncols"""
    )
    for pixels, most in ((360, 2), (1280, 5)):
        width(browser, pixels)
        show(browser, tmp_path / "page.html")
        assert browser.execute_script(columns) == most
        assert sideways(browser, pixels) == []


def test_print_has_every_row_open_and_no_controls(page: Any) -> None:
    """In print the details are there, the controls are not, and it is light whatever the screen was."""
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        hidden = page.execute_script(
            """return [...document.querySelectorAll("tr.opened")].filter((row) => !row.offsetHeight).length"""
        )
        assert hidden == 0
        assert not page.find_element(By.CSS_SELECTOR, ".controls").is_displayed()
        pdf = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
        assert pdf.startswith(b"%PDF")
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_hostile_names_do_nothing(browser: Any, tmp_path: Path) -> None:
    """They are shown as text, in figures and what hovers over them too; nothing runs, nothing is fetched."""
    run = hostile_run(tmp_path)
    save_page(run_page(run), tmp_path / "page.html")
    requests(browser)
    show(browser, tmp_path / "page.html")
    title = browser.title
    text = browser.find_element(By.TAG_NAME, "main").text
    for name in HOSTILE[:-1]:
        assert sanitize(name)[:40] in " ".join(text.split())
    assert "<img src=x" in hovered(browser, "forest-0")
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert browser.title == title and "pwned" not in title
    assert complaints(browser) == []
    assert [url for url in requests(browser) if not url.startswith("file:")] == []
    width(browser, 360)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
