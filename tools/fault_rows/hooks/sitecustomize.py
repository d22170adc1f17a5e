"""Imported by Python at the start of each worker of a rig: two signals that do harm.

SIGUSR1 blows its memory up, SIGUSR2 slows it down.
"""

import signal
import time

PIECE = 32 << 20
MOST = 96


def blow_up(_number: int, _frame: object) -> None:
    """Take 640 MiB of memory a second, up to 3 GiB, and keep it."""
    taken: list[bytearray] = []
    while True:
        if len(taken) < MOST:
            taken.append(bytearray(b"\1") * PIECE)
        time.sleep(0.05)


def be_slow(_number: int, _frame: object) -> None:
    """Do nothing for most of a second, whatever there is to do."""
    time.sleep(0.9)


signal.signal(signal.SIGUSR1, blow_up)
signal.signal(signal.SIGUSR2, be_slow)
