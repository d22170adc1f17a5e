import mmap
import os
import subprocess
import sys
import threading

import pytest

from tools.soak_processes import Usage, family, total, usage


def test_usage_of_this_process_follows_what_it_does() -> None:
    before = usage(os.getpid())
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    held = mmap.mmap(-1, 64 << 20)  # not from the heap, which may have as much to spare
    held.write(b"x" * len(held))
    with open(os.devnull) as _:
        after = usage(os.getpid())
    ended.set()
    thread.join()
    held.close()
    assert after.rss_mb - before.rss_mb > 32
    assert after.threads == before.threads + 1
    assert after.fds >= before.fds + 1
    assert 0 < after.pss_mb <= after.rss_mb
    assert after.cpu_s >= before.cpu_s


def test_a_family_is_a_process_with_all_its_descendants() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        for _ in range(2000):
            found = family(child.pid)
            if len(found) == 2:
                break
            threading.Event().wait(0.01)
        assert next(iter(found)) == child.pid
        assert len(found) == 2
        assert child.pid in family(os.getpid())
    finally:
        child.communicate(b"\n")
    with pytest.raises(OSError, match="No such"):
        usage(child.pid)


def test_usages_add_up() -> None:
    one = Usage(10.0, 5.0, 3, 2, 1.5)
    assert total([one, one]) == Usage(20.0, 10.0, 6, 4, 3.0)
    assert total([]) == Usage()
