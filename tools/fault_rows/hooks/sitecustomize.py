"""Python imports this at the start of each worker of a rig: SIGUSR1 then blows its memory up."""

import signal
import time

PIECE = 32 << 20
MOST = 96


def blow_up(_number: int, _frame: object) -> None:
    """Take 640 MiB of memory a second, up to 3 GiB, and keep it."""
    taken = []
    while True:
        if len(taken) < MOST:
            taken.append(bytearray(b"\1") * PIECE)
        time.sleep(0.05)


signal.signal(signal.SIGUSR1, blow_up)
