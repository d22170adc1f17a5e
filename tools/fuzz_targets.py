"""The parsers that read bytes from outside, each with the one error that it may raise.

The invariant: any bytes give a value or that error; no allocation beyond its cap; no stall.
"""

import hashlib
import json
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np

from tacit.models.checkpoint import load
from tacit.models.errors import CheckpointError
from tacit.models.manifest import SHIPPED, WEIGHTS_NAME
from tacit.pipeline.config import ConfigError, Settings, load_settings
from tacit.pipeline.events import read_event
from tacit.pipeline.inject import InjectError, parse_injections
from tacit.pipeline.intake import Intake, SessionSetup
from tacit.pipeline.job import Job
from tacit.pipeline.messages import message_to_prediction, message_to_window
from tacit.pipeline.predictors import ModelIdentity
from tacit.pipeline.recorder import Recorder, RecordOptions, facts_of_live
from tacit.pipeline.session_format import is_event, is_input, unpack_event, unpack_input
from tacit.stream.errors import MediaError, RecordingError, RemoteError
from tacit.stream.limits import MAX_MESSAGE_BYTES, MAX_OFFER_BYTES
from tacit.stream.mediafile import probe
from tacit.stream.packet import NS_PER_S, Packet
from tacit.stream.recording import Entry
from tacit.stream.recording_reader import RecordingReader
from tacit.stream.webrtc import OfferError, check_offer
from tacit.stream.wire import Message, decode, encode, message_to_packet, packet_to_message

MIB: Final = 1 << 20
SAMPLE: Final = Path(__file__).resolve().parent.parent / "pipeline" / "assets" / "sample.mp4"
OFFER: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\n"
    "a=rtpmap:97 VP8/90000\r\n"
)
CONFIG: Final = (
    'asr = "off"\nthreads = 2\n[windows]\nhop_ms = 500\ngrace_ms = 250\nmin_coverage = 0.1\n'
    "[face]\nmax_hz = 10.0\n[recovery]\nenabled = true\n[workers]\nmemory_mb = 1024\n"
)
EVENT: Final = (
    '{"type":"sensor.health","v":1,"session_id":"s","seq":7,"t_ms":2500,"participant":"p1",'
    '"modality":"face","state":"degraded","reason":"frozen","since_ms":2000,'
    '"evidence":{"frozen_ms":500.0}}'
)
Parse = Callable[[bytes, Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    Attributes:
        name: for tables and folders.
        errors: what it may raise; all else breaks the invariant.
        seeds: gives good inputs to start from.
        parse: reads bytes, given a folder of its own for parsers that want files.
        stall_s: longest that it may take; 50 ms for what an event loop runs.
        memory_bytes: most that it may allocate for one input.
        weight: how many cases it gets compared with others; slow ones get fewer.
    """

    name: str
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]
    parse: Parse
    stall_s: float = 0.05
    memory_bytes: int = 32 * MIB
    weight: float = 1.0


def joined(parts: Sequence[bytes | memoryview]) -> bytes:
    """Frames of a message as one string of bytes, so that they can be mutated as a whole."""
    return b"".join(struct.pack("<I", len(part)) + bytes(part) for part in parts)


def frames(data: bytes) -> list[bytes]:
    """The frames again; whatever the lengths say, no more than there is."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(data) and len(found) < 32:
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _packet() -> Packet:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    meta = {"flags": ["dark"], "measures": {"rms_db": -20.0}, "since_ns": None, "frame_ns": 40}
    return Packet("feature", "face", "p1", "face", 0, 3, 10, 40, 50, values, meta)


def _wire_seeds() -> list[bytes]:
    sound = Packet("media", "audio", "p1", "mic", 0, 0, 0, 20, 20, np.zeros(320, np.float32))
    return [joined(encode(packet_to_message(p))) for p in (_packet(), sound)]


def _parse_wire(data: bytes, _: Path) -> object:
    return message_to_packet(decode(frames(data)))


def _window_seeds() -> list[bytes]:
    arrays = {
        f"{m}.{part}": array
        for m in ("audio", "face", "text")
        for part, array in (
            ("values", np.zeros((2, 3), np.float32)),
            ("mask", np.ones(2, np.bool_)),
        )
    }
    coverage = dict.fromkeys(("audio", "face", "text"), 1.0)
    window: dict[str, Any] = {
        "job": 1, "participant": "p1", "t0_ns": 0, "t1_ns": 9, "coverage": coverage,
        "lost": ["face"], "degradation": {"audio": 0.5},
    }  # fmt: skip
    prediction: dict[str, Any] = {
        "job": 1, "recovery": None, "t0_ns": 0, "t1_ns": 9, "valence": 0.1, "arousal": None,
        "confidence": 0.4, "abstained": False,
        "sources": dict.fromkeys(("audio", "face", "text"), "measured"),
    }  # fmt: skip
    chances = {"probabilities": np.full(7, 1 / 7, np.float32)}
    made = [Message("window", window, arrays), Message("prediction", prediction, chances)]
    return [joined(encode(message)) for message in made]


def _parse_window(data: bytes, _: Path) -> object:
    message = decode(frames(data))
    read = message_to_prediction if message.kind == "prediction" else message_to_window
    return read(message)


def _recording_seeds() -> list[bytes]:
    """A short session, as it is really recorded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.mcap"
        options = RecordOptions(path)
        setup = SessionSetup("fuzz", "p1", "made-up", Settings(asr="off"), {"text": "off"})
        identity = ModelIdentity("m", "0" * 64, {"audio": 3, "face": 3, "text": 3})
        recorder = Recorder(options)
        recorder.begin(facts_of_live(setup, identity, options), None)
        intake = Intake(setup, identity, recorder)
        recorder.event(intake.ready)
        for second in range(1, 4):
            intake.advance(second * NS_PER_S)
            for event in intake.journal.flush():
                recorder.event(event)
        recorder.accepted(_packet())
        recorder.finished()
        recorder.close()
        return [path.read_bytes()]


def _parse_recording(data: bytes, folder: Path) -> object:
    path = folder / "case.mcap"
    path.write_bytes(data)
    reader = RecordingReader(path)
    count = 0
    for record in reader:
        if isinstance(record, Entry):
            if is_input(record):
                unpack_input(record)
            elif is_event(record):
                unpack_event(record)
        count += 1
    return count, reader.tail


def _parse_config(data: bytes, folder: Path) -> object:
    path = folder / "case.toml"
    path.write_bytes(data)
    return load_settings(path, environ={})


def _checkpoint_seeds() -> list[bytes]:
    manifest = json.loads((SHIPPED / "fusion" / "manifest.json").read_bytes())
    small = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    header = json.dumps(small).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(8)
    manifest["sha256"] = hashlib.sha256(weights).hexdigest()
    return [joined([json.dumps(manifest).encode(), weights])]


def _parse_checkpoint(data: bytes, folder: Path) -> object:
    """The manifest, then the weights with whatever hash makes them pass the first check."""
    parts = [*frames(data), b"", b""]
    try:
        manifest = json.loads(parts[0])
        manifest["sha256"] = hashlib.sha256(parts[1]).hexdigest()
        parts[0] = json.dumps(manifest).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    (folder / "manifest.json").write_bytes(parts[0])
    (folder / WEIGHTS_NAME).write_bytes(parts[1])
    return load(folder, "fusion")


def _media_seeds() -> list[bytes]:
    return [SAMPLE.read_bytes()[: 256 * 1024], b"RIFF" + bytes(64), b"\x1aE\xdf\xa3" + bytes(64)]


def _parse_media(data: bytes, folder: Path) -> object:
    path = folder / "case.mp4"
    path.write_bytes(data)
    return probe(path)


def _parse_event(data: bytes, _: Path) -> object:
    return read_event(data.decode())


def _parse_offer(data: bytes, _: Path) -> object:
    return check_offer(data.decode(errors="replace"))


def _parse_job(data: bytes, _: Path) -> object:
    return Job.model_validate_json(data)


TARGETS: Final = (
    Target("wire", (RemoteError,), _wire_seeds, _parse_wire, memory_bytes=2 * MAX_MESSAGE_BYTES),
    Target("window", (RemoteError,), _window_seeds, _parse_window),
    Target(
        "offer", (OfferError,), lambda: [OFFER.encode()], _parse_offer,
        memory_bytes=64 * MAX_OFFER_BYTES,
    ),
    Target("recording", (RecordingError,), _recording_seeds, _parse_recording, 0.5, weight=0.5),
    Target("config", (ConfigError,), lambda: [CONFIG.encode()], _parse_config, 0.5),
    Target("checkpoint", (CheckpointError,), _checkpoint_seeds, _parse_checkpoint, 0.5),
    Target("media", (MediaError,), _media_seeds, _parse_media, 5.0, 512 * MIB, weight=0.15),
    Target("event", (ValueError,), lambda: [EVENT.encode()], _parse_event),
    Target("inject", (InjectError,), lambda: [b"face:freeze@2-4,audio:noise=5@1-"],
           lambda data, _: parse_injections(data.decode(errors="replace"))),
    Target("job", (ValueError,), lambda: [b'{"settings":{"asr":"off"},"participant":"p1"}'],
           _parse_job),
)  # fmt: skip
BY_NAME: Final = {target.name: target for target in TARGETS}
"""`event` and `job` are read by pydantic, whose error is a ValueError."""

MSGPACK_BOMBS: Final = (
    b"TCT\x01" + b"\xdd\xff\xff\xff\xff",  # an array of 4 thousand million items
    b"TCT\x01" + b"\x91" * 5000,
    b"TCT\x01"
    + msgpack.packb({"k": "x", "f": {}, "a": [["a", "float64", [2**24] * 4]], "s": None}),
)
"""Small inputs that ask for a lot; given to every parser."""
