import time
from pathlib import Path

import pytest

from tacit.pipeline.live.engine import Opening
from tacit.pipeline.live.taping import recorded_opening
from tacit.pipeline.media_recorder import MediaRecorder
from tacit.pipeline.recorded import read_facts
from tacit.pipeline.recorder import MEDIA_FACTS, Recorder, RecordOptions
from tacit.pipeline.sessions import FILE_END, load_session
from tacit.stream.packet import NS_PER_MS
from tacit.stream.recorded_media import picture_packets, sound_packets
from tacit.stream.recording import Facts
from tacit.stream.recording_reader import RecordingReader
from tests.fakes.live import VirtualLive

SECONDS = 3


def wait_until_encoded(media: MediaRecorder) -> None:
    deadline = time.monotonic() + 60
    while any(c.kept < c.offered for c in media.counts().values()):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def taped(path: Path, *, media: bool) -> Recorder:
    """A live session in virtual time, recorded."""
    recorder = Recorder(RecordOptions(path, media=media, patient=False))
    opening = recorded_opening(recorder, Opening("p1", "test", inject="face:black@1-2"), bool)
    live = VirtualLive()
    seat = live.open(opening=opening)
    for _ in range(SECONDS * 10):
        live.run(0.1)
        if recorder.media is not None:
            # Virtual time runs faster than any encoder.
            wait_until_encoded(recorder.media)
    seat.handle.end()
    live.run(1.0)
    for event in live.heard.by_session["s1"]:
        recorder.event(event)
    recorder.close()
    assert recorder.failure == ""
    return recorder


def test_what_the_sensors_gave_comes_back_at_its_times(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    taped(path, media=True)
    facts = read_facts(path)
    assert (facts.media_streams, facts.media_enclosed, facts.inject) == (
        *(True, False),
        "face:black@1-2",
    )
    sound, pictures = list(sound_packets(path)), list(picture_packets(path))
    assert [p.t_capture_ns for p in sound] == [k * 20 * NS_PER_MS for k in range(SECONDS * 50 + 1)]
    assert [p.t_capture_ns for p in pictures] == [k * 30 * NS_PER_MS for k in range(len(pictures))]
    assert len(pictures) == SECONDS * 1000 // 30
    assert {p.participant for p in sound + pictures} == {"p1"}
    assert float(sound[9].data.mean()) == pytest.approx(0.1, abs=1e-4)
    # Damage that was done on purpose is in the facts, not in the media.
    assert float(pictures[50].data.mean()) == pytest.approx(100, abs=3)
    session = load_session(path)
    assert session.metadata[FILE_END] == "complete"
    assert session.media == tmp_path / "s.media.mp4"
    (told,) = [r for r in RecordingReader(path) if isinstance(r, Facts) and r.name == MEDIA_FACTS]
    assert set(told.values) == {"audio", "face"}


def test_without_being_asked_no_media_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    recorder = taped(path, media=False)
    assert recorder.media is None
    assert not read_facts(path).media_streams
    assert not list(sound_packets(path))
    assert not list(picture_packets(path))
