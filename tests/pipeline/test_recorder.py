import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcap.reader import make_reader

from tacit.pipeline.events import to_json_line
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.recorder import Recorder, RecordOptions, facts_of
from tacit.pipeline.session_format import SessionFacts, is_input, unpack_input
from tacit.stream.errors import RecordingError
from tacit.stream.limits import MAX_ATTACHMENT_BYTES
from tacit.stream.packet import Packet
from tacit.stream.recording import EnclosedFile, Entry, RecordingWriter
from tacit.stream.recording_reader import RecordingReader
from tests.fakes.small_session import IDENTITY, SETUP, facts, packets, record_small, run


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
