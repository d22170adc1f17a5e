"""Writes a session file beside the session, so that a slow or full disk never holds it up."""

import threading
from collections.abc import Callable
from typing import Final

from .channel import Channel
from .errors import ChannelClosed, DiskFull, StreamError
from .limits import CHECKPOINT_NS, RECORDING_BACKLOG
from .packet import NS_PER_S
from .recording import RecordingWriter

Task = Callable[[RecordingWriter], None]
Reopen = Callable[[], RecordingWriter | None]
CLOSE_S: Final = 30.0
RETRY_S: Final = 1.0
"""How often a full disk is asked whether it has room again."""
EXTRAS_SHARE: Final = 8
"""What can be left out is left out once an eighth of the backlog waits."""


class RecordingThread:
    """Takes writing tasks in order and does them in a thread of its own.

    The first failure ends the recording: `failure` then says why, and later tasks are passed over.
    A full disk only interrupts it when there is a way to go on: once there is room, tasks go to
    another file.

    Args:
        writer: the file; belongs to the thread from now on.
        patient: wait when the disk is behind, as one may when time can wait; otherwise falling
            behind by `backlog` tasks ends the recording.
        backlog: most tasks that wait.
        reopen: asked in this thread, while the disk is full, for the file to go on with; None while
            there is none.
        retry_s: how often.

    Attributes:
        failure: why nothing is recorded at present; empty while it is.
        stops: every reason for which recording has stopped so far.
    """

    def __init__(
        self,
        writer: RecordingWriter,
        *,
        patient: bool,
        backlog: int = RECORDING_BACKLOG,
        reopen: Reopen | None = None,
        retry_s: float = RETRY_S,
    ) -> None:
        self.failure = ""
        self.stops: Final[list[str]] = []
        self._writer = writer
        self._reopen = reopen
        self._retry_s = retry_s
        self._timeout_s = None if patient else 0.0
        self._extras = backlog // EXTRAS_SHARE
        self._tasks: Channel[Task] = Channel(backlog, "block")
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Whether nothing is recorded at present, or so much waits that extras had better not."""
        return bool(self.failure) or self._tasks.statistics().in_flight > self._extras

    def put(self, task: Task) -> None:
        """Have something written; never fails, see `failure`."""
        if self.failure:
            return
        try:
            if not self._tasks.offer(task, self._timeout_s):
                self._fail(f"{self._writer.path}: the disk is too slow to record")
        except ChannelClosed:
            self._fail(f"{self._writer.path}: recording has ended")

    def close(self) -> None:
        """Write what waits and complete the file; waits at most half a minute for the disk."""
        self._tasks.close()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self._fail(f"{self._writer.path}: the disk did not answer in {CLOSE_S:.0f} s")

    def _run(self) -> None:
        try:
            while self._write():
                pass
        except (StreamError, OSError) as exc:
            self._fail(str(exc))
        finally:
            self._tasks.close(discard=True)

    def _write(self) -> bool:
        """Write until the end, or until the disk is full; says whether to go on in another file."""
        try:
            while self._step():
                pass
            self._writer.close()
        except DiskFull as exc:
            if self._reopen is None:
                raise
            self._stop(str(exc))
            return self._wait_for_room(self._reopen)
        return False

    def _step(self) -> bool:
        try:
            task = self._tasks.take(CHECKPOINT_NS / NS_PER_S)
        except TimeoutError:
            self._writer.checkpoint()
            return True
        except ChannelClosed:
            return False
        task(self._writer)
        return True

    def _wait_for_room(self, reopen: Reopen) -> bool:
        """Pass over what comes until there is another file; False when the session ends first."""
        while True:
            try:
                self._tasks.take(self._retry_s)
                continue
            except TimeoutError:
                writer = reopen()
            except ChannelClosed:
                return False
            if writer is not None:
                self._writer = writer
                self.failure = ""
                return True

    def _stop(self, reason: str) -> None:
        self.stops.append(reason)
        self.failure = reason

    def _fail(self, reason: str) -> None:
        # The first reason is the cause; what follows is its consequence.
        if not self.failure:
            self._stop(reason)
        self._tasks.close(discard=True)
