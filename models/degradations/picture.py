"""Ways in which pictures get worse, as pure and seeded functions of (H, W, C) uint8 images."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


def blur(image: Image, sigma_px: float) -> Image:
    """Gaussian blur of (H, W, C) uint8; `sigma_px` is its standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.uint8)


def low_light(image: Image, exposure: float) -> Image:
    """Keep the share `exposure` in (0, 1] of the light of (H, W, C) uint8; dark detail is lost."""
    return np.asarray(np.rint(image * np.float32(exposure)), dtype=np.uint8)


def occlude(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Hide a box of about `share` of the area under mid grey, somewhere inside the image.

    Args:
        image: (H, W, C) uint8.
        share: of the area, [0, 1].
        rng: places the box.

    Returns:
        (H, W, C) uint8, a copy.
    """
    height, width = image.shape[:2]
    rows, columns = round(height * share**0.5), round(width * share**0.5)
    top = int(rng.integers(height - rows + 1))
    left = int(rng.integers(width - columns + 1))
    covered = image.copy()
    covered[top : top + rows, left : left + columns] = 128
    return covered


def image_noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Add Gaussian noise with a standard deviation of `sigma` grey levels to (H, W, C) uint8."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def impulse_noise(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Turn about `share` of the pixels of (H, W, C) uint8 black or white (salt and pepper)."""
    height, width = image.shape[:2]
    drawn = rng.random((height, width))
    spoilt = image.copy()
    spoilt[drawn < share / 2] = 0
    spoilt[drawn > 1 - share / 2] = 255
    return spoilt


def kept_frames(times_ns: Int64, rate_hz: float) -> Bool:
    """Which pictures a camera of a lower frame rate would still deliver.

    Time is cut into periods of 1 / `rate_hz` from zero on; the first picture of each is kept.

    Args:
        times_ns: (N,) int64 capture times, not falling.
        rate_hz: pictures per second, > 0.

    Returns:
        (N,) bool.
    """
    period = np.floor(times_ns * (rate_hz / 1e9) + 1e-6).astype(np.int64)
    return np.diff(period, prepend=np.int64(np.iinfo(np.int32).min)) > 0
