"""Session files: MCAP that survives a crash, a full disk and a flipped bit.

Records are written one by one, without chunks, each in one write call. So a file that is cut at any
byte gives everything up to its last whole record. After at most a second or 256 KiB comes a
checkpoint, a record with the CRC-32 of all bytes before it: what a checkpoint confirms was read as
it was written. Once a second the checkpoint also reaches the disk itself (fsync).

What the records mean is the caller's matter. Viewers for MCAP see ordinary messages, metadata and
attachments.
"""

import errno
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self, cast

from mcap.writer import CompressionType, Writer

from .clock import Clock, MonotonicClock
from .errors import DiskFull, RecordingError
from .limits import (
    CHECKPOINT_BYTES,
    CHECKPOINT_NS,
    MAX_ATTACHMENT_BYTES,
    MAX_RECORD_BYTES,
    MIN_FREE_BYTES,
    MIN_FREE_SHARE,
)

CHECKPOINT_TOPIC: Final = "/checkpoint"
_PREFIX: Final = Struct("<BQ")
_MESSAGE_HEAD_BYTES: Final = 22
_MAX_LOG_TIME: Final = (1 << 64) - 1
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Topic(NamedTuple):
    """A kind of message in a recording.

    Attributes:
        name: such as "/p1/face/features".
        encoding: of its messages, such as "json".
        schema: of them, or empty.
        schema_name: its name.
        schema_encoding: how it is written, as MCAP calls it.
    """

    name: str
    encoding: str
    schema: str | bytes = ""
    schema_name: str = ""
    schema_encoding: str = "jsonschema"


_CHECKPOINT: Final = Topic(
    CHECKPOINT_TOPIC,
    "json",
    json.dumps(
        {
            "type": "object",
            "properties": {"bytes": {"type": "integer"}, "crc32": {"type": "integer"}},
        }
    ),
    "tacit.Checkpoint",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a recording.

    Attributes:
        topic: its kind.
        encoding: of `data`.
        t_ns: session time, ns; never negative.
        data: content.
    """

    topic: str
    encoding: str
    t_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """A named map of texts in a recording.

    Attributes:
        name: which map.
        values: its content.
    """

    name: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EnclosedFile:
    """A whole file within a recording.

    Attributes:
        name: file name without folder.
        media_type: such as "video/mp4".
        data: its bytes.
    """

    name: str
    media_type: str
    data: bytes


Record = Entry | Facts | EnclosedFile


class _Output:
    """The file under the library's writer: whole records or none."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        self.crc = 0

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        try:
            while view:
                written = os.write(self.descriptor, view)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                view = view[written:]
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is held back."""


class RecordingWriter:
    """Writes one session file, which only its owner can read.

    Args:
        path: a new file.
        clock: decides when checkpoints are due.
        min_free_bytes: recording stops when the disk has less than this and less than 7 % left.

    Raises:
        RecordingError: the file exists, or cannot be made.
    """

    def __init__(
        self, path: Path, clock: Clock | None = None, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        self.path: Final = path
        self._clock = clock or MonotonicClock()
        self._min_free_bytes = min_free_bytes
        self._channels: dict[str, int] = {}
        self._sequence = 0
        self._checked_bytes = 0
        self._checked_ns = self._clock.now_ns()
        self._done = False
        try:
            self._output = _Output(path)
        except FileExistsError as exc:
            raise RecordingError(f"{path}: exists already; recordings are never replaced") from exc
        except OSError as exc:
            raise RecordingError(f"{path}: cannot record there: {exc.strerror}") from exc
        self._writer = Writer(
            cast("IO[Any]", self._output),
            compression=CompressionType.NONE,
            use_chunking=False,
            enable_data_crcs=True,
        )
        with self._noticing():
            self._writer.start(profile="tacit", library="tacit")
            self._register(_CHECKPOINT)
            _sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._output.size

    def facts(self, facts: Facts) -> None:
        """Add a map of texts.

        Raises:
            RecordingError: see `write`.
        """
        with self._noticing():
            self._writer.add_metadata(facts.name, dict(facts.values))

    def enclose(self, file: EnclosedFile) -> None:
        """Add a whole file.

        Raises:
            RecordingError: it is larger than `MAX_ATTACHMENT_BYTES`; otherwise see `write`.
        """
        if len(file.data) > MAX_ATTACHMENT_BYTES:
            raise RecordingError(f"{file.name}: over {MAX_ATTACHMENT_BYTES >> 20} MiB")
        with self._noticing():
            self._writer.add_attachment(0, 0, file.name, file.media_type, file.data)
        self.checkpoint()

    def write(self, topic: Topic, t_ns: int, data: bytes) -> None:
        """Add a message, and a checkpoint when one is due.

        Args:
            topic: its kind.
            t_ns: session time; before the start counts as 0.
            data: content in the topic's encoding.

        Raises:
            RecordingError: the disk is full or gone; the file then ends after the last whole
                record, and nothing more can be written.
        """
        if len(data) > MAX_RECORD_BYTES:
            raise RecordingError(f"{topic.name}: a message of {len(data)} bytes is too large")
        with self._noticing():
            self._add(topic, t_ns, data)
        late = self._clock.now_ns() - self._checked_ns >= CHECKPOINT_NS
        if late or self.size - self._checked_bytes >= CHECKPOINT_BYTES:
            self.checkpoint(synchronise=late)

    def checkpoint(self, *, synchronise: bool = True) -> None:
        """Confirm everything written so far.

        Args:
            synchronise: wait until the disk has it, and see to it that there is room left.

        Raises:
            RecordingError: see `write`.
        """
        with self._noticing():
            self._confirm()
            self._checked_bytes = self.size
            if synchronise:
                os.fsync(self._output.descriptor)
                self._checked_ns = self._clock.now_ns()
                room = os.fstatvfs(self._output.descriptor)
        if synchronise:
            self._see_to_room(room)

    def close(self) -> None:
        """Complete the file, unless writing failed before; can be called twice.

        Raises:
            RecordingError: see `write`.
        """
        if self._done:
            return
        try:
            with self._noticing():
                self._confirm()
                self._writer.finish()
                os.fsync(self._output.descriptor)
        finally:
            self._end()

    def _add(self, topic: Topic, t_ns: int, data: bytes) -> None:
        number = self._channels.get(topic.name) or self._register(topic)
        t_ns = min(max(t_ns, 0), _MAX_LOG_TIME)
        self._writer.add_message(number, t_ns, data, t_ns, self._sequence & 0xFFFFFFFF)
        self._sequence += 1

    def _confirm(self) -> None:
        content = {"bytes": self.size, "crc32": self._output.crc}
        self._add(_CHECKPOINT, 0, json.dumps(content).encode())

    def _register(self, topic: Topic) -> int:
        schema = 0
        if topic.schema:
            text = topic.schema.encode() if isinstance(topic.schema, str) else topic.schema
            schema = self._writer.register_schema(topic.schema_name, topic.schema_encoding, text)
        number = self._writer.register_channel(topic.name, topic.encoding, schema)
        self._channels[topic.name] = number
        self._writer.flush()
        return number

    def _see_to_room(self, room: os.statvfs_result) -> None:
        free = room.f_bavail * room.f_frsize
        if free < _least_free(room, self._min_free_bytes):
            self.close()
            raise DiskFull(f"{self.path}: only {free >> 20} MiB are left on the disk")

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Turn an error of the disk into ours, and stop for good."""
        if self._done:
            raise RecordingError(f"{self.path}: recording has ended")
        try:
            yield
        except OSError as exc:
            self._end()
            kind = DiskFull if exc.errno in _FULL else RecordingError
            raise kind(f"{self.path}: cannot record any more: {exc.strerror}") from exc

    def _end(self) -> None:
        if not self._done:
            self._done = True
            os.close(self._output.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def has_room(folder: Path, min_free_bytes: int = MIN_FREE_BYTES) -> bool:
    """Whether a disk that was full has room again: twice what recording stops at, not a bit more.

    Raises:
        OSError: the folder is gone.
    """
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize >= 2 * _least_free(room, min_free_bytes)


def _least_free(room: os.statvfs_result, most: int) -> float:
    """Bytes that stay free on a disk: so many, or a share of a small one."""
    return min(most, MIN_FREE_SHARE * room.f_blocks * room.f_frsize)


def _sync_folder(folder: Path) -> None:
    """Make sure that the file's name outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
