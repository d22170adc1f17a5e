"""A local camera as packets, through OpenCV.

A camera that stops answering blocks its reader inside the driver for ever. So it is read by a
thread that nobody waits for longer than a deadline; the process around it is then given up.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Protocol, Self

import cv2
import numpy as np
from cv2_enumerate_cameras import enumerate_cameras
from numpy.typing import NDArray

from .channel import Channel, ChannelStatistics
from .clock import Clock
from .device_names import DeviceName, choose
from .errors import ChannelClosed, DeviceError
from .limits import CAMERA_OPEN_NS, CAMERA_STALL_NS, MEDIA_MAX_SIDE
from .packet import NS_PER_MS, NS_PER_S, Packet

Picture = NDArray[np.uint8]

NOMINAL_NS: Final = NS_PER_S // 30
# Some drivers give a picture now and then that is none; as many in a row are no accident.
_BAD_READS: Final = 30


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that the system lists.

    Attributes:
        name: what it calls itself; with its path where two have the same name.
        number: OpenCV's number for it.
        path: where the system has it; empty where it does not say.
    """

    name: str
    number: int
    path: str = ""

    @property
    def names(self) -> DeviceName:
        """Its names without and with the path."""
        short = self.name.removesuffix(f" ({self.path})")
        return DeviceName(short, f"{short} ({self.path})" if self.path else short)


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool:
        """Whether it can be read."""

    def read(self) -> tuple[bool, Picture]:
        """The next picture, (H, W, 3) uint8 BGR."""

    def release(self) -> None:
        """Free the device."""


Opener = Callable[[int | str], Capture]


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine; none of them is opened."""
    # One device may be listed once for each way to reach it.
    found = {device.path or str(device.index): device for device in enumerate_cameras()}
    listed = [CameraInfo(d.name, d.index, d.path or "") for _, d in sorted(found.items())]
    names = [camera.names for camera in listed]
    return [replace(camera, name=camera.names.shown(names)) for camera in listed]


def find_camera(source: str | None, cameras: list[CameraInfo] | None = None) -> int | str:
    """What OpenCV is to open.

    Args:
        source: a name or a part of it that only one camera has, a number, a URL or a file; None or
            "default" for the first camera.
        cameras: to choose from; None for those of this machine.

    Raises:
        DeviceError: there is no such camera, or several.
    """
    found = _listed(source, list_cameras() if cameras is None else cameras)
    return found if isinstance(found, str) else found.number


def name_camera(source: str | None, cameras: list[CameraInfo] | None = None) -> str:
    """By what the same camera, and no other, is found again after it was unplugged.

    Args:
        source: see `find_camera`.
        cameras: to choose from; None for those of this machine.

    Returns:
        its name, or the URL or file itself.

    Raises:
        DeviceError: there is no such camera, or several.
    """
    found = _listed(source, list_cameras() if cameras is None else cameras)
    return found if isinstance(found, str) else found.name


def _listed(source: str | None, cameras: list[CameraInfo]) -> CameraInfo | str:
    known = {name for camera in cameras for name in (camera.names.short, camera.names.full)}
    if source is not None and source not in known and ("://" in source or "/" in source):
        return source
    if not cameras:
        if source is not None and source.isdigit():
            # Some systems open what they do not list.
            return CameraInfo(source, int(source))
        raise DeviceError(
            "no camera found: connect one, and allow this program to use it, or name a URL"
        )
    if source in (None, "", "default"):
        return cameras[0]
    assert source is not None
    if source.isdigit() and source not in known:
        numbered = [camera for camera in cameras if camera.number == int(source)]
        if numbered:
            return numbered[0]
        numbers = ", ".join(str(camera.number) for camera in cameras)
        raise DeviceError(f"no camera has the number {source}, only {numbers}; see `tacit devices`")
    return cameras[choose("camera", source, [camera.names for camera in cameras])]


def _open(source: int | str) -> Capture:
    capture: Any = cv2.VideoCapture(source)  # its stub allows for more than pictures
    opened: Capture = capture
    return opened


@dataclass(frozen=True, slots=True)
class _Shot:
    picture: Picture
    t_ns: int
    number: int


class Camera:
    """An open camera; of pictures that nobody takes in time only the newest is kept.

    Args:
        source: see `find_camera`.
        clock: the session clock.
        participant: whose face it sees.
        epoch: how often it has been opened before.
        max_side: longer side in pixels to which larger pictures are scaled down.
        opener: stands for `cv2.VideoCapture`.

    Raises:
        DeviceError: there is no such camera.
    """

    def __init__(
        self,
        source: str | None,
        clock: Clock,
        *,
        participant: str = "p1",
        epoch: int = 0,
        max_side: int = MEDIA_MAX_SIDE,
        opener: Opener = _open,
    ) -> None:
        self.name: Final = source or "default"
        self._device = find_camera(source)
        self._clock = clock
        self._participant = participant
        self._epoch = epoch
        self._max_side = max_side
        self._opener = opener
        self._shots: Channel[_Shot] = Channel(1, "latest")
        self._failure = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    @property
    def statistics(self) -> ChannelStatistics:
        """Where the pictures of the camera went."""
        return self._shots.statistics()

    def packets(self) -> Iterator[Packet]:
        """Pictures as packets until the camera is closed.

        A packet lasts as long as its predecessor did, 33 ms at first.

        Yields:
            Kind "media", modality "face"; data (H, W, 3) uint8, BGR.

        Raises:
            DeviceError: it does not open within 5 s, or gave no picture for 2 s.
        """
        seq, last_ns, lasts_ns, patience_ns = 0, -1, NOMINAL_NS, CAMERA_OPEN_NS
        while True:
            try:
                shot = self._shots.take(patience_ns / NS_PER_S)
            except ChannelClosed:
                if self._failure:
                    raise DeviceError(self._failure) from None
                return
            except TimeoutError:
                what = "has stopped" if seq else "does not open"
                raise DeviceError(
                    f"camera {self.name!r} {what}; is it still connected, and free?"
                ) from None
            patience_ns = CAMERA_STALL_NS
            if shot.t_ns <= last_ns:
                continue
            if last_ns >= 0:
                lasts_ns = min(max(shot.t_ns - last_ns, NS_PER_MS), 4 * NOMINAL_NS)
            last_ns = shot.t_ns
            yield Packet(
                "media",
                "face",
                self._participant,
                self.name[:120],
                self._epoch,
                seq,
                shot.t_ns,
                lasts_ns,
                max(shot.t_ns, self._clock.now_ns()),
                _scaled(shot.picture, self._max_side),
                {"device_frame": shot.number},
            )
            seq += 1

    def close(self) -> None:
        """Give the camera back and end `packets`; waits at most half a second for the driver."""
        self._ended.set()
        self._shots.close(discard=True)
        if self._thread is not threading.current_thread():
            self._thread.join(0.5)

    def __enter__(self) -> Self:
        """The camera itself; it is opening already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _read(self) -> None:
        try:
            self._shoot()
        except (cv2.error, OSError) as exc:
            self._failure = f"camera {self.name!r} failed: {str(exc).strip() or type(exc).__name__}"
        except ChannelClosed:
            return
        finally:
            self._shots.close()

    def _shoot(self) -> None:
        capture = self._opener(self._device)
        try:
            if not capture.isOpened():
                self._failure = (
                    f"camera {self.name!r} does not open; is it connected, and not in use?"
                )
                return
            number = bad = 0
            while not self._ended.is_set():
                good, picture = capture.read()
                now_ns = self._clock.now_ns()
                number += 1
                if good and picture is not None and picture.ndim == 3:
                    bad = 0
                    self._shots.offer(_Shot(picture, now_ns, number))
                    continue
                bad += 1
                if bad >= _BAD_READS:
                    self._failure = f"camera {self.name!r} gives no pictures any more"
                    return
                self._ended.wait(NOMINAL_NS / NS_PER_S)
        finally:
            capture.release()


def _scaled(picture: Picture, max_side: int) -> Picture:
    height, width = picture.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1.0:
        return np.ascontiguousarray(picture)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
