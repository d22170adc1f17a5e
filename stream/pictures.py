"""Decoded pictures as arrays: scaled, upright, BGR."""

from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Without ACCURATE_RND, grey comes out 3 levels too dark when it is scaled, and 1 when it is not.
_SCALING: Final = Interpolation.AREA | Interpolation.ACCURATE_RND
_UNSCALED: Final = Interpolation.BILINEAR
_SLACK: Final = 1.5
"""Pictures up to so many times the bound stay as large as they are: only to change the colours
costs a sixth of scaling too (0.2 and 1.3 ms, 700 x 700 to 640 x 640); readers gain less by it.
"""


class PictureSize(NamedTuple):
    """How large pictures are made, and how wide their pixels are for their height.

    Pictures with square pixels that are up to half as large again stay as they are.
    """

    max_side: int
    pixel_aspect: float

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in square pixels."""
        if self.pixel_aspect == 1.0 and max(width, height) <= _SLACK * self.max_side:
            return width, height
        shown_width = width * self.pixel_aspect
        scale = min(1.0, self.max_side / max(shown_width, height))
        return max(1, round(shown_width * scale)), max(1, round(height * scale))


class Turn:
    """How the pictures of one stream have to be turned.

    The matrix is read when the angle changes, not from every picture: PyAV ties a picture whose
    side data were looked at to itself, so that it stays in memory until garbage is collected.
    """

    def __init__(self) -> None:
        # Not the picture's own: two threads may read one picture at a time, each with its Turn.
        self.reformatter: Final = VideoReformatter()
        self._angle: int | None = None
        self._matrix: NDArray[np.int32] | None = None

    def of(self, frame: av.VideoFrame) -> NDArray[np.int32] | None:
        """The display matrix of the stream's next picture, (3, 3); None where there is none."""
        angle = frame.rotation
        if angle != self._angle:
            self._angle, self._matrix = angle, _display_matrix(frame)
        return self._matrix


def upright_bgr(frame: av.VideoFrame, size: PictureSize, turn: Turn) -> NDArray[np.uint8]:
    """A decoded picture as (H, W, 3) uint8 BGR, the right way up.

    Args:
        frame: as decoded.
        size: how large it is to be.
        turn: belongs to the stream that it is from.
    """
    width, height = size.fit(frame.width, frame.height)
    # One thread: handing such small work to more made it slower (2.1 -> 4.0 ms).
    scaling = _UNSCALED if (width, height) == (frame.width, frame.height) else _SCALING
    small = turn.reformatter.reformat(
        frame, width, height, "bgr24", interpolation=scaling, threads=1
    )
    picture = small.to_ndarray().astype(np.uint8, copy=False)
    matrix = turn.of(frame)
    return picture if matrix is None else np.ascontiguousarray(_turned(picture, matrix))


def _display_matrix(frame: av.VideoFrame) -> NDArray[np.int32] | None:
    side_data: Any = frame.side_data  # its stub knows only some of the keys
    try:
        item = side_data[SideDataType.DISPLAYMATRIX]
    except KeyError:
        return None
    return np.frombuffer(item, dtype=np.int32)[:9].reshape(3, 3).copy()


def _turned(picture: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Apply a display matrix to the nearest right angle, mirroring included.

    FFmpeg's matrix sends a point (p, q) to (a p + c q, b p + d q), with rows (a, b), (c, d).
    """
    (a, b), (c, d) = matrix[0, :2].tolist(), matrix[1, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        flip_x, flip_y = a < 0, d < 0
    else:
        picture = picture.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    return picture[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
