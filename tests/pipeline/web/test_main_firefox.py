"""The page in Firefox: consent, WebRTC, a result, and nothing that its console complains of."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.firefox import FIREFOX, firefox
from tests.fakes.serving import Serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(FIREFOX is None, reason="needs Firefox (apt-get install firefox-esr)"),
]

AGREE = """(() => {
  document.querySelector("input[value=webrtc]").click();
  const purpose = document.querySelector("[name=purpose]");
  purpose.value = "test";
  purpose.dispatchEvent(new Event("change", { bubbles: true }));
  document.querySelector("[name=consent]").click();
  document.querySelector("button.main").click();
})()"""
STATE = "document.documentElement.dataset.state"


def test_from_consent_to_a_result_and_back(server: Serving, tmp_path: Path) -> None:
    async def run() -> None:
        profile = tmp_path / "profile"
        profile.mkdir()
        async with firefox(profile) as page:
            await page.open(server.url)
            await page.until(f"{STATE} === 'idle'")
            await page.run(AGREE)
            await page.until(f"{STATE} === 'live'")
            # The fake camera shows no face and the fake microphone a tone: both are said to be so.
            await page.until("document.querySelector('live-view').dataset.endMs")
            first = await page.run("document.querySelector('live-view').dataset.endMs")
            await page.until(f"document.querySelector('live-view').dataset.endMs !== '{first}'")
            await page.until("document.querySelector('[data-sensor=face]').dataset.state !== 'ok'")
            assert "no face" in await page.run(
                "document.querySelector('[data-sensor=face]').innerText"
            )
            await page.until("document.querySelector('session-timeline .main-svg') !== null")
            await page.screenshot(tmp_path / "firefox.png")
            await page.run("document.querySelector('analysis-badge button').click()")
            await page.until(f"{STATE} === 'idle'")
            assert page.complaints == []

    asyncio.run(run())
