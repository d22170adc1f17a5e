import threading
from pathlib import Path

import cv2
import pytest

from tools.fault_rows.webcam import webcam

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


def test_a_stalled_webcam_blocks_its_reader_until_it_goes_on(sample: Path) -> None:
    read = threading.Event()

    with webcam(sample) as camera:
        capture = cv2.VideoCapture(camera.url)
        assert capture.read()[0]
        camera.stalled = True

        def drain() -> None:
            while not read.is_set():
                before = camera.stalled
                good, _ = capture.read()
                if good and not before:
                    read.set()

        reader = threading.Thread(target=drain, daemon=True)
        reader.start()
        assert not read.wait(2.0)
        camera.stalled = False
        assert read.wait(20.0)
        reader.join(20.0)
        capture.release()
