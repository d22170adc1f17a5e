"""The whole page in Chromium, on a server that runs, with a face and a voice from a real clip."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.browser import PATIENCE_MS, Visit, chromium, fake_devices
from tests.fakes.serving import Serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.media,
    pytest.mark.timeout(400),
]

READ = re.compile("Expressed: |No emotion claimed")
WIDE = {"viewport": {"width": 1400, "height": 1600}}
NARROW = {"viewport": {"width": 400, "height": 900}}


@pytest.fixture(scope="module")
def clip(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A speaking face as a fake camera plays it, frozen from its sixth second to its 14th."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg (apt-get install ffmpeg)")
    folder, source = tmp_path_factory.mktemp("fake"), data_root / "media" / "retalk_face1.mp4"
    picture, sound = folder / "face.y4m", folder / "voice.wav"
    freeze = "scale=480:-2,crop=480:360,fps=15,tpad=stop_mode=clone:stop_duration=8"
    make = ["ffmpeg", "-v", "error", "-i", str(source), "-t", "14"]
    subprocess.run([*make, "-vf", freeze, "-pix_fmt", "yuv420p", str(picture)], check=True)
    loop = ["ffmpeg", "-v", "error", "-stream_loop", "2", "-i", str(source), "-t", "14"]
    subprocess.run([*loop, "-vn", "-ac", "1", "-ar", "48000", str(sound)], check=True)
    return picture, sound


@pytest.fixture(scope="module")
def with_devices(playwright: Any, clip: tuple[Path, Path]) -> Iterator[Any]:
    with chromium(playwright, fake_devices(*clip)) as browser:
        yield browser


def opened(browser: Any, server: Serving, **context: Any) -> Visit:
    visit = Visit(browser, server.url, **context)
    visit.page.wait_for_selector("html[data-state=idle]")
    return visit


def start(visit: Visit, source: str) -> None:
    page = visit.page
    page.check(f"input[value={source}]")
    if source != "sample":
        page.select_option("[name=purpose]", "test")
        page.check("[name=consent]")
    page.click("button.main")
    page.wait_for_selector("html[data-state=live]")
    read = page.locator(".claim", has_text=READ)
    read.wait_for(timeout=PATIENCE_MS)


def sensor(visit: Visit, modality: str, state: str) -> None:
    visit.page.wait_for_selector(f"[data-sensor={modality}][data-state={state}]")


def latest_ms(visit: Visit) -> int:
    return int(visit.page.get_attribute("live-view", "data-end-ms"))


def accessible(visit: Visit) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe").Axe()
    # The chart is one picture with words of its own; its thousand shapes would take a minute.
    report = axe.run(visit.page, context={"exclude": [[".chart"]]}).response
    bad = [v for v in report["violations"] if v["impact"] in {"serious", "critical"}]
    assert bad == [], [(v["id"], [n["target"] for n in v["nodes"]]) for v in bad]


def test_from_consent_to_a_reading_of_a_real_face_and_back(
    with_devices: Any, server: Serving
) -> None:
    with opened(with_devices, server, **WIDE) as visit:
        page = visit.page
        assert page.is_hidden("analysis-badge")
        start(visit, "webrtc")
        assert "is being analysed" in page.inner_text("analysis-badge")
        page.wait_for_selector("face-view polygon[visibility=visible]", state="attached")
        # The picture freezes by itself: the light says so, and readings go on from the voice.
        sensor(visit, "face", "lost")
        assert "frozen" in page.inner_text("[data-sensor=face] .state")
        for _ in range(3):
            page.wait_for_selector(f"live-view:not([data-end-ms='{latest_ms(visit)}'])")
        assert "From voice" in page.inner_text(".claim-basis")
        # What is lost is guessed and marked, unless this machine is too busy and says so.
        marked = page.locator(".guess-note:visible, problem-line .remark")
        marked.first.wait_for(timeout=PATIENCE_MS)
        accessible(visit)
        sensor(visit, "face", "ok")
        page.click("text=Stop and delete")
        page.wait_for_selector("html[data-state=idle]")
        assert page.is_visible("start-form")
        left = server.get("api/sessions")["sessions"]
        assert [s for s in left if s["state"] != "ended"] == []
        assert visit.complaints == []
        own = server.url.split("//")[1].rstrip("/")
        assert {url.split("/")[2] for url in visit.asked if "//" in url} == {own}


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_used_by_everybody(
    browser: Any, server: Serving, size: dict[str, Any], scheme: str, tmp_path: Path
) -> None:
    with opened(browser, server, color_scheme=scheme, **size) as visit:
        page = visit.page
        width = size["viewport"]["width"]
        assert page.evaluate("document.documentElement.scrollWidth") == width
        accessible(visit)
        start(visit, "sample")
        page.locator("session-timeline").scroll_into_view_if_needed()
        page.wait_for_selector("session-timeline .main-svg", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if size is WIDE:
            accessible(visit)
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        # A phone that is turned: the chart is out of sight then, and is not drawn anew.
        page.evaluate("scrollTo(0, 0)")
        page.set_viewport_size({"width": 360, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.click("analysis-badge button:text-is('Stop')")
        page.wait_for_selector("html[data-state=idle]")
        assert visit.complaints == []


def test_each_button_breaks_its_sensor_and_mends_it(browser: Any, server: Serving) -> None:
    # As `tacit demo` opens it: the sample begins by itself.
    with Visit(browser, server.url + "?demo", **WIDE) as visit:
        page = visit.page
        page.wait_for_selector("html[data-state=live]")
        for modality, state in (("face", "lost"), ("audio", "muted")):
            sensor(visit, modality, "ok")
            page.click(f"[data-sensor={modality}] button")
            sensor(visit, modality, state)
            page.click(f"[data-sensor={modality}] button")
        assert visit.complaints == []


def test_it_can_be_started_and_stopped_by_keyboard(browser: Any, server: Serving) -> None:
    with opened(browser, server, **WIDE) as visit:
        page = visit.page
        page.focus("input[value=webrtc]")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-state=live]")
        page.focus("analysis-badge button >> nth=0")
        page.keyboard.press("Space")
        page.wait_for_selector("html[data-state=idle]")
        assert page.evaluate("document.activeElement.textContent") == "Start"


def test_a_recording_is_read_and_its_end_is_told(
    browser: Any, server: Serving, sample: Path
) -> None:
    with opened(browser, server, **WIDE) as visit:
        page = visit.page
        page.check("input[value=upload]")
        page.set_input_files("[name=file]", sample)
        start(visit, "upload")
        page.wait_for_selector("html[data-state=closed]")
        assert page.inner_text("analysis-badge .on-air") == "It has ended."
        assert page.locator("sensor-lights button:visible").count() == 0
        page.click("text=Start another")
        assert page.is_visible("start-form")


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        (
            ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
            "Allow both for this page",
        ),
        (["--use-fake-ui-for-media-stream"], "Neither a camera nor a microphone was found"),
    ],
    ids=["denied", "none"],
)
def test_without_camera_and_microphone_it_says_what_to_do(
    playwright: Any, server: Serving, switches: list[str], says: str
) -> None:
    if says.startswith("Neither") and any(Path("/dev").glob("video*")):
        pytest.skip("needs a machine without a camera")
    with chromium(playwright, switches) as browser, opened(browser, server, **WIDE) as visit:
        page = visit.page
        page.select_option("[name=purpose]", "test")
        page.check("[name=consent]")
        page.click("button.main")
        problem = page.locator("problem-line .problem")
        problem.wait_for(timeout=PATIENCE_MS)
        assert says in problem.inner_text()
        assert page.is_visible("start-form")
        assert page.is_enabled("button.main")
