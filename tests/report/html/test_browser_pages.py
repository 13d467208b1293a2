"""The pages of comparisons and trends in a real browser: they draw, sort, filter, open, and fetch nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.report.builders.comparison import comparison_document
from harness.report.builders.trend import trend_document
from harness.report.html import save_page
from harness.report.html.compared_page import compared_page
from harness.report.html.trend_page import trend_page
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
from tests.support.compared import hostile_runs, thirty_runs, two_runs
from tests.support.pages import HOSTILE

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A comparison's page, a trend's, and one of hostile names."""
    folder = tmp_path_factory.mktemp("pages")
    found = two_runs(folder / "two")
    save_page(compared_page(found, comparison_document(found)), folder / "compared.html")
    trends, runs = thirty_runs(folder / "many")
    save_page(trend_page(trends, runs, trend_document(trends, runs), effects=False), folder / "trend.html")
    bad = hostile_runs(folder / "bad")
    save_page(compared_page(bad, comparison_document(bad)), folder / "hostile.html")
    return {file.stem: file for file in folder.glob("*.html")}


def opened(browser: Any, file: Path) -> Any:
    """The browser with that page, all figures drawn, whatever was there before."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    complaints(browser)
    requests(browser)
    return show(browser, file)


def quiet(browser: Any, file: Path) -> None:
    """Nothing was complained of, and nothing fetched but the file."""
    assert complaints(browser) == []
    assert {*requests(browser)} <= {file.as_uri()}


@pytest.mark.parametrize("name", ["compared", "trend"])
def test_a_page_is_whole_at_any_width_and_in_both_themes(
    browser: Any, files: dict[str, Path], name: str
) -> None:
    """Every figure is drawn; axe-core finds no serious fault with all rows open, dark, light and on a
    phone."""
    page = opened(browser, files[name])
    first = page.find_element(By.CSS_SELECTOR, ".drawing").get_attribute("id")
    light = picture(page, first)
    assert len(light.getcolors(2**24) or []) > 20
    page.find_element(By.CSS_SELECTOR, ".expand").click()
    page.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert faults(page) == []
    page.execute_script("document.getElementById('theme').click()")
    assert brightness(picture(page, first)) < 80 < brightness(light)
    assert faults(page) == []
    page.execute_script("document.getElementById('theme').click()")
    width(page, 360)
    assert sideways(page) == []
    assert faults(page) == []
    quiet(page, files[name])


def test_a_comparison_is_sorted_filtered_and_searched(browser: Any, files: dict[str, Path]) -> None:
    """Changes sort by ratio, verdicts narrow the table, words are searched in every cell and reason."""
    page = opened(browser, files["compared"])
    next(
        button for button in page.find_elements(By.CSS_SELECTOR, "button.by") if button.text == "change"
    ).click()
    changes = rows(page, "change")
    assert changes[0] == "1.11x faster" and changes[-1] == "3.00x slower"
    for box in page.find_elements(By.CSS_SELECTOR, ".verdicts input"):
        if box.get_attribute("value") != "slower":
            box.click()
    assert rows(page, "variant") == ["quick"]
    page.execute_script("document.querySelector('.controls .reset').click()")
    page.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("invocations few")
    assert rows(page, "case") == ["few"]
    quiet(page, files["compared"])


def test_a_trend_is_drawn_when_it_is_opened(browser: Any, files: dict[str, Path]) -> None:
    """Trends without a change wait in a list; one opens by key, and then has a figure with its levels."""
    page = opened(browser, files["trend"])
    folded = page.find_element(By.CSS_SELECTOR, "details.later")
    drawing = folded.find_element(By.CSS_SELECTOR, ".drawing")
    empty = "return arguments[0].childElementCount === 0"
    assert page.execute_script(empty, drawing)
    folded.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    name = drawing.get_attribute("id")
    assert page.execute_async_script(
        """const [drawing, done] = arguments;
           const look = () => drawing.childElementCount ? done(true) : requestAnimationFrame(look);
           look();""",
        drawing,
    )
    assert len(picture(page, name).getcolors(2**24) or []) > 10
    assert "2026-03-01" in hovered(page, "trend-0")
    quiet(page, files["trend"])


def test_hostile_names_do_nothing(browser: Any, files: dict[str, Path]) -> None:
    """They are shown as text, where the pointer is, too; nothing runs, nothing is fetched, nothing is too
    wide."""
    page = opened(browser, files["hostile"])
    title = page.title
    assert HOSTILE[0][:30] in " ".join(page.find_element(By.TAG_NAME, "main").text.split())
    assert "<img src=x" in hovered(page, "forest-0")
    assert page.execute_script("return document.querySelectorAll('img').length") == 0
    assert page.title == title and "pwned" not in title.replace(HOSTILE[0], "").replace(HOSTILE[2], "")
    width(page, 360)
    assert sideways(page) == []
    quiet(page, files["hostile"])
