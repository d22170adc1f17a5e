"""The page in headless Chromium: it works, asks the network for nothing, has no complaint."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.report.page import ReportOptions, write_report
from tests.fakes.long_session import long_session

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(240)]

pytest.importorskip("plotly", reason="needs the extra research")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install)")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=SWITCHES, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(long_session(120, "<b>anna</b>"), out, ReportOptions(media=sample))
    return out


class Visit:
    """A page that was opened, with what it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_drawn_without_network_or_complaint(
    browser: Any, report: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900}
    with Visit(browser, report, viewport=size, color_scheme=scheme) as visit:
        assert {url.split(":")[0] for url in visit.asked} == {"file"}
        assert visit.complaints == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        lines = visit.page.locator(".timeline .scatterlayer .js-line")
        assert lines.count() == 9 * 3  # nine rows, in two places of which nothing was measured
        hatched = visit.page.locator(".timeline pattern")
        assert hatched.count() >= 2
        assert "<b>anna</b>" in visit.page.inner_text(".facts")


def test_a_word_a_time_and_the_chart_lead_to_their_moment(browser: Any, report: Path) -> None:
    with Visit(browser, report, viewport={"width": 1400, "height": 900}) as visit:
        page = visit.page
        player = page.locator("#player")
        page.click(".transcript li:nth-child(1) button")
        sync_api.expect(player).to_have_js_property("currentTime", 2, timeout=PATIENCE_MS)
        page.click(".transcript li:nth-child(2) button")
        assert page.inner_text("#clock") == "0:12.0"
        assert "frozen" not in page.inner_text(".sensors-now")
        page.click(".dropouts tr:has-text('Face') button >> nth=0")
        page.keyboard.press("Tab")
        assert page.inner_text("#clock") == "0:12.0"
        page.focus("#moment")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#clock") == "0:12.5"
        assert "the picture was frozen" in page.inner_text(".sensors-now")
        timeline = page.locator(".timeline")
        middle = timeline.bounding_box()["width"] / 2
        timeline.click(position={"x": middle, "y": 30})
        sync_api.expect(page.locator("#clock")).to_have_text(
            re.compile("^(0:5|1:0)"), timeout=PATIENCE_MS
        )
        assert visit.complaints == []


def test_looking_closer_shows_every_window(browser: Any, tmp_path: Path) -> None:
    out = tmp_path / "hour.html"
    write_report(long_session(1800), out)
    with Visit(browser, out, viewport={"width": 1400, "height": 900}) as visit:
        hint = visit.page.locator(".resolution")
        assert "stands for 8 windows" in hint.inner_text()
        visit.page.evaluate(
            "Plotly.relayout(document.querySelector('.timeline'),"
            " {'xaxis.range': ['2000-01-01 00:01:00', '2000-01-01 00:02:00']})"
        )
        sync_api.expect(hint).to_have_text("", timeout=PATIENCE_MS)
        assert visit.complaints == []


def test_it_prints_on_white_with_all_its_text(browser: Any, report: Path, tmp_path: Path) -> None:
    with Visit(browser, report, color_scheme="dark") as visit:
        visit.page.pdf(path=str(tmp_path / "report.pdf"))
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        paper = "getComputedStyle(document.body).backgroundColor"
        assert visit.page.evaluate(paper) == "rgb(255, 255, 255)"
        visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert visit.page.evaluate(paper) != "rgb(255, 255, 255)"
        assert visit.complaints == []
