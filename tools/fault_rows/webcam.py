"""A webcam stand-in: a local MJPEG server that can be frozen, stalled or unplugged.

OpenCV reads it as it reads a network camera, with the same blocking calls.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import av
import cv2

PERIOD_S = 1 / 25


class Webcam:
    """Shows the pictures of a file over and over.

    Args:
        media: whose pictures.
        port: 0 for any that is free.

    Attributes:
        frozen: it sends one picture again and again.
        stalled: it sends nothing, and keeps the line open: its reader blocks.
        missing_ns: when the first picture was due that it did not send, monotonic clock.
    """

    def __init__(self, media: Path, port: int = 0) -> None:
        self.frozen = self.stalled = False
        self.missing_ns: int | None = None
        self._shots = _jpegs(media)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What names it as a camera."""
        return f"http://127.0.0.1:{self.port}/cam.mjpg"

    def unplug(self) -> None:
        """Cut the line; a new one on the same port is the camera plugged in again."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def pictures(self) -> Iterator[bytes]:
        """Pictures at their pace until it is unplugged."""
        due_s = time.monotonic()
        shown = self._shots[0]
        for shot in cycle(self._shots):
            shown = shown if self.frozen else shot
            if not self.stalled:
                self.missing_ns = None
                yield shown
            elif self.missing_ns is None:
                self.missing_ns = time.monotonic_ns()
            due_s += PERIOD_S
            if self._ended.wait(max(0.0, due_s - time.monotonic())):
                return


def _jpegs(media: Path) -> list[bytes]:
    with av.open(str(media)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


def _handler(webcam: Webcam) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            try:
                for picture in webcam.pictures():
                    self.wfile.write(
                        b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: "
                        + str(len(picture)).encode()
                        + b"\r\n\r\n"
                        + picture
                        + b"\r\n"
                    )
            except OSError:
                return

        def log_message(self, *_args: object) -> None:
            return

    return Handler


@contextmanager
def webcam(media: Path) -> Iterator[Webcam]:
    """A webcam that is unplugged in the end."""
    camera = Webcam(media)
    try:
        yield camera
    finally:
        camera.unplug()
