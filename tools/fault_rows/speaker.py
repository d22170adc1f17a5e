"""A process that publishes on the bus: `python -m tools.fault_rows.speaker ENDPOINT EPOCH`."""

import sys
import time

from tacit.stream.bus import BusSender
from tacit.stream.wire import Message

PERIOD_S = 0.02


def speak(endpoint: str, epoch: int) -> None:
    """Publish until killed; every message says when this began, monotonic clock."""
    begun_ns = time.monotonic_ns()
    with BusSender(endpoint, source="speaker", bind=True, epoch=epoch, delivery="latest") as sender:
        while True:
            sender.send(Message("tick", {"begun_ns": begun_ns}))
            time.sleep(PERIOD_S)


if __name__ == "__main__":
    speak(sys.argv[1], int(sys.argv[2]))
