import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.serving import Serving, serving

# Before torch is imported: small models are slower on many threads, and stall where cores are busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts jobs in its background deaf to interrupts, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


def find_data_root() -> Path | None:
    named = os.environ.get("TACIT_DATA")
    for candidate in (Path(named) if named else None, ROOT.parent / "shared" / "data"):
        if candidate is not None and candidate.is_dir():
            return candidate
    return None


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The shared data folder; tests that use it skip where it is absent."""
    found = find_data_root()
    if found is None:
        pytest.skip("needs the data folder: set TACIT_DATA or put it at ../shared/data")
    return found


@pytest.fixture(scope="session")
def sample() -> Path:
    """The bundled sample: a moving face and a synthetic voice."""
    return ROOT / "pipeline" / "assets" / "sample.mp4"


@pytest.fixture(scope="session")
def server() -> Iterator[Serving]:
    """`tacit serve`, started once: loading the models takes longer than most tests that use it."""
    with serving() as found:
        yield found
