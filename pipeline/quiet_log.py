"""Log lines that never hold anything up: a thread of their own writes them.

Standard error may be a pipe that nobody reads. Whoever writes to it then waits for ever, and a
server whose event loop waits is no server any more. Lines that find no room are counted and lost.
"""

import logging
import queue
from logging.handlers import QueueHandler, QueueListener
from typing import Final

WAITING: Final = 1000
FORMAT: Final = "%(levelname)s %(name)s: %(message)s"


class DroppingHandler(QueueHandler):
    """Queues lines for a thread; loses those for which there is no room.

    Args:
        room: most lines that wait.

    Attributes:
        lost: lines that found no room.
    """

    def __init__(self, room: int = WAITING) -> None:
        self.waiting: Final[queue.Queue[logging.LogRecord]] = queue.Queue(room)
        super().__init__(self.waiting)
        self.lost = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it as lost."""
        try:
            self.waiting.put_nowait(record)
        except queue.Full:
            self.lost += 1


def log_beside(level: int = logging.WARNING) -> DroppingHandler:
    """Let the root logger write to standard error without ever waiting for it."""
    written = logging.StreamHandler()
    written.setFormatter(logging.Formatter(FORMAT))
    handler = DroppingHandler()
    # Its thread is a daemon and is not waited for: it may be stuck in a pipe when all else ends.
    QueueListener(handler.waiting, written).start()
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler
