import threading
import time
from pathlib import Path

import pytest

from tacit.stream.errors import DiskFull, RecordingError
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


def test_a_full_disk_interrupts_and_another_file_goes_on(
    writer: RecordingWriter, tmp_path: Path
) -> None:
    asked = threading.Semaphore(0)
    room = threading.Event()

    def fill(_: RecordingWriter) -> None:
        raise DiskFull("the disk is full")

    def reopen() -> RecordingWriter | None:
        asked.release()
        return RecordingWriter(tmp_path / "s.2.mcap") if room.is_set() else None

    thread = RecordingThread(writer, patient=False, reopen=reopen, retry_s=0.01)
    thread.put(writing(0))
    thread.put(fill)
    assert asked.acquire(timeout=30)
    assert asked.acquire(timeout=30)
    assert thread.failure == "the disk is full"
    thread.put(writing(1))
    room.set()
    deadline = time.monotonic() + 30
    while thread.failure and time.monotonic() < deadline:
        time.sleep(0.005)
    thread.put(writing(2))
    thread.close()
    assert (thread.failure, thread.stops) == ("", ["the disk is full"])
    assert times(writer.path) == [0]
    assert times(tmp_path / "s.2.mcap") == [2]


def test_a_session_may_end_while_the_disk_is_full(writer: RecordingWriter) -> None:
    def fill(_: RecordingWriter) -> None:
        raise DiskFull("the disk is full")

    thread = RecordingThread(writer, patient=False, reopen=lambda: None, retry_s=0.01)
    thread.put(fill)
    thread.close()
    assert thread.failure == "the disk is full"
