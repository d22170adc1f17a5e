"""Reads session files, whole or cut, from the front to the last record that can be trusted."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import IO, Final

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Metadata
from mcap.writer import MCAP0_MAGIC

from .errors import RecordingError
from .limits import MAX_ATTACHMENT_BYTES, MAX_RECORD_BYTES
from .recording import CHECKPOINT_TOPIC, EnclosedFile, Entry, Facts, Record

_PREFIX: Final = Struct("<BQ")
_MESSAGE_HEAD: Final = Struct("<HIQQ")
"""Channel, sequence, log time and publish time; by hand, since most records are messages."""
_ENCLOSURE_HEAD_BYTES: Final = 4096
_BUFFER_BYTES: Final = 1 << 18
_BAD_CONTENT: Final = (McapError, StructError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Tail:
    """How a recording ends.

    Attributes:
        complete: it was closed properly and all of it is as it was written.
        lost_bytes: bytes at the end that were not read.
        problem: why not; empty when complete.
        changed: a checkpoint found bytes that were not written so.
    """

    complete: bool
    lost_bytes: int
    problem: str
    changed: bool = False


def is_recording(path: Path) -> bool:
    """Whether a file begins as MCAP files do.

    Raises:
        RecordingError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(MCAP0_MAGIC)) == MCAP0_MAGIC
    except OSError as exc:
        raise RecordingError(f"{path}: cannot be read: {exc.strerror}") from exc


class _Damage(Exception):
    """What follows cannot be read."""


class RecordingReader:
    """The records of a session file, in the order in which they were written.

    Iterate over it once; then `tail` says how the file ends. Records come when a checkpoint has
    confirmed them; at the end of a cut file also those after the last checkpoint.

    Args:
        path: the file.

    Raises:
        RecordingError: it cannot be opened, or is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.tail = Tail(False, 0, "not read to its end yet")
        self._path = path
        self._topics: dict[int, Channel] = {}
        self._crc = 0
        self._position = 0
        if not is_recording(path):
            raise RecordingError(f"{path}: not an MCAP file")

    def __iter__(self) -> Iterator[Record]:
        """Give all records that can be trusted.

        Raises:
            RecordingError: the disk fails while reading.
        """
        with self._opened() as self._file:
            self._take(len(MCAP0_MAGIC))
            unconfirmed: list[Record] = []
            confirmed = self._position
            try:
                while True:
                    start, crc = self._position, self._crc
                    opcode, body = self._frame()
                    if opcode == Opcode.DATA_END:
                        break
                    record = self._parse(opcode, body)
                    if isinstance(record, Entry) and record.topic == CHECKPOINT_TOPIC:
                        self._compare(record, start, crc)
                        confirmed = self._position
                        yield from unconfirmed
                        unconfirmed.clear()
                    elif record is not None:
                        unconfirmed.append(record)
            except _Changed as exc:
                self.tail = Tail(False, self._size - confirmed, str(exc), changed=True)
            except _Damage as exc:
                yield from unconfirmed
                self.tail = Tail(False, self._size - start, str(exc))
            else:
                yield from unconfirmed
                self.tail = Tail(True, 0, "")

    def _opened(self) -> IO[bytes]:
        try:
            self._size = self._path.stat().st_size
            return self._path.open("rb", buffering=_BUFFER_BYTES)
        except OSError as exc:
            raise RecordingError(f"{self._path}: cannot be read: {exc.strerror}") from exc

    def _frame(self) -> tuple[int, bytes]:
        prefix = self._take(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            raise _Damage("the file is cut")
        opcode, length = _PREFIX.unpack(prefix)
        enclosed = opcode == Opcode.ATTACHMENT
        limit = MAX_RECORD_BYTES + _MESSAGE_HEAD.size
        if enclosed:
            limit = MAX_ATTACHMENT_BYTES + _ENCLOSURE_HEAD_BYTES
        if length > self._size - self._position:
            raise _Damage("the file is cut")
        if length > limit:
            raise _Damage(f"a record claims {length} bytes")
        body = self._take(length)
        if len(body) < length:
            raise _Damage("the file is cut")
        return opcode, body

    def _take(self, count: int) -> bytes:
        try:
            data = self._file.read(count)
        except OSError as exc:
            raise RecordingError(f"{self._path}: cannot be read on: {exc.strerror}") from exc
        self._crc = zlib.crc32(data, self._crc)
        self._position += len(data)
        return data

    def _parse(self, opcode: int, body: bytes) -> Record | None:
        """One record, or None for those that only describe others."""
        if opcode == Opcode.MESSAGE:
            return self._entry(body)
        stream = ReadDataStream(BytesIO(body))
        try:
            match opcode:
                case Opcode.METADATA:
                    facts = Metadata.read(stream)
                    return Facts(facts.name, facts.metadata)
                case Opcode.ATTACHMENT:
                    file = Attachment.read(stream)
                    return EnclosedFile(file.name, file.media_type, file.data)
                case Opcode.CHANNEL:
                    channel = Channel.read(stream)
                    self._topics[channel.id] = channel
                    return None
                case Opcode.HEADER | Opcode.SCHEMA:
                    return None
        except _BAD_CONTENT as exc:
            raise _Damage(f"a record does not hold what it should: {exc!r}") from exc
        raise _Damage(f"a record of kind {opcode}, which Tacit does not write")

    def _entry(self, body: bytes) -> Entry:
        if len(body) < _MESSAGE_HEAD.size:
            raise _Damage("a message is too short")
        number, _, t_ns, _ = _MESSAGE_HEAD.unpack_from(body)
        channel = self._topics.get(number)
        if channel is None:
            raise _Damage(f"a message of channel {number}, which is not known")
        data = body[_MESSAGE_HEAD.size :]
        return Entry(channel.topic, channel.message_encoding, t_ns, data)

    def _compare(self, checkpoint: Entry, start: int, crc: int) -> None:
        try:
            found = json.loads(checkpoint.data)
            good = (found["bytes"], found["crc32"]) == (start, crc)
        except (ValueError, KeyError, TypeError, RecursionError):
            good = False
        if not good:
            raise _Changed("bytes were changed after they were written")


class _Changed(Exception):
    """A checkpoint does not confirm what was read since the last one."""
