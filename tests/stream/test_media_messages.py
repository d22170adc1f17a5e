from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from mcap.reader import make_reader

from tacit.stream.errors import RecordingError
from tacit.stream.media_codecs import Unit
from tacit.stream.media_messages import media_of_entry, media_topic, pack_unit, unpack_unit
from tacit.stream.packet import NS_PER_S, Modality
from tacit.stream.recording import Entry, RecordingWriter
from tacit.stream.recording_reader import RecordingReader

T_NS = 3 * NS_PER_S + 7


def written(path: Path, modality: Modality) -> Path:
    writer = RecordingWriter(path)
    unit = Unit(T_NS, b"content")
    writer.write(media_topic(modality, "p1"), T_NS, pack_unit(modality, "p1", unit))
    writer.close()
    return path


@pytest.mark.parametrize(
    ("modality", "schema", "numbers"),
    [
        ("face", "foxglove.CompressedVideo", [1, 2, 3, 4]),
        ("audio", "tacit.CompressedAudio", [1, 2, 3, 4, 5]),
    ],
)
def test_any_reader_of_mcap_finds_the_schema(
    tmp_path: Path, modality: Modality, schema: str, numbers: list[int]
) -> None:
    path = written(tmp_path / "s.mcap", modality)
    with path.open("rb") as file:
        found = [m for m in make_reader(file).iter_messages() if m[1].topic != "/checkpoint"]
    ((described, channel, message),) = found
    assert described is not None
    assert (channel.topic, message.log_time) == (f"/p1/{modality}/media", T_NS)
    assert (described.name, described.encoding) == (schema, "protobuf")
    files = descriptor_pb2.FileDescriptorSet.FromString(described.data)
    assert [field.number for field in files.file[1].message_type[0].field] == numbers
    assert files.file[1].dependency[0] == files.file[0].name


@pytest.mark.parametrize("modality", ["face", "audio"])
def test_units_come_back(tmp_path: Path, modality: Modality) -> None:
    path = written(tmp_path / "s.mcap", modality)
    (entry,) = [r for r in RecordingReader(path) if isinstance(r, Entry)]
    assert media_of_entry(entry) == modality
    assert unpack_unit(modality, entry) == (T_NS, b"content")


def test_what_is_no_unit_is_told() -> None:
    topic = "/p1/face/media"
    assert media_of_entry(Entry(topic, "json", 0, b"")) is None
    assert media_of_entry(Entry("/other", "protobuf", 0, b"")) is None
    with pytest.raises(RecordingError, match="/p1/face/media at 5 ns"):
        unpack_unit("face", Entry(topic, "protobuf", 5, b"\xff\xff\xff"))
    with pytest.raises(RecordingError, match="format ''"):
        unpack_unit("face", Entry(topic, "protobuf", 5, b""))
