"""Events for other programs over ZeroMQ: plain text that any language can read.

Each message has two frames: a topic `SESSION/PARTICIPANT/KIND[/MODALITY]` and JSON. A program that
subscribes late is told the last value of each topic that stays true until the next one.
"""

from collections.abc import Mapping
from typing import Final

import zmq

from . import limits
from .bus import BusEnd, BusOptions
from .errors import BusError

MOST_TOPIC_BYTES: Final = 512
MOST_LAST: Final = 1024
"""Last values that are kept; sessions that ended take none."""


class Publisher(BusEnd):
    """Publishes text under topics; a slow reader loses messages, and nobody else notices.

    An object belongs to the thread that made it.

    Args:
        endpoint: `ipc://PATH` or `tcp://HOST:PORT`; TCP beyond loopback needs CURVE keys.
        options: settings that rarely change.

    Raises:
        BusError: the endpoint cannot be used.
        LocalError: the endpoint is not allowed.
    """

    def __init__(self, endpoint: str, options: BusOptions | None = None) -> None:
        super().__init__({"latest": zmq.XPUB}, "latest", options or BusOptions())
        self._last: dict[str, str] = {}
        self._attach([endpoint], bind=True)
        # Without it, only the first of several readers of a topic would be told last values.
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)

    @property
    def last(self) -> Mapping[str, str]:
        """Last values by topic."""
        return self._last

    def publish(self, topic: str, text: str, *, keep: bool = False) -> None:
        """Send a message.

        Args:
            topic: see the module.
            text: JSON.
            keep: whether late readers are told it, until a next one under this topic.
        """
        if keep and (topic in self._last or len(self._last) < MOST_LAST):
            self._last[topic] = text
        self._send(topic, text)

    def forget(self, prefix: str) -> None:
        """Tell late readers nothing more of topics that begin so."""
        self._last = {t: text for t, text in self._last.items() if not t.startswith(prefix)}

    def serve(self) -> None:
        """Tell readers that have come since the last call what they missed."""
        wanted: set[str] = set()
        while True:
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            except zmq.ZMQError as error:
                raise BusError(f"the publisher cannot be read: {error.strerror}") from error
            if frame[:1] == b"\x01" and len(frame) <= MOST_TOPIC_BYTES:
                prefix = frame[1:].decode(errors="replace")
                wanted |= {topic for topic in self._last if topic.startswith(prefix)}
        for topic in sorted(wanted):
            self._send(topic, self._last[topic])

    def _send(self, topic: str, text: str) -> None:
        parts = [topic.encode(), text.encode()]
        if sum(map(len, parts)) > limits.MAX_MESSAGE_BYTES:
            return
        try:
            self.socket.send_multipart(parts, flags=zmq.NOBLOCK)
        except zmq.Again:
            return
        except zmq.ZMQError as error:
            raise BusError(f"the publisher cannot send: {error.strerror}") from error
