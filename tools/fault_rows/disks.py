"""Rows 26 and 27: disks that are full, slow or read-only, and recordings that are cut off."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.intake import SessionSetup
from tacit.pipeline.live.engine import Opening
from tacit.pipeline.predictors import ModelIdentity
from tacit.pipeline.recorder import Recorder, RecordOptions, facts_of_live
from tacit.stream.errors import RecordingError
from tacit.stream.limits import MIN_FREE_SHARE
from tacit.stream.packet import NS_PER_MS
from tacit.stream.player import FilePlayer
from tacit.stream.recording import Entry, RecordingWriter, Topic
from tacit.stream.recording_reader import RecordingReader
from tacit.stream.recording_thread import RecordingThread
from tools.fault_rows.clip import sample_path
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import Person, is_result

TOPIC: Final = Topic("/bytes", "raw")
DISK: Final = 128 << 20
SWEEP: Final = 10_000
RESUMED_MS: Final = 2000.0
"""A full disk is asked once a second whether it has room again."""


@contextmanager
def small_disk(folder: Path, size: int, *, read_only: bool = False) -> Iterator[Path]:
    """A file system of its own, in memory.

    Raises:
        OSError: it cannot be made here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size},mode=0700" + (",ro" if read_only else "")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise OSError(made.stderr.strip() or "mount failed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def why_no_disk() -> str:
    """Why a file system cannot be made here; empty when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, for a file system of its own"
    return ""


@fault(26, "disk-fills-up", "N", detect_ms=1000, recover_ms=RESUMED_MS, gap_hops=2)
def disk_fills_up(setting: Setting) -> Outcome:
    """Something else fills the disk while a live session is recorded."""
    if why := why_no_disk():
        return Outcome(skipped=why)
    rig = setting.rig()
    try:
        with small_disk(setting.folder / "disk", DISK) as disk:
            recorder = Recorder(RecordOptions(disk / "s.mcap", patient=False))

            def tap_of(setup: SessionSetup, identity: ModelIdentity) -> Recorder:
                recorder.begin(facts_of_live(setup, identity, recorder.options), None)
                return recorder

            handle = rig.engine.open(Opening("p1", "test", tap_of=tap_of))
            player = FilePlayer(sample_path(), handle, loop=True)
            player.start()
            person = Person(rig.hearing, handle.session_id, handle.end)
            assert person.wait(is_result)
            time.sleep(1.5)
            for marked in person.events:
                recorder.event(marked.event)
            outcome = _fill(disk, recorder, person)
            player.stop()
            person.stop()
            recorder.close()
            found = list(RecordingReader(disk / "s.mcap"))
            outcome.check("what was recorded can be read", len(found) > 20, f"{len(found)} records")
            return outcome
    except OSError as exc:
        return Outcome(skipped=f"no file system of its own: {exc}")


def _fill(disk: Path, recorder: Recorder, person: Person) -> Outcome:
    outcome, since_ns = Outcome(), time.monotonic_ns()
    with (disk / "other").open("wb") as other:
        room = os.statvfs(disk)
        free, most = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
        other.write(bytes(int(free - MIN_FREE_SHARE / 2 * most)))
    full_ns = time.monotonic_ns()
    while not recorder.failure and time.monotonic_ns() - full_ns < 20e9:
        time.sleep(0.005)
    if recorder.failure:
        outcome.detected_ms = (time.monotonic_ns() - full_ns) / NS_PER_MS
    outcome.check(
        "it says why it stopped", "left on the disk" in recorder.failure, recorder.failure
    )
    later = person.wait(is_result, time.monotonic_ns() + 1_000_000_000)
    outcome.check("the session goes on", later is not None)
    outcome.gap_hops = person.gap_hops(since_ns, time.monotonic_ns())
    (disk / "other").unlink()
    room_ns = time.monotonic_ns()
    while len(recorder.paths) == 1 and time.monotonic_ns() - room_ns < 20e9:
        time.sleep(0.005)
    if len(recorder.paths) > 1:
        outcome.recovered_ms = (time.monotonic_ns() - room_ns) / NS_PER_MS
    names = [path.name for path in recorder.paths]
    outcome.check("recording goes on in a new file", len(names) == 2, names)
    return outcome


@fault(26, "disk-read-only", "N", detect_ms=2000)
def disk_read_only(setting: Setting) -> Outcome:
    """Recording onto a disk that cannot be written is refused at once."""
    if why := why_no_disk():
        return Outcome(skipped=why)
    outcome = Outcome()
    try:
        with small_disk(setting.folder / "disk", 1 << 20, read_only=True) as disk:
            began_s = time.monotonic()
            try:
                Recorder(RecordOptions(disk / "s.mcap")).close()
            except RecordingError as exc:
                outcome.detected_ms = (time.monotonic() - began_s) * 1000
                outcome.check("the file is named", str(disk) in str(exc), exc)
    except OSError as exc:
        return Outcome(skipped=f"no file system of its own: {exc}")
    return outcome


@fault(26, "disk-writes-short", "P")
def disk_writes_short(setting: Setting) -> Outcome:
    """The system takes only a part of a record: the file may not grow beyond 50 kB."""
    path, outcome = setting.folder / "s.mcap", Outcome()
    done = subprocess.run(
        [sys.executable, "-m", "tools.fault_rows.recording", str(path), "50000"],
        capture_output=True,
        text=True,
        check=True,
    )
    written = int(done.stdout.split()[-1])
    reader = RecordingReader(path)
    read = len(list(reader))
    outcome.check("every whole record is there", read == written > 40, f"{read} of {written}")
    outcome.check("the tail is whole", reader.tail.lost_bytes == 0, reader.tail.lost_bytes)
    return outcome


class _SlowWriter:
    """A recording whose disk needs two seconds for each record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = threading.Event()

    def write(self, *_record: object) -> None:
        self.ended.wait(2.0)

    def checkpoint(self) -> None: ...

    def close(self) -> None: ...


@fault(26, "disk-slow", "U", detect_ms=1000)
def disk_slow(setting: Setting) -> Outcome:
    """The disk takes two seconds for each record, and the session gives hundreds a second."""
    outcome, slow = Outcome(), _SlowWriter(setting.folder / "s.mcap")
    thread = RecordingThread(slow, patient=False)  # type: ignore[arg-type]
    longest_s, began_s, count = 0.0, time.monotonic(), 0
    while not thread.failure and count < 20_000:
        put_s = time.monotonic()
        thread.put(lambda writer: writer.write(TOPIC, 0, b""))
        longest_s = max(longest_s, time.monotonic() - put_s)
        count += 1
    if thread.failure:
        outcome.detected_ms = (time.monotonic() - began_s) * 1000
    slow.ended.set()
    thread.close()
    found = f"at most {longest_s * 1000:.1f} ms each, {count} records"
    outcome.check("nothing waits for the disk", longest_s < 0.5, found)
    outcome.check("it says why it stopped", "too slow" in thread.failure, thread.failure)
    return outcome


@fault(27, "recording-cut", "U")
def recording_cut(setting: Setting) -> Outcome:
    """A recording is cut at every byte of its last 10 kB."""
    path, outcome = setting.folder / "cut.mcap", Outcome()
    made = [bytes([n]) * (600 + 40 * n) for n in range(13)]
    with RecordingWriter(path) as writer:
        for n, data in enumerate(made):
            writer.write(TOPIC, n, data)
            if n % 5 == 4:
                writer.checkpoint(synchronise=False)
    before, most, wrong = len(made), 0, 0
    size = path.stat().st_size
    with path.open("r+b") as file:
        for cut in range(size - 1, max(0, size - SWEEP), -1):
            file.truncate(cut)
            found = [r.data for r in RecordingReader(path) if isinstance(r, Entry)]
            wrong += found != made[: len(found)]
            most, before = max(most, before - len(found)), len(found)
    outcome.check("no cut costs more than one record", most <= 1, f"{most}, {SWEEP} cuts")
    outcome.check("what is read is what was written", wrong == 0, wrong)
    return outcome


@fault(27, "recorder-killed", "P")
def recorder_killed(setting: Setting) -> Outcome:
    """A process is killed while it records as fast as it can, ten times."""
    outcome, worst, wrong = Outcome(), 0, 0
    for turn in range(10):
        path = setting.folder / f"{turn}.mcap"
        command = [sys.executable, "-m", "tools.fault_rows.recording", str(path), "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = 0
            for line in process.stdout:
                said = int(line)
                if said >= 50 + 37 * turn:
                    process.send_signal(signal.SIGKILL)
                    break
            said = max([said, *(int(line) for line in process.stdout if line.endswith("\n"))])
        found = [r.data for r in RecordingReader(path) if isinstance(r, Entry)]
        worst = max(worst, said - len(found))
        wrong += any(data != bytes(1000) for data in found)
    outcome.check("at most one record is lost", worst <= 1, f"{worst} in the worst of 10")
    outcome.check("what is read is what was written", wrong == 0)
    return outcome
