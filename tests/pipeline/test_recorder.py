import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcap.reader import make_reader

from tacit.pipeline.events import Event, MeasurementResult, to_json_line
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.recorded import RecordedSession, read_facts
from tacit.pipeline.recorder import RESUMED, STOPPED, Recorder, RecordOptions, facts_of
from tacit.pipeline.session_format import SessionFacts, is_input, unpack_input
from tacit.pipeline.sessions import load_session
from tacit.pipeline.verify import verify
from tacit.stream.errors import RecordingError
from tacit.stream.limits import MAX_ATTACHMENT_BYTES
from tacit.stream.packet import NS_PER_MS, Packet
from tacit.stream.recording import EnclosedFile, Entry, RecordingWriter
from tacit.stream.recording_reader import RecordingReader
from tests.fakes.small_disk import small_disk
from tests.fakes.small_session import (
    IDENTITY,
    SETUP,
    SmallPredictor,
    facts,
    packets,
    play,
    record_small,
    run,
)


def entries(path: Path) -> list[Entry]:
    return [r for r in RecordingReader(path) if isinstance(r, Entry)]


def test_packets_come_back_bit_for_bit_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    record_small(path)
    found = [unpack_input(e) for e in entries(path) if is_input(e)]
    kept = [p for p in found if isinstance(p, Packet)]
    given = list(packets(4.0))
    assert len(kept) == len(given)
    for a, b in zip(kept, given, strict=True):
        for name in ("kind", "modality", "seq", "t_capture_ns", "duration_ns", "t_available_ns"):
            assert getattr(a, name) == getattr(b, name)
        assert a.meta == b.meta
        assert a.data.dtype == b.data.dtype
        assert a.data.tobytes() == b.data.tobytes()


def test_a_standard_reader_finds_topics_and_events_that_keep_to_their_schema(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.mcap"
    events = record_small(path)
    found, topics = [], set()
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            topics.add(channel.topic)
            if schema is not None and schema.name not in ("tacit.HubInput", "tacit.Checkpoint"):
                assert json.loads(schema.data)["type"] == "object"
                jsonschema.validate(json.loads(message.data), json.loads(schema.data))
                found.append(message.data.decode())
        file.seek(0)
        (metadata,) = make_reader(file).iter_metadata()
    assert found == [to_json_line(e) for e in events]
    assert {
        *("/p1/audio/features", "/p1/face/features", "/p1/text/features", "/p1/text/transcript"),
        *("/health", "/results", "/clock", "/checkpoint", "/session/ready", "/session/closed"),
    } <= topics
    assert metadata.metadata["participant"] == "p1"
    assert "weights" not in json.loads(metadata.metadata["settings"])


def test_the_session_goes_on_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(RecordOptions(tmp_path / "s.mcap"))
    recorder.begin(facts(), None)

    def full(*_: object, **__: object) -> None:
        raise RecordingError("the disk is full")

    monkeypatch.setattr(RecordingWriter, "write", full)
    events = run(packets(4.0), recorder)
    recorder.close()
    assert recorder.failure == "the disk is full"
    assert [to_json_line(e) for e in events] == [to_json_line(e) for e in run(packets(4.0))]


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_disk_interrupts_the_recording_and_room_lets_it_go_on_in_a_new_file(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        first, second = disk.folder / "s.mcap", disk.folder / "s.2.mcap"
        recorder = Recorder(RecordOptions(first), retry_s=0.01)

        def feed() -> Iterator[Packet]:
            for number, packet in enumerate(packets(16.0)):
                if number == 200:
                    disk.fill()
                if number == 400:
                    wait_until(lambda: recorder.failure)
                    disk.clear()
                    wait_until(lambda: len(recorder.paths) == 2)
                yield packet

        recorder.begin(facts(), None)
        events, news = [], []
        for event in play(feed(), recorder):
            recorder.event(event)
            events.append(event)
            news += recorder.news()
        recorder.close()
        assert recorder.failure == ""
        assert [code for code, _ in news] == [STOPPED, RESUMED]
        assert str(second) in news[1][1]
        # The session noticed nothing.
        assert [to_json_line(e) for e in events] == [to_json_line(e) for e in run(packets(16.0))]
        before = verify(RecordedSession(first, SmallPredictor()))
        assert before.good
        assert before.problem
        assert_goes_on(second, events)


def assert_goes_on(second: Path, events: list[Event]) -> None:
    """The second file holds the rest of the events, and makes those anew that it can."""
    found = read_facts(second)
    assert (found.part, found.continues, found.participant) == (2, "s.mcap", "p1")
    kept = load_session(second).events
    assert kept[0].type == "session.ready"
    rest = [to_json_line(e) for e in events][-len(kept) + 1 :]
    assert [to_json_line(e) for e in kept[1:]] == rest
    whole_ms = found.start_ns // NS_PER_MS + 3500
    known = {e.window.end_ms: e for e in events if isinstance(e, MeasurementResult)}
    made = [
        e for e in RecordedSession(second, SmallPredictor()) if isinstance(e, MeasurementResult)
    ]
    assert made[0].window.end_ms * NS_PER_MS > found.start_ns
    equal = [e for e in made if e.window.end_ms > whole_ms]
    assert equal
    for event in equal:
        assert event.fused == known[event.window.end_ms].fused
    with pytest.raises(RecordingError, match="part 2 of a session"):
        verify(RecordedSession(second, SmallPredictor()))


def test_a_recording_that_never_began_leaves_no_file(tmp_path: Path) -> None:
    Recorder(RecordOptions(tmp_path / "s.mcap")).close()
    assert os.listdir(tmp_path) == []


def made_facts(media: Path, options: RecordOptions, weights: Path) -> SessionFacts:
    settings = SETUP.settings.model_copy(update={"weights": weights})
    setup = SessionSetup("s", "p1", media.name, settings, {"text": "no_weights"})
    return facts_of(setup, IDENTITY, options, media=media, inject="", duration_ns=4_000_000_000)


def test_facts_name_media_and_weights_by_hash(tmp_path: Path) -> None:
    for kind in ("audio", "face", "text", "fusion"):
        folder = tmp_path / "weights" / kind
        folder.mkdir(parents=True)
        fields: dict[str, Any] = {
            "kind": kind,
            "config": {},
            "data": [],
            "licence": "",
            "split": "",
            "seed": 0,
        }
        manifest = {"format": 1, "metrics": {}, "sha256": kind * 2, **fields}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    media = tmp_path / "clip.mp4"
    media.write_bytes(b"film")
    options = RecordOptions(tmp_path / "s.mcap", "study 7", "c-12", 90, media=True)
    found = made_facts(media, options, tmp_path / "weights")
    assert found.weights["face"] == "faceface"
    assert found.media_sha256 == hashlib.sha256(b"film").hexdigest()
    assert (found.purpose, found.consent, found.retention_days) == ("study 7", "c-12", 90)
    assert (found.media, found.media_bytes, found.duration_ms) == ("clip.mp4", 4, 4000)
    recorder = Recorder(options)
    recorder.begin(found, media)
    recorder.close()
    assert EnclosedFile("clip.mp4", "video/mp4", b"film") in list(RecordingReader(options.path))


def test_media_that_are_too_large_to_enclose_are_refused(tmp_path: Path) -> None:
    media = tmp_path / "clip.mp4"
    with media.open("wb") as file:
        file.truncate(MAX_ATTACHMENT_BYTES + 1)
    options = RecordOptions(tmp_path / "s.mcap", media=True)
    with pytest.raises(RecordingError, match="leave --media out"):
        made_facts(media, options, tmp_path)
