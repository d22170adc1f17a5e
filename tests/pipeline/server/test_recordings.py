"""Sessions that the server keeps, with real workers and real files."""

import asyncio
import datetime
import stat
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.events import MeasurementResult
from tacit.pipeline.job import Job
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.predictors import InlinePredictor
from tacit.pipeline.recorded import RecordedSession, read_facts
from tacit.pipeline.runner import replay
from tacit.pipeline.server.recordings import RecordingRules, purge_expired
from tacit.pipeline.sessions import load_session
from tacit.pipeline.verify import verify
from tests.fakes.served import TERMS, Client, Running, idle, messages, running, serving
from tests.fakes.small_session import record_small

__all__ = ["running"]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

KEPT = {"source": "sample", "record": "features", **TERMS}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def started(client: Client) -> str:
    status, made = await client.call("POST", "/api/sessions", json=KEPT)
    assert status == 201
    assert made["recording"] == {"content": "features", "state": "recording"}
    return str(made["session_id"])


def test_a_session_is_kept_when_asked_and_everybody_can_see_that(
    running: Running, tmp_path: Path
) -> None:
    async def run() -> None:
        rules = RecordingRules(tmp_path, 7)
        async with (
            serving(running, recording=rules) as client,
            client.http.ws_connect("/ws") as socket,
        ):
            name = await started(client)
            (told,) = await messages(socket, "view.recording", 1)
            assert (told["session_id"], told["state"]) == (name, "recording")
            await messages(socket, "measurement.result", 3)
            async with client.http.ws_connect(f"/ws?session={name}") as late:
                (told,) = await messages(late, "view.recording", 1)
                assert told["content"] == "features"
            await client.call("DELETE", f"/api/sessions/{name}")
            await messages(socket, "session.closed", 1)
            (told,) = await messages(socket, "view.recording", 1)
            assert told["state"] == "ended"
            _, shown = await client.call("GET", f"/api/sessions/{name}")
            assert shown["recording"]["state"] == "ended"

    asyncio.run(run())
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    facts = read_facts(path)
    assert (facts.participant, facts.purpose, facts.consent) == ("p1", "demo", "asked-1")
    assert (facts.retention_days, facts.media) == (7, "")
    assert any(isinstance(e, MeasurementResult) for e in load_session(path).events)
    settings = Settings(asr="off")
    verdict = verify(RecordedSession(path, InlinePredictor(Job(settings=settings)), settings))
    assert verdict.good, verdict
    assert verdict.problem == ""


def test_sound_and_pictures_are_kept_when_both_sides_want_it(
    running: Running, tmp_path: Path
) -> None:
    async def run() -> None:
        rules = RecordingRules(tmp_path, media=True)
        async with (
            serving(running, recording=rules) as client,
            client.http.ws_connect("/ws") as socket,
        ):
            asked = KEPT | {"record": "media"}
            _, made = await client.call("POST", "/api/sessions", json=asked)
            assert made["recording"] == {"content": "media", "state": "recording"}
            (told,) = await messages(socket, "view.recording", 1)
            assert told["content"] == "media"
            await messages(socket, "measurement.result", 4)
            await client.call("DELETE", f"/api/sessions/{made['session_id']}")
            await messages(socket, "view.recording", 1)

    asyncio.run(run())
    (path,) = tmp_path.iterdir()
    # What was shown was recorded: the same face and voice are read from the file again.
    settings = Settings(asr="off")
    with replay(ReplayRequest(path, settings, inline=True)) as session:
        events = list(session)
    results = [e for e in events if isinstance(e, MeasurementResult)]
    for modality in ("face", "audio"):
        assert any(r.modalities[modality].source == "measured" for r in results)
    known = [e for e in load_session(path).events if isinstance(e, MeasurementResult)]
    assert len(results) == pytest.approx(len(known), abs=4)


def test_withdrawn_consent_deletes_the_file(running: Running, tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(running, recording=RecordingRules(tmp_path)) as client:
            name = await started(client)
            assert len(names(tmp_path)) == 1
            _, answer = await client.call("POST", f"/api/sessions/{name}/withdraw")
            assert "recording" in answer["deleted"]
            assert names(tmp_path) == []

    asyncio.run(run())


def test_a_server_that_stops_completes_the_files(running: Running, tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(running, recording=RecordingRules(tmp_path)) as client:
            await started(client)

    asyncio.run(run())
    (path,) = tmp_path.iterdir()
    assert load_session(path).metadata["file_end"] == "complete"


@pytest.mark.parametrize(
    ("changes", "allowed", "code"),
    [
        ({}, False, "recording_off"),
        ({"consent": ""}, True, "consent_needed"),
        ({"record": "everything"}, True, "bad_request"),
        ({"record": "media"}, True, "recording_off"),
        ({}, True, "starting"),
    ],
)
def test_nothing_is_kept_unasked_or_without_consent(
    tmp_path: Path, changes: dict[str, Any], allowed: bool, code: str
) -> None:
    async def run() -> None:
        rules = RecordingRules(tmp_path) if allowed else None
        async with serving(idle(), recording=rules) as client:
            _, answer = await client.call("POST", "/api/sessions", json=KEPT | changes)
            assert answer["error"]["code"] == code
            _, info = await client.call("GET", "/api/info")
            assert info["recording"]["offered"] == (["features"] if allowed else [])
        assert names(tmp_path) == []

    asyncio.run(run())


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(idle(), recording=RecordingRules(tmp_path / "gone")) as client:
            status, answer = await client.call("POST", "/api/sessions", json=KEPT)
            assert (status, answer["error"]["code"]) == (507, "recording_failed")
            assert "gone" in answer["error"]["message"]

    asyncio.run(run())


def test_sessions_past_their_days_are_deleted(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    old = (now - datetime.timedelta(days=3)).isoformat(timespec="seconds")
    record_small(tmp_path / "old.mcap", created_utc=old, retention_days=2)
    record_small(tmp_path / "kept.mcap", created_utc=old, retention_days=4)
    record_small(tmp_path / "odd.mcap", created_utc="once", retention_days=4)
    (problem,) = purge_expired(tmp_path)
    assert "once" in problem
    assert names(tmp_path) == ["kept.mcap", "odd.mcap"]
