"""tacit.js against a server that runs: connects, listens, breaks and mends, comes back, stops."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.browser import Visit, chromium
from tests.fakes.serving import Serving, serving

pytestmark = [pytest.mark.live, pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(400)]

REFUSED = """(async () => {
  const asked = [];
  const fetched = window.fetch;
  window.fetch = (...all) => { asked.push(String(all[0])); return fetched(...all); };
  try {
    await %s;
    return "accepted";
  } catch (error) {
    return { code: error.code, message: error.message, final: error.final, asked };
  } finally {
    window.fetch = fetched;
  }
})()"""
# A stream that no camera made: a canvas that changes and a tone.
STREAM = """(() => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  Object.assign(canvas, { width: 320, height: 240 });
  setInterval(() => {
    pen.fillStyle = `hsl(${Date.now() % 360} 50% 50%)`;
    pen.fillRect(0, 0, 320, 240);
  }, 50);
  const sound = new AudioContext(), tone = sound.createOscillator();
  const out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  return new MediaStream([...canvas.captureStream(20).getTracks(), ...out.stream.getTracks()]);
})()"""
TERMS = 'participant: "anna", purpose: "test", consent: "test"'


@pytest.fixture(scope="module")
def visit(playwright: Any, server: Serving) -> Iterator[Visit]:
    with (
        chromium(playwright, ["--allow-loopback-in-peer-connection"]) as browser,
        Visit(browser, server.url) as found,
    ):
        found.page.wait_for_selector("html[data-state=idle]")
        yield found


def state(server: Serving, session: str) -> str:
    return str(server.get(f"api/sessions/{session}")["state"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("{ stream: new MediaStream(), purpose: 'test' }", "consent_needed"),
        ("{ stream: new MediaStream(), consent: 'x' }", "purpose_needed"),
        ("{ stream: new MediaStream(), purpose: 'test', consent: 'x' }", "no_media"),
    ],
)
def test_without_terms_or_media_nothing_is_sent(visit: Visit, options: str, code: str) -> None:
    found = visit.run("tacit.js", REFUSED % f"m.Tacit.connect('/', {options})")
    assert (found["code"], found["asked"], found["final"]) == (code, [], True)


def test_what_the_law_forbids_is_refused_with_a_sentence(visit: Visit) -> None:
    play = "m.Tacit.play('/', { source: 'sample', purpose: 'workplace', consent: 'x' })"
    found = visit.run("tacit.js", REFUSED % play)
    assert found["code"] == "purpose_refused"
    assert found["final"]
    assert len(found["message"]) > 20


def test_a_server_that_is_not_there_is_named(visit: Visit) -> None:
    # The page's policy keeps it to its own server, so another one cannot be reached from here.
    found = visit.run("tacit.js", REFUSED % "m.Tacit.info('http://127.0.0.1:9/')")
    assert found["code"] == "unreachable"
    assert "127.0.0.1:9 doesn't answer" in found["message"]
    assert not found["final"]


def test_any_stream_is_read_broken_mended_and_stopped(visit: Visit, server: Serving) -> None:
    found = visit.run(
        "tacit.js",
        f"""(async () => {{
          const t = await m.Tacit.connect("/", {{ stream: {STREAM}, {TERMS} }});
          const once = (name, is) => new Promise(done => {{
            const stop = t.on(name, e => {{ if (is(e)) {{ stop(); done(e); }} }});
          }});
          const first = await once("measurement", () => true);
          await t.inject("audio", "mute");
          const muted = await once("health", e => e.modality === "audio" && e.state === "muted");
          await t.mend("audio");
          const back = await once("health", e => e.modality === "audio" && e.state !== "muted");
          const session = t.session, states = [];
          t.on("state", e => states.push(e.state));
          await t.close();
          return {{
            session, states, state: t.state, who: first.participant, back: back.participant,
            kinds: Object.keys(first.modalities).sort(), muted: muted.reason,
          }};
        }})()""",
    )
    assert found["who"] == found["back"] == "anna"
    assert found["kinds"] == ["audio", "face", "text"]
    assert found["muted"] == "silent"
    assert (found["states"], found["state"]) == (["closed"], "closed")
    assert state(server, found["session"]) == "ended"


def test_withdrawing_has_the_server_delete_what_it_keeps(visit: Visit, server: Serving) -> None:
    session, deleted = visit.run(
        "tacit.js",
        f"""(async () => {{
          const t = await m.Tacit.play("/", {{ source: "sample", {TERMS} }});
          const session = t.session;
          return [session, await t.withdraw()];
        }})()""",
    )
    assert "events" in deleted
    known = server.get(f"api/sessions/{session}")
    assert known.get("state", "ended") == "ended"


def test_it_comes_back_when_the_server_does(playwright: Any) -> None:
    with serving(ready=False) as first:
        port = re.search(r":(\d+)/", first.url)
        assert port is not None
        with chromium(playwright) as browser, Visit(browser, first.url) as visit:
            visit.run(
                "tacit.js",
                """(async () => {
                  const t = await m.Tacit.watch("/");
                  window.told = [];
                  t.on("state", e => window.told.push(e));
                  const show = () => { document.body.dataset.link = t.state; };
                  t.on("state", show);
                  show();
                })()""",
            )
            first.process.kill()
            first.process.wait()
            visit.page.wait_for_selector("body[data-link=reconnecting]")
            said = visit.page.evaluate("window.told[0].message")
            assert re.search(r"closed\. Trying again in \d s\.", said), said
            with serving(("--port", port.group(1)), ready=False):
                visit.page.wait_for_selector("body[data-link=live]")
