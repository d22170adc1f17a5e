"""What the records of a session file mean: hub inputs, events, and facts about the session.

Inputs are packets in the wire format of the bus, so that they come back bit for bit, and what else
reached the hub, as JSON. Events are JSON, each kind on a topic of its own with its JSON Schema.
"""

import json
from typing import Annotated, Any, Final, Literal, Self

import msgpack
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..models.features import Modality
from ..stream import limits
from ..stream.errors import RecordingError, StreamError
from ..stream.packet import Packet
from ..stream.recording import Entry, Facts, Topic
from ..stream.wire import decode, encode, message_to_packet, packet_to_message
from .config import Settings
from .events import (
    AnyEvent,
    DropReport,
    ErrorEvent,
    Event,
    MeasurementResult,
    MeasurementRevised,
    SensorHealth,
    SessionClosed,
    SessionReady,
    TranscriptFinal,
    TranscriptPartial,
    read_event,
)

FORMAT: Final = 1
FACTS_NAME: Final = "tacit.session"
WIRE: Final = "tacit-wire"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_EVENT_TOPICS: Final[dict[type[Event], str]] = {
    SessionReady: "/session/ready",
    SessionClosed: "/session/closed",
    SensorHealth: "/health",
    TranscriptPartial: "/{participant}/text/transcript/partial",
    TranscriptFinal: "/{participant}/text/transcript",
    MeasurementResult: "/results",
    MeasurementRevised: "/results/revised",
    DropReport: "/drops",
    ErrorEvent: "/errors",
}
_PERSONAL_ENDS: Final = ("/text/transcript", "/text/transcript/partial")


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimePassed(_Input):
    """Session time went on without a packet."""

    input: Literal["advance"] = "advance"
    t_ns: Annotated[int, Field(ge=0, le=limits.MAX_TIME_NS)]


class SourceFailed(_Input):
    """A source died."""

    input: Literal["failed"] = "failed"
    modality: Modality
    reason: str


class Noted(_Input):
    """Something else went wrong."""

    input: Literal["note"] = "note"
    code: str
    message: str


class Finished(_Input):
    """Every source has ended."""

    input: Literal["finish"] = "finish"


ClockInput = TimePassed | SourceFailed | Noted | Finished
HubInput = Packet | ClockInput
_INPUTS: Final[TypeAdapter[ClockInput]] = TypeAdapter(
    Annotated[ClockInput, Field(discriminator="input")]
)
CLOCK: Final = Topic("/clock", "json", json.dumps({"type": "object"}), "tacit.HubInput")


class SessionFacts(BaseModel):
    """What a session file says about its session.

    Attributes:
        format: version of all this.
        tacit: version of the program that recorded it.
        session_id: as in the events.
        participant: who was recorded.
        source: file or device.
        purpose: what the recording is for, in the words of whoever made it.
        consent: identifies the participant's consent.
        terms: those that the session ran under, field by field, see `consent.Terms`.
        created_utc: when it was recorded, ISO 8601.
        anchor_utc: time of day of session time 0, ISO 8601; empty where media came from a file.
        retention_days: after how many days it is to be deleted.
        settings: of the run, but for the folder of the weights.
        inject: damage that was done on purpose.
        disabled: modalities that took no part, and why.
        duration_ms: length of the recorded media.
        model_id: the recognizer.
        model_sha256: over all checkpoints.
        weights: SHA-256 of each checkpoint.
        dims: length of each modality's feature vectors.
        media: file name of the recorded media.
        media_sha256: of that file.
        media_bytes: its size.
        media_path: where it was.
        media_enclosed: it lies in the session file itself.
        media_streams: a live session's sound and pictures lie in it as compressed streams.
        part: 1, or more when the file goes on where a full disk had interrupted the recording.
        continues: name of the file before.
        start_ns: session time at which the file begins.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = FORMAT
    tacit: str
    session_id: Annotated[str, Field(min_length=1)]
    participant: Annotated[str, Field(pattern=NAME_PATTERN)]
    source: str
    purpose: str = ""
    consent: str = ""
    terms: dict[str, str] = Field(default_factory=dict)
    created_utc: str
    anchor_utc: str = ""
    retention_days: Annotated[int, Field(ge=1)] | None = None
    settings: Settings
    inject: str = ""
    disabled: dict[Modality, str]
    duration_ms: Annotated[int, Field(ge=0)]
    model_id: str
    model_sha256: str
    weights: dict[str, str]
    dims: dict[Modality, int]
    media: str = ""
    media_sha256: str = ""
    media_bytes: int = 0
    media_path: str = ""
    media_enclosed: bool = False
    media_streams: bool = False
    part: Annotated[int, Field(ge=1)] = 1
    continues: str = ""
    start_ns: Annotated[int, Field(ge=0, le=limits.MAX_TIME_NS)] = 0

    def to_facts(self) -> Facts:
        """As texts; all but plain texts are JSON."""
        fields = self.model_dump(mode="json", exclude={"settings": {"weights"}})
        return Facts(
            FACTS_NAME,
            {n: v if isinstance(v, str) else json.dumps(v) for n, v in fields.items()},
        )

    @classmethod
    def from_facts(cls, facts: Facts) -> Self:
        """Read them back.

        Raises:
            RecordingError: fields are missing or wrong.
        """
        fields: dict[str, Any] = {}
        try:
            for name, text in facts.values.items():
                field = cls.model_fields.get(name)
                plain = field is None or field.annotation is str
                fields[name] = text if plain else json.loads(text)
            return cls.model_validate(fields)
        except ValidationError as exc:
            first = exc.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RecordingError(f"facts of the session: {place}: {first['msg']}") from exc
        except (ValueError, RecursionError) as exc:
            raise RecordingError(f"facts of the session: {exc}") from exc


def packet_topic(packet: Packet) -> Topic:
    """Where a packet is kept."""
    return Topic(f"/{packet.participant}/{packet.modality}/features", WIRE)


def pack_packet(packet: Packet) -> bytes:
    """A packet as one piece of bytes."""
    parts = [bytes(part) for part in encode(packet_to_message(packet))]
    packed: bytes = msgpack.packb(parts)
    return packed


def event_topic(event: Event) -> Topic:
    """Where an event is kept."""
    kind = type(event)
    name = _EVENT_TOPICS[kind].format(participant=getattr(event, "participant", ""))
    schema = _schema(kind)
    return Topic(name, "json", schema, f"tacit.{kind.__name__}")


def is_input(entry: Entry) -> bool:
    """Whether it is something that went into the hub."""
    return entry.encoding == WIRE or entry.topic == CLOCK.name


def is_event(entry: Entry) -> bool:
    """Whether it is an event."""
    if entry.encoding != "json":
        return False
    return entry.topic in _EVENT_TOPICS.values() or entry.topic.endswith(_PERSONAL_ENDS)


def unpack_input(entry: Entry) -> HubInput:
    """Read an input back.

    Raises:
        RecordingError: it is none.
    """
    try:
        if entry.topic == CLOCK.name:
            return _INPUTS.validate_json(entry.data)
        parts = msgpack.unpackb(
            entry.data,
            max_array_len=limits.MAX_ARRAYS + 1,
            max_bin_len=limits.MAX_MESSAGE_BYTES,
            max_map_len=0,
            max_str_len=0,
            max_ext_len=0,
        )
        if type(parts) is not list:
            raise RecordingError(f"{entry.topic}: not a list of frames")
        return message_to_packet(decode(parts))
    except (StreamError, ValueError, msgpack.UnpackException) as exc:
        problem = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise RecordingError(f"{entry.topic} at {entry.t_ns} ns: {problem}") from exc


def unpack_event(entry: Entry) -> AnyEvent:
    """Read an event back.

    Raises:
        RecordingError: it is none.
    """
    try:
        return read_event(entry.data)
    except ValueError as exc:
        problem = str(exc).splitlines()[0]
        raise RecordingError(f"{entry.topic} at {entry.t_ns} ns: {problem}") from exc


_SCHEMAS: Final[dict[type[Event], str]] = {}


def _schema(kind: type[Event]) -> str:
    if kind not in _SCHEMAS:
        _SCHEMAS[kind] = json.dumps(kind.model_json_schema(mode="serialization"))
    return _SCHEMAS[kind]
