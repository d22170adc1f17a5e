"""Face landmarks from MediaPipe: its bundled mesh, or the Tasks landmarker where its file is given.

Both give the same 478 points, so callers need not know which one runs. By default a face is tracked
from frame to frame; with `still=True` every image is looked at afresh. An image in which nothing is
found is looked at again, framed otherwise.

Looking for a second face costs more than following the first, since the detector runs on every
image as long as fewer faces are followed than are looked for. So a stream is read for one face, and
once a second it is searched for all. While there are several, every image is searched.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

# The native graph logs to stderr; the level is read once, so it must be set before the import.
os.environ.setdefault("GLOG_minloglevel", "2")

import cv2
import numpy as np
from mediapipe.python.solutions import face_mesh as bundled
from numpy.typing import NDArray

from .errors import ModelError

LANDMARKS: Final = 478
MIN_SIDE: Final = 32
MAX_SIDE: Final = 8192
MAX_FACES: Final = 2
MIN_CONFIDENCE: Final = 0.3
"""Score that the face detector must reach at first sight; the mesh then judges for itself."""
CLOSER_CONFIDENCE: Final = 0.1
"""The same for further looks at an image in which nothing was found."""
FILLING: Final = 0.3
"""Shorter side that a face must have which only a cut picture shows, as a share of the image's."""
NS_PER_MS: Final = 1_000_000
PROBE_NS: Final = 1000 * NS_PER_MS
"""A second face is seen in the first image that comes this long after the last search."""


@dataclass(frozen=True, slots=True)
class Look:
    """How an image is framed before it is searched again; shares of its shorter side.

    Attributes:
        cut: taken off each side.
        border: black, put about what is left, as a share of that.
    """

    cut: float
    border: float


LOOKS: Final = (Look(0.0, 0.25), Look(0.18, 0.25), Look(0.2, 1.0))
"""Tried in this order until one finds a face.

Faces that fill the image are what the detector misses most, then profiles and hidden faces. Of 250
misses of the plain look in FER+ (training part) the first found 46 %, a lower score alone 18 %; of
the 281 that it left in the whole part, the second found 51 % and the third 12 % more.
"""

_LONG_AGO_NS: Final = -(2**62)

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class FaceLandmarks:
    """The mesh of one face.

    Attributes:
        points: (478, 3) float32; x right and y down in px of the image, z in px of the same scale,
            smaller towards the camera. Points can lie outside the image.
    """

    points: Float32

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the points, px."""
        (left, top), (right, bottom) = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(left), float(top), float(right), float(bottom)

    @property
    def side(self) -> float:
        """Shorter side of the box, px."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)

    @property
    def area(self) -> float:
        """Area of the box in px²."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class _Backend(Protocol):
    """What both landmarkers can do."""

    def detect(self, image_rgb: Image, t_ns: int) -> list[Any]:
        """Landmark lists of all faces, each with normalised x, y, z per point."""

    def restart(self) -> None:
        """Forget what was seen: the next image is the first of another stream."""

    def close(self) -> None:
        """Free the native graph."""


class _Bundled:
    """The mesh whose models lie inside the MediaPipe wheel (up to 0.10.21)."""

    def __init__(self, max_faces: int, still: bool, confidence: float) -> None:
        self._mesh = bundled.FaceMesh(
            static_image_mode=still,
            max_num_faces=max_faces,
            refine_landmarks=True,
            min_detection_confidence=confidence,
        )

    def detect(self, image_rgb: Image, t_ns: int) -> list[Any]:
        with warnings.catch_warnings():
            # protobuf warns at every face about the way in which MediaPipe uses it.
            warnings.filterwarnings("ignore", message=".*GetPrototype", category=UserWarning)
            found = self._mesh.process(image_rgb).multi_face_landmarks
        return [face.landmark for face in found or ()]

    def restart(self) -> None:
        self._mesh.reset()

    def close(self) -> None:
        self._mesh.close()


class _Tasks:
    """The Tasks landmarker over a published `face_landmarker.task` file."""

    def __init__(self, path: Path, max_faces: int, still: bool, confidence: float) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        mode = vision.RunningMode.IMAGE if still else vision.RunningMode.VIDEO
        try:
            options = vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
                running_mode=mode,
                num_faces=max_faces,
                min_face_detection_confidence=confidence,
            )
            create: Any = vision.FaceLandmarker.create_from_options
            self._open: Callable[[], Any] = lambda: create(options)
            self._landmarker = self._open()
        except OSError as exc:
            raise ModelError(f"{path}: cannot be read ({exc.strerror})") from exc
        except (RuntimeError, ValueError) as exc:
            raise ModelError(f"{path}: not a face landmarker .task file: {exc}") from exc
        self._still = still
        self._last_ms = -1

    def detect(self, image_rgb: Image, t_ns: int) -> list[Any]:
        from mediapipe import Image as TaskImage
        from mediapipe import ImageFormat

        image = TaskImage(image_format=ImageFormat.SRGB, data=image_rgb)
        if self._still:
            return list(self._landmarker.detect(image).face_landmarks)
        # The graph aborts on a time that does not grow; equal or late frames get the next ms.
        self._last_ms = max(t_ns // NS_PER_MS, self._last_ms + 1)
        return list(self._landmarker.detect_for_video(image, self._last_ms).face_landmarks)

    def restart(self) -> None:
        # The graph knows no reset, and its smoothing depends on times that only grow.
        self._landmarker.close()
        self._landmarker = self._open()
        self._last_ms = -1

    def close(self) -> None:
        self._landmarker.close()


class FaceMesh:
    """Finds faces and their landmarks in images.

    Args:
        landmarker: a `face_landmarker.task` file; None takes the bundled mesh.
        max_faces: most faces looked for.
        still: True where images are unrelated to each other.

    Raises:
        ModelError: the landmarker file is missing or not one.
    """

    def __init__(
        self, landmarker: Path | None = None, max_faces: int = MAX_FACES, still: bool = False
    ) -> None:
        def open_backend(most: int, alone: bool, confidence: float) -> _Backend:
            if landmarker is None:
                return _Bundled(most, alone, confidence)
            return _Tasks(landmarker, most, alone, confidence)

        probed = max_faces > 1 and not still
        with _quiet():
            self._first = open_backend(1 if probed else max_faces, still, MIN_CONFIDENCE)
            self._closer = open_backend(max_faces, True, CLOSER_CONFIDENCE)
            self._search = open_backend(max_faces, True, MIN_CONFIDENCE) if probed else None
            # The first image starts a graph, which is slow and where it logs most.
            for backend in self._backends():
                backend.detect(np.zeros((128, 128, 3), dtype=np.uint8), 0)
        self._seen_face = False
        self._search_ns = _LONG_AGO_NS
        self._several = False

    def _backends(self) -> list[_Backend]:
        search = [] if self._search is None else [self._search]
        return [self._first, self._closer, *search]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def find(self, image_bgr: Image, t_ns: int) -> tuple[FaceLandmarks, ...]:
        """Find the faces in one image.

        Args:
            image_bgr: (H, W, 3) uint8.
            t_ns: when it was taken; times that do not grow are treated as a later frame.

        Returns:
            faces, largest first; empty where none was found.

        Raises:
            ValueError: wrong shape or type, or sides outside [32, 8192] px.
        """
        check_image(image_bgr)
        rgb = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        # Native code has one more thing to say, at the first real face.
        with contextlib.nullcontext() if self._seen_face else _quiet():
            found = self._look(rgb, t_ns) or self._look_again(rgb, t_ns)
        self._seen_face = self._seen_face or bool(found)
        return tuple(sorted(found, key=lambda face: -face.area))

    def _look(self, image_rgb: Image, t_ns: int) -> list[FaceLandmarks]:
        """Look for one face or, once in a while and while there are several, for all."""
        if self._search is not None and (self._several or t_ns >= self._search_ns + PROBE_NS):
            self._search_ns = t_ns
            found = _landmarks(self._search, image_rgb, t_ns)
            self._several = len(found) > 1
            if self._several:
                return found
        return _landmarks(self._first, image_rgb, t_ns)

    def _look_again(self, image_rgb: Image, t_ns: int) -> list[FaceLandmarks]:
        """Look at the image in other frames, for faces that fill it."""
        for look in LOOKS:
            least_px = FILLING * min(image_rgb.shape[:2]) if look.cut else 0.0
            framed, offset_px = reframe(image_rgb, look)
            shift = np.array([offset_px, offset_px, 0], dtype=np.float32)
            found = [
                FaceLandmarks(face.points + shift)
                for face in _landmarks(self._closer, framed, t_ns)
            ]
            if found := [face for face in found if face.side >= least_px]:
                return found
        return []

    def restart(self) -> None:
        """Begin another stream: no track of a face goes on from the last one."""
        with _quiet():
            for backend in self._backends():
                backend.restart()
        self._seen_face = False
        self._search_ns = _LONG_AGO_NS
        self._several = False

    def close(self) -> None:
        """Free the native graphs; the object cannot be used afterwards."""
        for backend in self._backends():
            backend.close()


def finder_facts() -> list[float]:
    """Numbers that decide where the bundled mesh finds a face, to name cached findings by."""
    looks = [share for look in LOOKS for share in (look.cut, look.border)]
    return [MIN_CONFIDENCE, CLOSER_CONFIDENCE, FILLING, *looks]


def reframe(image: Image, look: Look) -> tuple[Image, int]:
    """Cut and border an image as a look wants.

    Args:
        image: (H, W, 3) uint8.
        look: shares to cut and to border.

    Returns:
        the framed image, and what to add to x and y in it to get px of `image`.
    """
    height, width = image.shape[:2]
    cut = round(min(height, width) * look.cut)
    inner = image[cut : height - cut, cut : width - cut]
    border = round(min(inner.shape[:2]) * look.border)
    framed = cv2.copyMakeBorder(inner, *(border,) * 4, cv2.BORDER_CONSTANT)
    return framed.astype(np.uint8, copy=False), cut - border


def _landmarks(backend: _Backend, image_rgb: Image, t_ns: int) -> list[FaceLandmarks]:
    """What a back end finds, in px of the image."""
    height, width = image_rgb.shape[:2]
    scale = np.array([width, height, width], dtype=np.float32)
    return [
        FaceLandmarks(np.array([(p.x, p.y, p.z) for p in face], dtype=np.float32) * scale)
        for face in backend.detect(image_rgb, t_ns)
    ]


def check_image(image_bgr: Image) -> None:
    """Refuse what is not an image that a face can be found in.

    Raises:
        ValueError: wrong shape or type, or sides outside [32, 8192] px.
    """
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise ValueError(f"image has shape {image_bgr.shape}, (H, W, 3) wanted")
    if image_bgr.dtype != np.uint8:
        raise ValueError(f"image has dtype {image_bgr.dtype}, uint8 wanted")
    height, width = image_bgr.shape[:2]
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise ValueError(
            f"image is {width} x {height} px, sides of {MIN_SIDE} to {MAX_SIDE} px wanted"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide what native code writes to stderr while a graph starts; its failures still raise."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
