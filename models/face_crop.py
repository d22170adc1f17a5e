"""From landmarks to what the face encoder sees: an aligned grey crop and a few shape numbers.

Training and the live system build crops with `align`, so that they cannot drift apart.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import FaceLandmarks

CROP: Final = 48
"""Side of the aligned crop in px."""

GEOMETRY: Final = (
    "yaw",
    "pitch",
    "roll",
    "left_eye_open",
    "right_eye_open",
    "mouth_open",
    "mouth_width",
    "brow_height",
)
"""Names of the numbers that `geometry` gives, in order."""

# Mesh indices; left and right are the subject's own.
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)
_RIGHT_LIDS, _LEFT_LIDS = (159, 145), (386, 374)
_NOSE_BRIDGE, _NOSE_BASE = 168, 2
_MOUTH, _LIPS = (61, 291), (13, 14)
_FOREHEAD, _CHIN = 10, 152
_BROWS, _EYES = (105, 334), (33, 133, 362, 263)

# Where the anchors lie in an upright face, as shares of the crop's side: their median over the FER+
# training faces in the frame in which that set shows them, made symmetric.
TEMPLATE: Final = (
    (0.24, 0.39),
    (0.40, 0.40),
    (0.60, 0.40),
    (0.76, 0.39),
    (0.50, 0.375),
    (0.50, 0.65),
    (0.50, 0.77),
)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Grey = NDArray[np.uint8]


def anchors(face: FaceLandmarks) -> Float64:
    """Points that hold still under most expressions.

    Returns:
        (7, 2) float64 px: four eye corners, nose bridge and base, middle of the mouth corners.
    """
    xy = face.points[:, :2].astype(np.float64)
    middle = xy[list(_MOUTH)].mean(0)
    return np.vstack([xy[[*_RIGHT_EYE, *_LEFT_EYE, _NOSE_BRIDGE, _NOSE_BASE]], middle])


def crop_transform(face: FaceLandmarks) -> Float64:
    """Similarity (turn, scale, shift) from image px to crop px that fits the anchors best.

    Closed-form least squares on complex numbers: w = a z + b.

    Returns:
        (2, 3) float64, pixel centres at whole numbers as in OpenCV.
    """
    points = anchors(face)
    z = points[:, 0] + 1j * points[:, 1]
    target = np.asarray(TEMPLATE) * CROP - 0.5
    w = target[:, 0] + 1j * target[:, 1]
    centred = z - z.mean()
    a = np.vdot(centred, w) / max(float(np.vdot(centred, centred).real), 1e-9)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(grey: Grey, transform: Float64) -> Grey:
    """Cut the crop out of an image, with the averaging that shrinking needs.

    Args:
        grey: (H, W) uint8.
        transform: (2, 3) from image px to crop px.

    Returns:
        (48, 48) uint8; beyond the image its border is repeated.
    """
    grey, transform = _cut(grey, transform)
    grey, transform = _shrink(grey, transform)
    # Sampled at twice the size and averaged 2 x 2: smooth for any scale and turn.
    doubled = transform * 2.0
    doubled[:, 2] += 0.5
    size = (2 * CROP, 2 * CROP)
    large = cv2.warpAffine(
        grey, doubled, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    crop = cv2.resize(large, (CROP, CROP), interpolation=cv2.INTER_AREA)
    return crop.astype(np.uint8, copy=False)


def shift_source(transform: Float64, left: float, top: float) -> Float64:
    """`transform` for the part of the image that begins at (left, top)."""
    out = transform.copy()
    out[:, 2] += out[:, :2] @ np.array([left, top], dtype=np.float64)
    return out


def _cut(grey: Grey, transform: Float64) -> tuple[Grey, Float64]:
    """The part of the image that the crop can see, so that big images cost no more than small."""
    back = cv2.invertAffineTransform(transform)
    corners = np.array([[-2, -2], [CROP + 1, -2], [-2, CROP + 1], [CROP + 1, CROP + 1]])
    seen = corners @ back[:, :2].T + back[:, 2]
    height, width = grey.shape
    left, top = np.clip(np.floor(seen.min(0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(seen.max(0)) + 1, (left + 1, top + 1), (width, height))
    return grey[top : int(bottom), left : int(right)], shift_source(transform, left, top)


def _shrink(grey: Grey, transform: Float64) -> tuple[Grey, Float64]:
    """Average whole squares of pixels of a large face, down to about twice the crop's scale."""
    factor = int(0.5 / max(float(np.hypot(transform[0, 0], transform[1, 0])), 1e-3))
    height, width = grey.shape[0] // max(factor, 1), grey.shape[1] // max(factor, 1)
    if factor < 2 or not height or not width:
        return grey, transform
    whole = grey[: height * factor, : width * factor]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    out = shift_source(transform, (factor - 1) / 2, (factor - 1) / 2)
    out[:, :2] *= factor
    return small.astype(np.uint8, copy=False), out


def geometry(face: FaceLandmarks) -> Float32:
    """Head pose and openness of eyes and mouth, free of the face's size.

    Angles come from directions between mesh points in 3-D; openness is in units of the distance
    between the outer eye corners in 3-D, so that a turned head does not look like a smaller one.

    Returns:
        (8,) float32 in the order of `GEOMETRY`: yaw, pitch, roll in rad (positive: turned to the
        image's right, bowed, tilted clockwise in the image), then ratios of about 0 to 1.
    """
    p = face.points.astype(np.float64)
    across = p[_LEFT_EYE[1]] - p[_RIGHT_EYE[0]]
    down = p[_CHIN] - p[_FOREHEAD]
    unit = max(float(np.linalg.norm(across)), 1e-6)

    def gap(pair: tuple[int, int]) -> float:
        return float(np.linalg.norm(p[pair[0]] - p[pair[1]])) / unit

    brows = p[list(_BROWS)].mean(0) - p[list(_EYES)].mean(0)
    return np.array(
        [
            np.arctan2(across[2], np.hypot(across[0], across[1])),
            np.arctan2(down[2], np.hypot(down[0], down[1])),
            np.arctan2(across[1], across[0]),
            gap(_LEFT_LIDS),
            gap(_RIGHT_LIDS),
            gap(_LIPS),
            gap(_MOUTH),
            float(np.linalg.norm(brows)) / unit,
        ],
        dtype=np.float32,
    )
