"""Records a session: everything that goes into its hub, in order, and all its events."""

import datetime
import hashlib
import importlib.metadata
import json
import mimetypes
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..models.features import Modality
from ..models.manifest import read_manifest
from ..stream.errors import RecordingError, StreamError
from ..stream.limits import MAX_ATTACHMENT_BYTES
from ..stream.media_codecs import Unit
from ..stream.media_messages import media_topic, pack_unit
from ..stream.packet import NS_PER_MS, Packet
from ..stream.recording import EnclosedFile, Facts, RecordingWriter, has_room
from ..stream.recording_thread import RETRY_S, RecordingThread
from .doctor import checkpoints
from .events import Event, SessionReady, to_json_line
from .intake import SessionSetup
from .media_recorder import MediaRecorder
from .predictors import ModelIdentity
from .session_format import (
    CLOCK,
    ClockInput,
    Finished,
    Noted,
    SessionFacts,
    SourceFailed,
    TimePassed,
    event_topic,
    pack_packet,
    packet_topic,
)

STOPPED: Final = "recording_stopped"
RESUMED: Final = "recording_resumed"
MEDIA_FACTS: Final = "tacit.media"
"""Name of what a file says at its end about the media in it: what was kept, left out, and why."""


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """How to record.

    Attributes:
        path: the new session file.
        purpose: what the recording is for, in other words than the session's own terms.
        consent: identifies the participant's consent, likewise.
        retention_days: after how many days it is to be deleted; None for never.
        media: put the media themselves into the session file: a file as it is, a live session's
            sound and pictures as compressed streams.
        patient: let the session wait for a slow disk; only where time can wait.
    """

    path: Path
    purpose: str = ""
    consent: str = ""
    retention_days: int | None = None
    media: bool = False
    patient: bool = True


class Recorder:
    """Writes one session file; the session goes on whatever happens to it.

    When the disk is full, it goes on in another file once there is room: NAME.2.mcap and so on.

    Args:
        options: how.
        retry_s: how often a full disk is asked whether it has room again.

    Attributes:
        paths: the files so far.
        media: encodes the media of a live session; closed with the recording.

    Raises:
        RecordingError: the file exists, or cannot be made.
    """

    def __init__(self, options: RecordOptions, retry_s: float = RETRY_S) -> None:
        self.options: Final = options
        self.paths: Final = [options.path]
        self.media: MediaRecorder | None = None
        self._facts: SessionFacts | None = None
        self._ready: Event | None = None
        self._now_ns = 0
        self._told = 0
        self._media_told = False
        self._writers = [RecordingWriter(options.path)]
        self._thread = RecordingThread(
            self._writers[0], patient=options.patient, reopen=self._next_part, retry_s=retry_s
        )

    @property
    def failure(self) -> str:
        """Why nothing is recorded at present; empty while it is."""
        return self._thread.failure

    @property
    def lasted_ns(self) -> int:
        """Session time of the last input."""
        return self._now_ns

    @property
    def crowded(self) -> bool:
        """Whether the file had better get no media at present, so that the rest is kept."""
        return self._thread.crowded

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return sum(writer.size for writer in self._writers)

    def news(self) -> list[tuple[str, str]]:
        """What became of the recording since the last call: code and message of `error` events."""
        found: list[tuple[str, str]] = []
        while True:
            times, resumed = divmod(self._told, 2)
            if not resumed and len(self._thread.stops) > times:
                found.append((STOPPED, self._thread.stops[times]))
            elif resumed and len(self.paths) > times + 1:
                found.append(
                    (RESUMED, f"There is room again: recording goes on in {self.paths[times + 1]}")
                )
            else:
                break
            self._told += 1
        return found if self.media is None else found + self.media.news()

    def begin(self, facts: SessionFacts, media: Path | None) -> None:
        """Write what is known before any data.

        Args:
            facts: of the session.
            media: file to enclose, when `options.media` asks for it.
        """
        self._facts = facts
        texts = facts.to_facts()
        self._thread.put(lambda writer: writer.facts(texts))
        if media is not None and facts.media_enclosed:
            self._thread.put(lambda writer: writer.enclose(_enclosed(media)))
        # Whatever becomes of the rest, whose session this is stays certain.
        self._thread.put(lambda writer: writer.checkpoint())

    def unit(self, modality: Modality, unit: Unit) -> None:
        """A piece of compressed sound or a picture; from any thread, after `begin`."""
        if self._facts is None:
            return
        participant = self._facts.participant
        topic, data = media_topic(modality, participant), pack_unit(modality, participant, unit)
        self._thread.put(lambda writer: writer.write(topic, unit.t_ns, data))

    def accepted(self, packet: Packet) -> None:
        """A packet came."""
        self._now_ns = t_ns = max(self._now_ns, packet.t_available_ns)
        topic = packet_topic(packet)
        self._thread.put(lambda writer: writer.write(topic, t_ns, pack_packet(packet)))

    def advanced(self, now_ns: int) -> None:
        """Session time passed without a packet."""
        self._now_ns = max(self._now_ns, now_ns)
        self._clock(TimePassed(t_ns=now_ns))

    def failed(self, modality: Modality, reason: str) -> None:
        """A source failed."""
        self._clock(SourceFailed(modality=modality, reason=reason))

    def noted(self, code: str, message: str) -> None:
        """Something else went wrong."""
        self._clock(Noted(code=code, message=message))

    def finished(self) -> None:
        """Every source has ended."""
        self._clock(Finished())

    def event(self, event: Event) -> None:
        """An event came out."""
        if isinstance(event, SessionReady):
            self._ready = event
        t_ns = self._now_ns
        self._thread.put(lambda writer: _write_event(writer, event, t_ns))

    def close(self) -> None:
        """Complete the file; one in which nothing was recorded goes away again."""
        if self.media is not None:
            self.media.close()
            self._tell_media(self.media)
        self._thread.close()
        if self._facts is None:
            self.options.path.unlink(missing_ok=True)

    def _tell_media(self, media: MediaRecorder) -> None:
        if self._facts is None or self._media_told:
            return
        self._media_told = True
        counts = media.counts().items()
        texts: dict[str, str] = {m: json.dumps(asdict(counted)) for m, counted in counts}
        self._thread.put(lambda writer: writer.facts(Facts(MEDIA_FACTS, texts)))

    def _next_part(self) -> RecordingWriter | None:
        """The file to go on with when the disk has room again; runs in the recording's thread."""
        first, number = self.options.path, len(self.paths) + 1
        path = first.with_name(f"{first.stem}.{number}{first.suffix}")
        writer: RecordingWriter | None = None
        try:
            if self._facts is None or not has_room(first.parent):
                return None
            writer = RecordingWriter(path)
            self._begin_part(writer, self._facts, number)
        except (StreamError, OSError):
            if writer is not None:
                path.unlink(missing_ok=True)
            return None
        self._writers.append(writer)
        self.paths.append(path)
        return writer

    def _begin_part(self, writer: RecordingWriter, facts: SessionFacts, number: int) -> None:
        start_ns, before = self._now_ns, self.paths[-1].name
        changed = {"part": number, "continues": before, "start_ns": start_ns}
        writer.facts(facts.model_copy(update={**changed, "media_enclosed": False}).to_facts())
        if self._ready is not None:
            _write_event(writer, self._ready, start_ns)
        writer.checkpoint()

    def _clock(self, found: ClockInput) -> None:
        t_ns = self._now_ns
        self._thread.put(lambda writer: writer.write(CLOCK, t_ns, found.model_dump_json().encode()))


def _write_event(writer: RecordingWriter, event: Event, t_ns: int) -> None:
    writer.write(event_topic(event), t_ns, to_json_line(event).encode())


def facts_of(
    setup: SessionSetup,
    identity: ModelIdentity,
    options: RecordOptions,
    *,
    media: Path,
    inject: str,
    duration_ns: int,
) -> SessionFacts:
    """What the session file of a replay says about it.

    Raises:
        RecordingError: the media are to be enclosed and too large for that.
        CheckpointError: weights are missing or damaged.
    """
    size = media.stat().st_size
    if options.media and size > MAX_ATTACHMENT_BYTES:
        raise RecordingError(
            f"{media.name}: over {MAX_ATTACHMENT_BYTES >> 20} MiB cannot be put into a session; "
            "leave --media out: the session then names it by its SHA-256"
        )
    with media.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return facts_of_live(setup, identity, options).model_copy(
        update={
            "inject": inject,
            "duration_ms": duration_ns // NS_PER_MS,
            "media": media.name,
            "media_sha256": digest,
            "media_bytes": size,
            "media_path": str(media.absolute()),
            "media_enclosed": options.media,
            "media_streams": False,
        }
    )


def facts_of_live(
    setup: SessionSetup, identity: ModelIdentity, options: RecordOptions
) -> SessionFacts:
    """What the session file of a live session says about it: no media file, no length as yet.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    folder = setup.settings.weights
    weights = {kind: read_manifest(folder / kind).sha256 for kind in checkpoints(folder)}
    return SessionFacts(
        tacit=importlib.metadata.version("tacit"),
        session_id=setup.session_id,
        participant=setup.participant,
        source=setup.source,
        purpose=options.purpose or setup.agreed.purpose,
        consent=options.consent or setup.agreed.consent,
        terms=asdict(setup.agreed),
        created_utc=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        anchor_utc=setup.anchor_utc or "",
        retention_days=options.retention_days,
        media_streams=options.media,
        settings=setup.settings,
        disabled=dict(setup.disabled),
        duration_ms=0,
        model_id=identity.id,
        model_sha256=identity.sha256,
        weights=weights,
        dims=dict(identity.dims),
    )


def recorded(
    recorder: Recorder, setup: SessionSetup, identity: ModelIdentity, inject: str = ""
) -> Recorder:
    """Begin the recording of a live session; what is to be told its inputs.

    Args:
        recorder: keeps it.
        setup: what it is.
        identity: the model that reads its windows.
        inject: damage from its start; recorded media are without it.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    facts = facts_of_live(setup, identity, recorder.options)
    recorder.begin(facts.model_copy(update={"inject": inject}), None)
    return recorder


def _enclosed(media: Path) -> EnclosedFile:
    kind = mimetypes.guess_type(media.name)[0] or "application/octet-stream"
    return EnclosedFile(media.name, kind, media.read_bytes())
