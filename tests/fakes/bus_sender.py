"""A process that sends COUNT messages on a bus endpoint and then stays until it is killed."""

import signal
import sys

from tacit.stream.bus import BusSender
from tacit.stream.wire import Message


def main() -> None:
    endpoint, epoch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with BusSender(endpoint, source="worker", epoch=epoch, bind=False) as sender:
        for k in range(count):
            if not sender.send(Message("tick", {"k": k}), timeout_s=20.0):
                raise SystemExit("nobody takes the messages")
        signal.pause()


if __name__ == "__main__":
    main()
