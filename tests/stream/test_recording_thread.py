import threading
from pathlib import Path

import pytest

from tacit.stream.errors import RecordingError
from tacit.stream.recording import Entry, RecordingWriter, Topic
from tacit.stream.recording_reader import RecordingReader
from tacit.stream.recording_thread import RecordingThread, Task

TOPIC = Topic("/n", "raw")


def writing(n: int) -> Task:
    return lambda writer: writer.write(TOPIC, n, b"x")


def times(path: Path) -> list[int]:
    return [r.t_ns for r in RecordingReader(path) if isinstance(r, Entry)]


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    return RecordingWriter(tmp_path / "s.mcap")


def test_tasks_are_done_in_order_and_all_before_the_end(writer: RecordingWriter) -> None:
    thread = RecordingThread(writer, patient=True, backlog=8)
    for n in range(500):
        thread.put(writing(n))
    thread.close()
    assert thread.failure == ""
    assert times(writer.path) == list(range(500))
    reader = RecordingReader(writer.path)
    assert list(reader)
    assert reader.tail.complete


def test_a_disk_that_hangs_ends_the_recording_and_not_the_session(
    writer: RecordingWriter,
) -> None:
    hang = threading.Event()

    def wait(_: RecordingWriter) -> None:
        hang.wait(30)

    thread = RecordingThread(writer, patient=False, backlog=8)
    thread.put(writing(0))
    thread.put(wait)
    for n in range(1, 100):
        thread.put(writing(n))  # returns although nothing is written
    assert "too slow" in thread.failure
    hang.set()
    thread.close()
    found = times(writer.path)
    assert found == list(range(len(found)))


def test_the_first_failure_ends_it_and_is_kept(writer: RecordingWriter) -> None:
    def fail(_: RecordingWriter) -> None:
        raise RecordingError("the disk is full")

    thread = RecordingThread(writer, patient=True)
    thread.put(writing(0))
    thread.put(fail)
    thread.close()
    thread.put(writing(1))
    assert thread.failure == "the disk is full"
    assert times(writer.path) == [0]
