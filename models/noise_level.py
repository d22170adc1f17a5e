"""How much noise a picture or a stretch of sound holds, without knowing it clean."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .features import Float32

Grey = NDArray[np.uint8]

_KERNEL: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.int16)
_TILE: Final = 8
_FLAT_SHARE: Final = 20.0
"""Per cent of the tiles that count as flat: there, what varies is noise and not the scene."""
_GAUSS: Final = float(np.sqrt(np.pi / 2.0) / 6.0)
"""From the mean absolute response to the kernel to the standard deviation of Gaussian noise."""


def picture_noise(grey: Grey) -> float:
    """Standard deviation of the noise in a picture.

    The difference of two Laplacians cancels edges and slopes (Immerkaer 1996); of its mean absolute
    value over 8 x 8 tiles the flattest fifth is taken, since texture raises it elsewhere.

    Args:
        grey: (h, w) uint8, sides of 16 and more; not smoothed, as that takes the noise away.

    Returns:
        grey levels, 0 and more; 0.0 for a picture that is smaller.
    """
    if min(grey.shape) < 2 * _TILE:
        return 0.0
    response = cv2.filter2D(grey, cv2.CV_16S, _KERNEL)
    size = cv2.convertScaleAbs(response[1:-1, 1:-1])
    height, width = (side // _TILE for side in size.shape)
    tiles = cv2.resize(
        size[: height * _TILE, : width * _TILE].astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_AREA,
    )
    return float(np.percentile(tiles, _FLAT_SHARE)) * _GAUSS


def block_levels(samples: Float32, count: int) -> tuple[float, ...]:
    """Level of each of `count` equal blocks of (N,) samples, dB re full scale, -120 and more."""
    power = [float(np.mean(np.square(b, dtype=np.float64))) for b in np.array_split(samples, count)]
    return tuple(10.0 * float(np.log10(max(p, 1e-12))) for p in power)


def floor_and_range(levels: tuple[float, ...]) -> tuple[float, float]:
    """Background and dynamic range of sound.

    Speech pauses and varies: loud blocks lie 25 dB and more above the quietest ones. Noise fills
    the pauses, which raises the floor and takes the range away.

    Args:
        levels: of blocks of 20 ms, over two seconds or so; at least one.

    Returns:
        level of the quietest tenth, dB re full scale, and how far the loudest tenth is above, dB.
    """
    ordered = sorted(levels)
    floor_db, loud_db = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    return floor_db, loud_db - floor_db
