from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tacit.models.face_crop import (
    CROP,
    GEOMETRY,
    TEMPLATE,
    align,
    anchors,
    crop_transform,
    geometry,
    shift_source,
)
from tacit.models.face_mesh import LANDMARKS, FaceLandmarks, FaceMesh

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def portrait() -> Image:
    """A NASA portrait in the public domain: 512 x 512 BGR, the face at about (225, 115)."""
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def still() -> Iterator[FaceMesh]:
    with FaceMesh(still=True) as mesh:
        yield mesh


def grey(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


def one(mesh: FaceMesh, image: Image) -> FaceLandmarks:
    faces = mesh.find(image, 0)
    assert len(faces) == 1
    return faces[0]


def crop_of(mesh: FaceMesh, image: Image) -> Image:
    return align(grey(image), crop_transform(one(mesh, image)))


def likeness(a: Image, b: Image) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_crop_puts_the_anchors_on_their_places(still: FaceMesh, portrait: Image) -> None:
    face = one(still, portrait)
    transform = crop_transform(face)
    placed = anchors(face) @ transform[:, :2].T + transform[:, 2]
    off = np.abs(placed - (np.array(TEMPLATE) * CROP - 0.5))
    assert off.mean() < 2.0
    assert off.max() < 5.0


@pytest.mark.parametrize(
    ("angle_deg", "scale", "shift"),
    [(0, 1.0, (0, 0)), (15, 1.0, (10, 20)), (-20, 1.0, (40, 30)), (0, 0.6, (60, 80))],
)
def test_a_moved_face_gives_nearly_the_same_crop(
    still: FaceMesh,
    portrait: Image,
    angle_deg: float,
    scale: float,
    shift: tuple[int, int],
) -> None:
    matrix = cv2.getRotationMatrix2D((225, 115), angle_deg, scale).astype(np.float64)
    matrix[:, 2] += np.array(shift, dtype=np.float64)
    moved = cv2.warpAffine(portrait, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    crop = crop_of(still, moved.astype(np.uint8))
    assert likeness(crop, crop_of(still, portrait)) > 0.95


def test_align_agrees_with_a_plain_warp_at_its_own_scale() -> None:
    rng = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (120, 160)).astype(np.uint8), (0, 0), 3)
    transform = np.array([[0.8, 0.1, -20.0], [-0.1, 0.8, -10.0]])
    plain = cv2.warpAffine(smooth, transform, (CROP, CROP)).astype(np.float64)
    crop = align(smooth.astype(np.uint8), transform)
    assert crop.shape == (CROP, CROP)
    assert crop.dtype == np.uint8
    assert np.abs(crop - plain).mean() < 1.0


def test_align_averages_when_it_shrinks() -> None:
    checks = (np.indices((960, 960)).sum(0) % 2 * 255).astype(np.uint8)
    crop = align(checks, np.array([[0.05, 0.0, 0.0], [0.0, 0.05, 0.0]]))
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_align_repeats_the_border_beyond_the_image() -> None:
    white = np.full((50, 50), 255, dtype=np.uint8)
    assert align(white, np.array([[1.0, 0.0, -300.0], [0.0, 1.0, 500.0]])).min() == 255


def test_shift_source_is_the_same_map_from_the_cut_image() -> None:
    transform = np.array([[0.5, -0.2, 3.0], [0.2, 0.5, 4.0]])
    moved = shift_source(transform, 10, 20)
    point = np.array([30.0, 40.0])
    there = transform[:, :2] @ point + transform[:, 2]
    assert moved[:, :2] @ (point - (10, 20)) + moved[:, 2] == pytest.approx(there)


def test_geometry_knows_a_turn_of_the_head_in_the_image(still: FaceMesh, portrait: Image) -> None:
    matrix = cv2.getRotationMatrix2D((225, 115), -20, 1.0)
    moved = cv2.warpAffine(portrait, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    before = geometry(one(still, portrait))
    after = geometry(one(still, moved.astype(np.uint8)))
    roll = GEOMETRY.index("roll")
    assert after[roll] - before[roll] == pytest.approx(np.deg2rad(20), abs=0.06)
    assert after[3:] == pytest.approx(before[3:], abs=0.08)


def test_geometry_has_no_scale(still: FaceMesh, portrait: Image) -> None:
    face = one(still, portrait)
    larger = FaceLandmarks(face.points * np.float32(2.5))
    assert geometry(larger) == pytest.approx(geometry(face), abs=1e-5)
    assert geometry(face).shape == (len(GEOMETRY),)


def test_geometry_sees_an_open_mouth_and_a_turned_head() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(LANDMARKS, 3)).astype(np.float32)
    points[33], points[263] = (-1, 0, 0), (1, 0, 0)
    points[10], points[152] = (0, -1, 0), (0, 1, 0)
    points[13], points[14] = (0, 0.5, 0), (0, 0.9, 0)
    values = dict(zip(GEOMETRY, geometry(FaceLandmarks(points)), strict=True))
    assert values["yaw"] == values["pitch"] == values["roll"] == 0
    assert values["mouth_open"] == pytest.approx(0.2)
    points[263] = (1, 0, 2)
    assert geometry(FaceLandmarks(points))[0] == pytest.approx(np.pi / 4)
