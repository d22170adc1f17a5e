"""Tacit inside another program, with its real workers."""

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.pipeline import Recognizer, SyncRecognizer
from tacit.pipeline.config import Settings
from tacit.pipeline.consent import ConsentError
from tacit.stream.errors import LocalError
from tacit.stream.mediafile import audio_packets, video_packets
from tests.fakes.peers import ClipTrack

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SETTINGS = Settings(asr="off")
WAIT_S = 120


def measured(event: Any) -> set[str]:
    if event.type != "measurement.result":
        return set()
    return {m for m, reading in event.modalities.items() if reading.source == "measured"}


def test_tracks_are_read_as_events_for_each_participant(sample: Path) -> None:
    async def run() -> None:
        async with Recognizer.open(SETTINGS, purpose="call", consent="asked") as recognizer:
            tracks = [ClipTrack(sample, kind) for kind in ("audio", "video", "audio")]
            whole: dict[str, set[str]] = {"p1": set(), "p2": set()}
            sessions: dict[str, str] = {}
            closed: list[str] = []
            async with asyncio.timeout(WAIT_S):
                events = recognizer.events()
                waiting = asyncio.ensure_future(anext(events))
                await asyncio.sleep(0)
                recognizer.attach(tracks[0], participant="p1")
                recognizer.attach(tracks[1], participant="p1")
                recognizer.attach(tracks[2], participant="p2")
                event = await waiting
                while True:
                    if event.type == "session.ready":
                        (name,) = event.participants  # type: ignore[attr-defined]
                        sessions[event.session_id] = name
                    found = measured(event)
                    if found:
                        whole[event.participant] |= found  # type: ignore[attr-defined]
                    if whole == {"p1": {"audio", "face"}, "p2": {"audio"}} and not closed:
                        closed.append("asked")
                        asyncio.ensure_future(recognizer.detach("p2"))  # noqa: RUF006
                    if event.type == "session.closed":
                        closed.append(sessions[event.session_id])
                        break
                    event = await anext(events)
            assert closed == ["asked", "p2"]
            assert set(sessions.values()) == {"p1", "p2"}
            for track in tracks:
                track.stop()

    asyncio.run(run())


def test_closing_ends_those_who_wait_for_events(sample: Path) -> None:
    async def run() -> list[str]:
        recognizer = Recognizer.open(SETTINGS)
        await recognizer.__aenter__()
        kinds: list[str] = []

        async def listen() -> None:
            kinds.extend([event.type async for event in recognizer.events()])

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.01)
        recognizer.push_frame(np.zeros((48, 64, 3), np.uint8))
        await recognizer.close()
        await asyncio.wait_for(listening, 20)
        return kinds

    kinds = asyncio.run(run())
    assert kinds[0] == "session.ready"
    assert kinds[-1] == "session.closed"


def test_the_plain_recognizer_takes_what_is_pushed(sample: Path) -> None:
    sounds = list(audio_packets(sample))[:150]
    pictures = [p for p in video_packets(sample) if p.t_end_ns < 3_000_000_000]
    with SyncRecognizer.open(SETTINGS) as recognizer:
        found: set[str] = set()
        begin_ns = time.monotonic_ns()
        for packet in sorted([*sounds, *pictures], key=lambda p: p.t_end_ns):
            time.sleep(max(0, begin_ns + packet.t_end_ns - time.monotonic_ns()) / 1e9)
            if packet.modality == "audio":
                recognizer.push_audio(packet.data, packet.t_capture_ns)
            else:
                recognizer.push_frame(packet.data, packet.t_capture_ns)
            for event in recognizer.events(timeout_s=0):
                found |= measured(event)
        recognizer.detach()
        rest = list(recognizer.events(timeout_s=1.0))
        for event in rest:
            found |= measured(event)
        assert found == {"audio", "face"}
        assert rest[-1].type == "session.closed"


def test_what_cannot_be_read_is_refused_where_it_is_pushed() -> None:
    recognizer = SyncRecognizer.open(SETTINGS)
    bad_sounds: list[Any] = [
        np.zeros(320, np.int16),
        np.zeros((2, 320), np.float32),
        np.zeros(0, np.float32),
    ]
    for sound in bad_sounds:
        with pytest.raises(LocalError, match="float32 samples"):
            recognizer.push_audio(sound)
    bad_pictures: list[Any] = [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((4000, 64, 3), np.uint8),
    ]
    for picture in bad_pictures:
        with pytest.raises(LocalError, match="uint8"):
            recognizer.push_frame(picture)


def test_prohibited_purposes_are_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ConsentError, match="AI Act"):
        Recognizer.open(SETTINGS, purpose="workplace", consent="c1")
    with pytest.raises(ConsentError, match="consent"):
        SyncRecognizer.open(SETTINGS, purpose="demo", consent="")
    reason = ("safety", "drowsiness of the crane's driver")
    Recognizer.open(SETTINGS, purpose="workplace", consent="c1", exception=reason)
