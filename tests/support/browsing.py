"""A real browser for tests of pages: it opens files, says what they complained of and fetched, and what
axe-core finds.

Needs Chromium and ChromeDriver (``apt-get install chromium chromium-driver``) and Selenium.
"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

selenium = pytest.importorskip("selenium", reason="needs Selenium")
axe = pytest.importorskip("axe_core_python.selenium", reason="needs axe-core-python")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.actions.action_builder import ActionBuilder  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs Chromium and ChromeDriver: apt-get install chromium chromium-driver",
)

PATIENCE = 120.0
ITS_OWN = ("chrome:", "chrome-untrusted:", "chrome-search:", "devtools:")
"""How the addresses of the browser's own pages begin."""

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",    "--disable-component-update", "--disable-sync",
    "--window-size=1280,900", "--force-color-profile=srgb",
    "--disable-dev-shm-usage", "--force-prefers-reduced-motion",
)  # fmt: skip


def chromium(profile: Path) -> Any:
    """Chromium with a profile of its own; to be quit."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(service=Service(DRIVER), options=options)
    browser.set_script_timeout(PATIENCE)
    browser.set_page_load_timeout(PATIENCE)
    browser.get(
        "about:blank"
    )  # the browser's own first page is not to be going on when the first one of ours is shown
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    return browser


def show(browser: Any, file: Path) -> Any:
    """Open a file and wait until its figures are drawn."""
    browser.get(file.as_uri())
    WebDriverWait(browser, PATIENCE, 0.05).until(
        lambda driver: driver.execute_script("return document.documentElement.dataset.drawn") == "yes"
    )
    return browser


def complaints(browser: Any) -> list[str]:
    """Warnings and errors on the console."""
    return [
        entry["message"] for entry in browser.get_log("browser") if entry["level"] not in ("INFO", "DEBUG")
    ]


def requests(browser: Any) -> list[str]:
    """The address of everything that the browser set out to fetch, from a file or from anybody.

    Not what lies in the page itself, nor what the browser asks itself for, as for the cross of a search, nor
    what a page of its own asks anybody for.
    """
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = [each["request"]["url"] for each in sent if not each["documentURL"].startswith(ITS_OWN)]
    return [url for url in urls if not url.startswith(("data:", "blob:", *ITS_OWN))]


def rows(browser: Any, column: str) -> list[str]:
    """The words of a column in the rows that can be seen, from the top down."""
    found: list[str] = browser.execute_script(
        """const index = [...document.querySelectorAll("table.entries > thead th")].findIndex(
             (head) => head.textContent.trim() === arguments[0]);
           return [...document.querySelectorAll("table.entries > tbody")].filter((body) => !body.hidden)
             .map((body) => body.rows[0].cells[index].innerText.trim());""",
        column,
    )
    return found


def picture(browser: Any, name: str) -> Image.Image:
    """A figure as it is seen."""
    element = browser.find_element(By.ID, name)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    return Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")


def brightness(image: Image.Image) -> float:
    """The mean of all pixels, 0 to 255."""
    grey = image.convert("L").tobytes()
    return sum(grey) / len(grey)


def faults(browser: Any) -> list[str]:
    """What axe-core finds of accessibility faults, minor ones left out."""
    found = axe.Axe().run(browser)["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:200] for node in fault['nodes'][:3]]}"
        for fault in found
        if fault["impact"] != "minor"
    ]


def width(browser: Any, pixels: int) -> None:
    """Make the page as wide as a phone's screen, say."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )


def sideways(browser: Any, pixels: int = 360) -> list[str]:
    """What is wider than so narrow a screen, apart from what scrolls by itself."""
    wide: list[str] = browser.execute_script(
        """const most = arguments[0];
           const found = [...document.querySelectorAll("main *, header *")].filter((each) =>
             each.getBoundingClientRect().right > most + 1 && !each.closest(".scroll, .unseen, thead, pre"));
           if (document.documentElement.scrollWidth > most) found.push(document.documentElement);
           return found.slice(0, 5).map((each) => each.outerHTML.slice(0, 120));""",
        pixels,
    )
    return wide


def hovered(browser: Any, name: str) -> str:
    """What is said where the pointer is on the first mark of a figure."""
    figure = browser.find_element(By.ID, name)
    browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", figure)
    x, y = browser.execute_script(
        """const inside = (view) => view.model.renderers?.find((each) => each.glyph.type === "Scatter")
             ? view : (view.child_views ?? []).map(inside).find((each) => each);
           const view = inside([...Bokeh.index].find((each) => arguments[0].contains(each.el)));
           const { data } = view.model.renderers.find((each) => each.glyph.type === "Scatter").data_source;
           const { glyph } = view.model.renderers.find((each) => each.glyph.type === "Scatter");
           const box = view.el.getBoundingClientRect();
           return [view.frame.x_scale.compute(data[glyph.x.field][0]) + box.left,
                   view.frame.y_scale.compute(data[glyph.y.field][0]) + box.top];""",
        figure,
    )
    pointer = ActionBuilder(browser)
    pointer.pointer_action.move_to_location(round(x), round(y))
    pointer.perform()
    seen: str = WebDriverWait(browser, PATIENCE, 0.05).until(
        lambda driver: driver.execute_script(
            """const found = [];
               const walk = (node) => { for (const each of node.querySelectorAll("*")) {
                 if (each.classList.contains("tip")) found.push(each.textContent);
                 if (each.shadowRoot) walk(each.shadowRoot); } };
               walk(document);
               return found.join(" ");"""
        )
    )
    return seen
