"""A still portrait that can be made to move: local warps around face landmarks, then a camera move.

Everything is a backward map: for each pixel of the picture to draw, where in the still it comes
from. Lengths are in units of the distance between the outer eye corners, so that the warps fit any
portrait.
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import cv2
import mediapipe
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]

# Face mesh point numbers.
EYE_CORNERS: Final = (33, 263)
MOUTH_CORNERS: Final = (61, 291)
BROWS: Final = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
LOWER_LIP: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIDS: Final = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER_LIDS: Final = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
CHIN: Final = 152

MOUTH_DARK_BGR: Final = np.array([30, 22, 62], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Expression:
    """How the face is moved away from the still.

    Attributes:
        corners: mouth corners, -1 (down) to 1 (up and out).
        brows: -1 (down and together) to 1 (up).
        lids: 0 to 1, eyes opened wider.
        mouth: 0 to 1, jaw opened.
        blink: 0 to 1, eyes closed.
    """

    corners: float = 0.0
    brows: float = 0.0
    lids: float = 0.0
    mouth: float = 0.0
    blink: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A still with its face landmarks.

    Attributes:
        still: (H, W, 3) uint8 BGR.
        points: (478, 2) float32 landmark positions in px, x then y.
    """

    still: Image
    points: Float32

    @classmethod
    def find(cls, still: Image) -> Self:
        """Find the face in a still.

        Args:
            still: (H, W, 3) uint8 BGR.

        Returns:
            The portrait.

        Raises:
            ValueError: there is no face in it.
        """
        mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True, max_num_faces=1
        )
        with mesh:
            faces = mesh.process(cv2.cvtColor(still, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not faces:
            raise ValueError("no face in the still")
        height, width = still.shape[:2]
        points = [(point.x * width, point.y * height) for point in faces[0].landmark]
        return cls(still, np.array(points, dtype=np.float32))

    @property
    def unit_px(self) -> float:
        """Distance between the outer eye corners in px of the still."""
        left, right = self.points[list(EYE_CORNERS)]
        return float(np.hypot(*(right - left)))

    def draw(self, expression: Expression, t_s: float, size: tuple[int, int]) -> Image:
        """Draw the face with an expression, seen by a slowly moving camera.

        Args:
            expression: how the face is moved.
            t_s: time in s, which moves the camera.
            size: width and height of the picture in px.

        Returns:
            (height, width, 3) uint8 BGR.
        """
        x, y = self._camera(t_s, size)
        x, y = self._pull(x, y, expression)
        y = self._close_eyes(x, y, expression)
        y, inside = self._open_jaw(x, y, expression.mouth)
        drawn = cv2.remap(self.still, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        dark = cv2.GaussianBlur(inside, (0, 0), 1.2)[..., None]
        mixed = drawn.astype(np.float32) * (1.0 - dark) + MOUTH_DARK_BGR * dark
        picture: Image = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
        return picture

    def _camera(self, t_s: float, size: tuple[int, int]) -> tuple[Float32, Float32]:
        """Pixel grid of the picture in still coordinates: pan, zoom and a slight roll."""
        width, height = size
        zoom = self.unit_px / 128.0 * (1.0 + 0.05 * math.sin(0.9 * t_s))
        roll = math.radians(3.5) * math.sin(1.3 * t_s + 0.4)
        centre = self.points[1] + self.unit_px * np.array(
            [0.12 * math.sin(0.7 * t_s + 1.0), 0.10 * math.sin(1.1 * t_s) + 0.1]
        )
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        dx, dy = (columns - width / 2) * zoom, (rows - height / 2) * zoom
        x = centre[0] + math.cos(roll) * dx - math.sin(roll) * dy
        y = centre[1] + math.sin(roll) * dx + math.cos(roll) * dy
        return x.astype(np.float32), y.astype(np.float32)

    def _pull(self, x: Float32, y: Float32, expression: Expression) -> tuple[Float32, Float32]:
        """Drag soft patches of skin: mouth corners and brows."""
        unit = self.unit_px
        middle = float(self.points[1, 0])
        pulls: list[tuple[Float32, float, float, float]] = []
        for corner in MOUTH_CORNERS:
            outward = math.copysign(1.0, float(self.points[corner, 0]) - middle)
            lift = expression.corners
            pulls.append((self.points[corner], 0.05 * lift * outward, -0.09 * lift, 0.16))
        for brow in BROWS:
            centre = self.points[list(brow)].mean(axis=0)
            inward = -math.copysign(1.0, float(centre[0]) - middle)
            knit = max(-expression.brows, 0.0)
            pulls.append((centre, 0.05 * knit * inward, -0.10 * expression.brows, 0.20))
        moved_x, moved_y = x.copy(), y.copy()
        for point, right, down, spread in pulls:
            near = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * (spread * unit) ** 2))
            moved_x -= right * unit * near
            moved_y -= down * unit * near
        return moved_x, moved_y

    def _close_eyes(self, x: Float32, y: Float32, expression: Expression) -> Float32:
        """Stretch the skin above each upper lid over the eye, or draw it back."""
        closed = expression.blink - 0.35 * expression.lids * (1.0 - expression.blink)
        skin = 0.10 * self.unit_px
        for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
            lid = self._curve(upper, x)
            gap = np.maximum(self._curve(lower, x) - lid, 0.0)
            edge = lid + closed * gap
            top = lid - skin
            stretched = top + (y - top) * skin / np.maximum(edge - top, 1e-3)
            over = (y > top) & (y <= edge) & (gap > 0)
            below = (y > edge) & (y < lid + gap) & (gap > 0) & (closed < 0)
            opened = lid + (y - edge) * gap / np.maximum(lid + gap - edge, 1e-3)
            y = np.where(over, stretched, np.where(below, opened, y))
        return y.astype(np.float32)

    def _open_jaw(self, x: Float32, y: Float32, mouth: float) -> tuple[Float32, Float32]:
        """Lower everything below the lower lip's edge; the gap is the dark of the mouth.

        Returns:
            the map, and (H, W) float32 in [0, 1], 1 inside the gap.
        """
        lip = self._curve(LOWER_LIP, x)
        left, right = self.points[LOWER_LIP[0], 0], self.points[LOWER_LIP[-1], 0]
        across = (x - left) / max(float(right - left), 1.0)
        wide = np.clip((x - left + (right - left)) / (3.0 * (right - left)), 0.0, 1.0)
        fall = 0.17 * self.unit_px * mouth
        opening = fall * np.sqrt(np.clip(4.0 * across * (1.0 - across), 0.0, 1.0))
        inside = (y >= lip) & (y < lip + opening)
        room = float(self.points[CHIN, 1]) + 0.35 * self.unit_px - lip
        depth = np.clip((y - lip - opening) / np.maximum(room, 1.0), 0.0, 1.0)
        # Jaw: full drop at the lip, none at the neck, softened sideways past the mouth's corners.
        drop = opening + (fall * np.sin(math.pi * wide) ** 2 - opening) * np.sqrt(depth)
        lowered = y - drop * (1.0 - depth) ** 2
        mapped = np.where(y >= lip + opening, np.maximum(lowered, lip), np.where(inside, lip, y))
        return mapped.astype(np.float32), inside.astype(np.float32)

    def _curve(self, numbers: tuple[int, ...], x: Float32) -> Float32:
        """Height in px at each x of the line through some landmarks, level beyond its ends."""
        line = self.points[list(numbers)]
        line = line[np.argsort(line[:, 0])]
        return np.interp(x, line[:, 0], line[:, 1]).astype(np.float32)
