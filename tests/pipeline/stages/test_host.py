"""Tracks of several participants in one stage."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.job import PIECES, Go, Job
from tacit.pipeline.stages.audio import AudioStage
from tacit.pipeline.stages.emitter import Emitter
from tacit.pipeline.stages.face import FaceStage
from tacit.pipeline.stages.host import StageHost, join_sound, open_host
from tacit.pipeline.stages.reports import OUTLINE, REST
from tacit.stream.mediafile import audio_packets, video_packets
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet
from tests.fakes.stage_runs import job


def sound(participant: str, k: int, kind: str = "media") -> Packet:
    t_ns = k * 20 * NS_PER_MS
    data = np.full(320, k, np.float32)
    return Packet(kind, "audio", participant, "mic", 0, k, t_ns, 20 * NS_PER_MS, t_ns, data)


class Track:
    opened: ClassVar[list[str]] = []
    closed: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name, self.emitter = name, Emitter("audio", name, 0)
        self.opened.append(name)

    def push(self, media: Packet) -> Iterator[Packet]:
        yield self.emitter.packet("feature", media)

    def end(self) -> Iterator[Packet]:
        yield self.emitter.end(0)

    def close(self) -> None:
        self.closed.append(self.name)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> StageHost:
    monkeypatch.setattr(Track, "opened", [])
    monkeypatch.setattr(Track, "closed", [])
    return StageHost(lambda first: Track(first.participant), most=2)


def test_each_participant_has_a_track_from_the_first_piece_to_the_last(host: StageHost) -> None:
    for k in range(3):
        for name in ("a", "b"):
            (out,) = host.take(sound(name, k))
            assert (out.participant, out.seq) == (name, k)
    (end,) = host.take(sound("a", 3, "end"))
    assert (end.kind, end.participant) == ("end", "a")
    assert Track.opened == ["a", "b"]
    assert Track.closed == ["a"]
    assert list(host.take(sound("nobody", 0, "end"))) == []
    host.close()
    assert Track.closed == ["a", "b"]


def test_a_track_that_nobody_ended_makes_room_when_it_is_idle_longest(host: StageHost) -> None:
    for name in ("a", "b", "a", "c"):
        list(host.take(sound(name, 0)))
    assert Track.closed == ["b"]
    assert len(host) == 2


def test_sound_that_waited_together_is_joined_and_nothing_else() -> None:
    batch = [
        *(sound("a", k) for k in (0, 1)),
        sound("b", 0),
        *(sound("a", k) for k in (2, 5, 6)),
        sound("a", 7, "end"),
    ]
    joined = join_sound(batch)
    spans = [(p.participant, p.kind, p.t_capture_ns, p.data.size) for p in joined]
    ms = 20 * NS_PER_MS
    assert spans == [
        ("a", "media", 0, 960),
        ("b", "media", 0, 320),
        ("a", "media", 5 * ms, 640),
        ("a", "end", 7 * ms, 320),
    ]
    assert [p.meta.get(PIECES, 1) for p in joined] == [3, 1, 2, 1]
    assert joined[0].duration_ns == 3 * ms
    assert set(joined[0].data) == {0.0, 1.0, 2.0}


@pytest.mark.media
def test_live_sound_gives_what_a_recording_gives(sample: Path) -> None:
    whole = list(islice(AudioStage(job(sample)).packets(Go()), 101))
    host = open_host("audio", Job(settings=Settings(asr="off"), live=1), 1)
    live: list[Packet] = []
    for packet in audio_packets(sample):
        if packet.t_capture_ns > 2 * NS_PER_S:
            break
        live += host.take(packet)
    for one, other in zip(live, whole, strict=False):
        assert one.meta == other.meta
        np.testing.assert_array_equal(one.data, other.data)
    assert len(live) == 101


@pytest.mark.media
def test_live_pictures_give_what_a_recording_gives_and_an_outline_if_asked(sample: Path) -> None:
    whole = list(islice(FaceStage(job(sample)).packets(Go()), 31))
    host = open_host("face", Job(settings=Settings(asr="off"), live=1), 1)
    live: list[Packet] = []
    for packet in video_packets(sample):
        if packet.t_capture_ns > NS_PER_S:
            break
        asked = Packet(**{f: getattr(packet, f) for f in packet.__slots__} | {"meta": {OUTLINE: 1}})
        live += host.take(asked)
    outlines: list[Any] = [p.meta[OUTLINE] for p in live if OUTLINE in p.meta]
    assert len(outlines) == sum(bool(p.data.size) for p in live) == 11
    assert all(0 < x < 1 and 0 < y < 1 for points in outlines for x, y in points)
    for one, other in zip(live, whole, strict=False):
        assert {k: v for k, v in one.meta.items() if k != OUTLINE} == other.meta
        np.testing.assert_array_equal(one.data, other.data)
    host.close()


@pytest.mark.media
def test_a_rested_face_is_read_half_as_often(sample: Path) -> None:
    host = open_host("face", Job(settings=Settings(asr="off"), live=1), 1)
    read = 0
    for packet in video_packets(sample):
        if packet.t_capture_ns >= 2 * NS_PER_S:
            break
        asked = Packet(**{f: getattr(packet, f) for f in packet.__slots__} | {"meta": {REST: True}})
        read += sum(bool(p.data.size) for p in host.take(asked))
    host.close()
    assert 9 <= read <= 11
