"""A process that records: `python -m tools.fault_rows.recording FILE MOST_BYTES`.

It writes records of 1000 bytes until it is killed or the file may grow no more, and says after each
how many are written.
"""

import resource
import sys
from pathlib import Path

from tacit.stream.errors import RecordingError
from tacit.stream.recording import RecordingWriter, Topic


def record(path: Path, most: int) -> None:
    """Record; with a limit, until the file has reached it."""
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    writer, written = RecordingWriter(path), 0
    try:
        while True:
            writer.write(Topic("/bytes", "raw"), written, bytes(1000))
            written += 1
            print(written, flush=True)
    except RecordingError:
        return


if __name__ == "__main__":
    record(Path(sys.argv[1]), int(sys.argv[2]))
