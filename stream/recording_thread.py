"""Writes a session file beside the session, so that a slow or full disk never holds it up."""

import threading
from collections.abc import Callable
from typing import Final

from .channel import Channel
from .errors import ChannelClosed, StreamError
from .limits import CHECKPOINT_NS, RECORDING_BACKLOG
from .packet import NS_PER_S
from .recording import RecordingWriter

Task = Callable[[RecordingWriter], None]
CLOSE_S: Final = 30.0


class RecordingThread:
    """Takes writing tasks in order and does them in a thread of its own.

    The first failure ends the recording: `failure` then says why, and later tasks are passed over.

    Args:
        writer: the file; belongs to the thread from now on.
        patient: wait when the disk is behind, as one may when time can wait; otherwise falling
            behind by `backlog` tasks ends the recording.
        backlog: most tasks that wait.
    """

    def __init__(
        self, writer: RecordingWriter, *, patient: bool, backlog: int = RECORDING_BACKLOG
    ) -> None:
        self.failure = ""
        self._writer = writer
        self._timeout_s = None if patient else 0.0
        self._tasks: Channel[Task] = Channel(backlog, "block")
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

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
            while self._step():
                pass
            self._writer.close()
        except (StreamError, OSError) as exc:
            self._fail(str(exc))
        finally:
            self._tasks.close(discard=True)

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

    def _fail(self, reason: str) -> None:
        # The first reason is the cause; what follows is its consequence.
        self.failure = self.failure or reason
        self._tasks.close(discard=True)
