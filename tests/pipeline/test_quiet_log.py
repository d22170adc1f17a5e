import logging
import queue
import subprocess
import sys
import time

import pytest

from tacit.pipeline.quiet_log import DroppingHandler

pytestmark = pytest.mark.unit

STUCK = """
import logging, sys, time
from tacit.pipeline.quiet_log import log_beside
handler = log_beside()
log, longest = logging.getLogger("t"), 0.0
for k in range(5000):
    began = time.monotonic()
    log.warning("%d %s", k, "x" * 200)
    longest = max(longest, time.monotonic() - began)
print(handler.lost, longest, flush=True)
"""


def test_lines_without_room_are_counted_and_lost() -> None:
    handler = DroppingHandler(room=3)
    for k in range(5):
        handler.handle(logging.makeLogRecord({"msg": str(k), "levelno": logging.WARNING}))
    assert handler.lost == 2
    assert [handler.waiting.get_nowait().msg for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(queue.Empty):
        handler.waiting.get_nowait()


@pytest.mark.process
def test_a_pipe_that_nobody_reads_holds_nothing_up() -> None:
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lost, longest = process.stdout.readline().split()
        process.kill()
    assert int(lost) > 3000
    assert float(longest) < 5.0
    assert time.monotonic() - began < 50
