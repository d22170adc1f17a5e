import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from mcap.reader import make_reader

from tacit.stream.clock import ManualClock
from tacit.stream.errors import RecordingError
from tacit.stream.limits import CHECKPOINT_BYTES, MAX_RECORD_BYTES
from tacit.stream.packet import NS_PER_S
from tacit.stream.recording import (
    CHECKPOINT_TOPIC,
    EnclosedFile,
    Entry,
    Facts,
    RecordingWriter,
    Topic,
)
from tacit.stream.recording_reader import RecordingReader

NUMBERS = Topic("/numbers", "json", json.dumps({"type": "object"}), "test.Number")
BYTES = Topic("/p1/face/features", "raw")


def entries(path: Path) -> list[Entry]:
    return [r for r in RecordingReader(path) if isinstance(r, Entry)]


def test_what_is_written_is_read_in_the_order_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    with RecordingWriter(path) as writer:
        writer.facts(Facts("about", {"a": "1", "b": "ä"}))
        writer.enclose(EnclosedFile("clip.mp4", "video/mp4", b"film" * 1000))
        writer.write(NUMBERS, 20, b'{"n":1}')
        writer.write(BYTES, 10, b"\x00\xff")
        writer.write(NUMBERS, -5, b'{"n":2}')
    reader = RecordingReader(path)
    assert list(reader) == [
        Facts("about", {"a": "1", "b": "ä"}),
        EnclosedFile("clip.mp4", "video/mp4", b"film" * 1000),
        Entry("/numbers", "json", 20, b'{"n":1}'),
        Entry("/p1/face/features", "raw", 10, b"\x00\xff"),
        Entry("/numbers", "json", 0, b'{"n":2}'),
    ]
    assert reader.tail.complete
    assert writer.size == path.stat().st_size


def test_the_librarys_own_reader_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    with RecordingWriter(path) as writer:
        writer.facts(Facts("about", {"a": "1"}))
        writer.enclose(EnclosedFile("clip.mp4", "video/mp4", b"film"))
        for n in range(100):
            writer.write(NUMBERS, n, json.dumps({"n": n}).encode())
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        found = [
            (schema.name, json.loads(message.data)["n"])
            for schema, channel, message in reader.iter_messages(topics="/numbers")
            if schema is not None and channel.message_encoding == "json"
        ]
        assert found == [("test.Number", n) for n in range(100)]
        assert [m.metadata for m in reader.iter_metadata()] == [{"a": "1"}]
        assert [a.data for a in reader.iter_attachments()] == [b"film"]
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.attachment_count == 1


def test_only_the_owner_can_read_it_and_nothing_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    RecordingWriter(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(RecordingError, match=r"s\.mcap: exists already"):
        RecordingWriter(path)
    assert path.read_bytes() == before
    with pytest.raises(RecordingError, match="cannot record there: No such file"):
        RecordingWriter(tmp_path / "no" / "s.mcap")


def test_every_record_is_in_the_file_as_soon_as_it_was_written(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "s.mcap")
    for n in range(20):
        writer.write(NUMBERS, n, b"{}")
        assert len(entries(writer.path)) == n + 1
    writer.close()


def test_checkpoints_come_by_time_and_by_size(tmp_path: Path) -> None:
    clock = ManualClock()
    with RecordingWriter(tmp_path / "s.mcap", clock) as writer:
        for _ in range(10):
            writer.write(NUMBERS, 0, b"{}")
            clock.advance(NS_PER_S // 4)
        writer.write(BYTES, 0, bytes(CHECKPOINT_BYTES))
    with writer.path.open("rb") as file:
        reader = make_reader(file)
        found = [json.loads(m.data) for _, _, m in reader.iter_messages(topics=CHECKPOINT_TOPIC)]
    assert len(found) == 4
    assert found[-2]["bytes"] > CHECKPOINT_BYTES


def test_a_message_that_is_too_large_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "s.mcap") as writer:
        writer.write(NUMBERS, 0, b"{}")
        with pytest.raises(RecordingError, match="too large"):
            writer.write(BYTES, 0, bytes(MAX_RECORD_BYTES + 1))
        writer.write(NUMBERS, 1, b"{}")
    assert [e.t_ns for e in entries(writer.path)] == [0, 1]


def test_after_its_end_nothing_can_be_written(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "s.mcap")
    writer.close()
    writer.close()
    with pytest.raises(RecordingError, match="has ended"):
        writer.write(NUMBERS, 0, b"{}")


def test_it_stops_with_a_whole_file_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstatvfs

    def nearly_full(descriptor: int) -> os.statvfs_result:
        found = list(real(descriptor))
        found[2], found[4] = 1_000_000, 1000  # f_blocks, f_bavail
        return os.statvfs_result(found)

    writer = RecordingWriter(tmp_path / "s.mcap")
    writer.write(NUMBERS, 0, b"{}")
    monkeypatch.setattr(os, "fstatvfs", nearly_full)
    with pytest.raises(RecordingError, match="MiB are left on the disk"):
        writer.checkpoint()
    reader = RecordingReader(writer.path)
    assert len(list(reader)) == 1
    assert reader.tail.complete


FILL = """
import resource, sys
from pathlib import Path
from tacit.stream.errors import RecordingError
from tacit.stream.recording import RecordingWriter, Topic
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
writer, written = RecordingWriter(Path(sys.argv[1])), 0
try:
    while True:
        writer.write(Topic("/bytes", "raw"), written, bytes(1000))
        written += 1
except RecordingError as exc:
    print(written, exc)
"""


@pytest.mark.process
def test_a_full_disk_leaves_all_whole_records(tmp_path: Path) -> None:
    path = tmp_path / "s.mcap"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True
    )
    written, _, message = done.stdout.partition(" ")
    assert "cannot record any more: File too large" in message
    assert int(written) > 40
    reader = RecordingReader(path)
    assert len(list(reader)) == int(written)
    assert reader.tail.lost_bytes == 0
    assert path.stat().st_size <= 50_000 < path.stat().st_size + 1100
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 50_000
