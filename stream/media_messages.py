"""Compressed sound and pictures as messages of a session file, in protobuf with their schema.

Pictures are `foxglove.CompressedVideo`, which viewers for MCAP show. There is no such standard for
compressed sound: `tacit.CompressedAudio` has the fields of `foxglove.RawAudio`.
"""

from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import DecodeError

from .errors import RecordingError
from .media_codecs import PICTURE_FORMAT, SOUND_FORMAT, SOUND_HZ, Unit
from .packet import NS_PER_S, Modality
from .recording import Entry, Topic

ENCODING: Final = "protobuf"
END: Final = "/media"
_PICTURE: Final = "foxglove.CompressedVideo"
_SOUND: Final = "tacit.CompressedAudio"
_Field = descriptor_pb2.FieldDescriptorProto
_FIELDS: Final = {
    # Numbers as in Foxglove's own schemas.
    _PICTURE: (
        ("timestamp", 1, _Field.TYPE_MESSAGE),
        ("frame_id", 2, _Field.TYPE_STRING),
        ("data", 3, _Field.TYPE_BYTES),
        ("format", 4, _Field.TYPE_STRING),
    ),
    _SOUND: (
        ("timestamp", 1, _Field.TYPE_MESSAGE),
        ("data", 2, _Field.TYPE_BYTES),
        ("format", 3, _Field.TYPE_STRING),
        ("sample_rate", 4, _Field.TYPE_FIXED32),
        ("number_of_channels", 5, _Field.TYPE_FIXED32),
    ),
}


def media_topic(modality: Modality, participant: str) -> Topic:
    """Where a participant's sound ("audio") or pictures ("face") are kept."""
    kind = _kind(modality)
    return Topic(f"/{participant}/{modality}{END}", ENCODING, _schema(kind), kind, ENCODING)


def media_of_entry(entry: Entry) -> Modality | None:
    """Whether an entry is sound ("audio") or a picture ("face"); None for anything else."""
    if entry.encoding != ENCODING:
        return None
    for modality in ("audio", "face"):
        if entry.topic.endswith(f"/{modality}{END}"):
            return modality
    return None


def pack_unit(modality: Modality, participant: str, unit: Unit) -> bytes:
    """A unit as a message."""
    message: Any = _type(_kind(modality))()
    message.timestamp.seconds, message.timestamp.nanos = divmod(max(0, unit.t_ns), NS_PER_S)
    message.data = unit.data
    if modality == "audio":
        message.format, message.sample_rate = SOUND_FORMAT, SOUND_HZ
        message.number_of_channels = 1
    else:
        message.format, message.frame_id = PICTURE_FORMAT, participant
    packed: bytes = message.SerializeToString()
    return packed


def unpack_unit(modality: Modality, entry: Entry) -> Unit:
    """Read a unit back.

    Raises:
        RecordingError: it is none, or in a format that is not read here.
    """
    message: Any = _type(_kind(modality))()
    try:
        message.ParseFromString(entry.data)
    except DecodeError as exc:
        raise RecordingError(f"{entry.topic} at {entry.t_ns} ns: {exc}") from exc
    wanted = SOUND_FORMAT if modality == "audio" else PICTURE_FORMAT
    if message.format != wanted:
        raise RecordingError(f"{entry.topic}: format {message.format!r}, not {wanted}")
    return Unit(entry.t_ns, message.data)


def _kind(modality: Modality) -> str:
    return _SOUND if modality == "audio" else _PICTURE


def _file(kind: str) -> descriptor_pb2.FileDescriptorProto:
    package, name = kind.split(".")
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}/{name}.proto",
        package=package,
        syntax="proto3",
        dependency=[timestamp_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name=name)
    for field, number, form in _FIELDS[kind]:
        found = message.field.add(name=field, number=number, type=form, label=_Field.LABEL_OPTIONAL)
        if form == _Field.TYPE_MESSAGE:
            found.type_name = ".google.protobuf.Timestamp"
    return file


@cache
def _schema(kind: str) -> bytes:
    files = descriptor_pb2.FileDescriptorSet()
    timestamp_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.append(_file(kind))
    packed: bytes = files.SerializeToString()
    return packed


@cache
def _type(kind: str) -> Any:
    # A pool of our own: another library in the process may know Foxglove's schemas already.
    pool = descriptor_pool.DescriptorPool()
    timestamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamp)
    pool.Add(timestamp)
    pool.Add(_file(kind))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(kind))
