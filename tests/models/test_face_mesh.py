from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tacit.models import face_mesh
from tacit.models.datasets.ferplus import load_ferplus
from tacit.models.errors import ModelError
from tacit.models.face_mesh import LANDMARKS, LOOKS, FaceLandmarks, FaceMesh, Look, reframe
from tacit.models.training.face_crops import frame_of

Image = NDArray[np.uint8]

# Faces of the FER+ training part that the mesh misses but for cut looks, and some that it misses.
MISSED = (17, 65, 234, 252, 260, 282, 390, 467, 509, 529, 652, 731, 801, 947, 978, 1185)


@pytest.fixture(scope="module")
def portrait() -> Image:
    """A NASA portrait in the public domain: 512 x 512 BGR, the face at about (225, 115)."""
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def still() -> Iterator[FaceMesh]:
    with FaceMesh(still=True) as mesh:
        yield mesh


def one(mesh: FaceMesh, image: Image) -> FaceLandmarks:
    faces = mesh.find(image, 0)
    assert len(faces) == 1
    return faces[0]


def test_finds_the_face_where_it_is(still: FaceMesh, portrait: Image) -> None:
    face = one(still, portrait)
    assert face.points.shape == (LANDMARKS, 3)
    assert face.points.dtype == np.float32
    left, top, right, bottom = face.box
    assert 150 < left < 225 < right < 300
    assert 30 < top < 115 < bottom < 210
    assert face.area == pytest.approx((right - left) * (bottom - top))


def test_no_face_gives_nothing(still: FaceMesh) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert still.find(noise, 0) == ()
    assert still.find(np.zeros((240, 320, 3), dtype=np.uint8), 0) == ()


def test_two_faces_come_largest_first(still: FaceMesh, portrait: Image) -> None:
    head = portrait[0:256, 96:352]
    small = cv2.copyMakeBorder(
        cv2.resize(head, (180, 180)), 38, 38, 38, 38, cv2.BORDER_REPLICATE
    ).astype(np.uint8)
    faces = still.find(np.hstack([small, head]), 0)
    assert len(faces) == 2
    assert faces[0].area > 1.5 * faces[1].area
    assert faces[0].box[0] > 256 > faces[1].box[2]


def test_a_face_that_fills_the_image_is_found_on_the_second_look(
    still: FaceMesh, portrait: Image
) -> None:
    whole = one(still, portrait)
    left, top, right, bottom = (round(v) for v in whole.box)
    close = np.ascontiguousarray(portrait[top - 4 : bottom + 4, left - 4 : right + 4])
    moved = one(still, close).points[:, :2] + (left - 4, top - 4)
    assert np.abs(moved - whole.points[:, :2]).mean() < 5


@pytest.mark.parametrize("look", [*LOOKS, Look(0.3, 0.0)])
def test_a_reframed_image_keeps_its_pixels_at_the_offset(look: Look) -> None:
    image = np.random.default_rng(1).integers(1, 256, (90, 120, 3), dtype=np.uint8)
    framed, offset_px = reframe(image, look)
    cut = round(90 * look.cut)
    for x, y in ((cut, cut), (119 - cut, 89 - cut), (60, 45)):
        assert np.array_equal(framed[y - offset_px, x - offset_px], image[y, x])
    assert framed.shape[0] == 90 - 2 * cut + 2 * round((90 - 2 * cut) * look.border)


@pytest.mark.data
def test_cut_looks_find_faces_that_the_others_miss(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = load_ferplus(data_root).faces[list(MISSED)]

    def count(looks: tuple[Look, ...]) -> int:
        monkeypatch.setattr(face_mesh, "LOOKS", looks)
        with FaceMesh(still=True, max_faces=1) as mesh:
            return sum(bool(mesh.find(frame_of(face), 0)) for face in faces)

    assert count(LOOKS[:1]) == 0
    assert count(LOOKS) >= len(MISSED) // 2


def test_a_small_thing_is_no_face_that_fills_the_image(
    still: FaceMesh, portrait: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_mesh, "LOOKS", (Look(0.05, 0.0),))
    assert still._look_again(portrait, 0) == []
    monkeypatch.setattr(face_mesh, "FILLING", 0.1)
    assert len(still._look_again(portrait, 0)) == 1


def test_video_mode_tracks_and_ignores_times_that_do_not_grow(portrait: Image) -> None:
    with FaceMesh() as mesh:
        for t_ns in (0, 40_000_000, 40_000_000, 10, 80_000_000):
            assert len(mesh.find(portrait, t_ns)) == 1


def test_in_a_stream_a_second_face_is_seen_within_a_second_and_missed_at_once(
    portrait: Image,
) -> None:
    head = portrait[0:256, 96:352]
    wall = np.full_like(head, 128)
    alone, pair = np.hstack([head, wall]), np.hstack([head, head])
    images = [alone] * 5 + [pair] * 16 + [alone] * 5
    with FaceMesh() as mesh:
        counts = [len(mesh.find(image, k * 100_000_000)) for k, image in enumerate(images)]
    assert counts == [1] * 10 + [2] * 11 + [1] * 5


def test_after_a_restart_nothing_of_the_last_stream_counts(portrait: Image) -> None:
    def points(mesh: FaceMesh, shift: int) -> list[Any]:
        images = [np.roll(portrait, shift + 3 * k, axis=1) for k in range(3)]
        return [one(mesh, image).points.tolist() for image in images]

    with FaceMesh() as mesh:
        alone = points(mesh, 0)
        # A track that goes on would make the second reading differ.
        assert points(mesh, 0) != alone
        points(mesh, 40)
        mesh.restart()
        assert points(mesh, 0) == alone


def test_same_images_give_the_same_bytes(portrait: Image) -> None:
    def run() -> list[bytes]:
        with FaceMesh() as mesh:
            shifted = [np.roll(portrait, 3 * i, axis=1) for i in range(4)]
            return [
                face.points.tobytes()
                for i, image in enumerate(shifted)
                for face in mesh.find(image, i * 40_000_000)
            ]

    assert run() == run()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((100, 100), dtype=np.uint8), r"shape \(100, 100\), \(H, W, 3\) wanted"),
        (np.zeros((100, 100, 4), dtype=np.uint8), r"shape \(100, 100, 4\)"),
        (np.zeros((100, 100, 3), dtype=np.float32), "dtype float32, uint8 wanted"),
        (np.zeros((100, 8, 3), dtype=np.uint8), "8 x 100 px, sides of 32 to 8192"),
        (np.zeros((0, 100, 3), dtype=np.uint8), "100 x 0 px"),
    ],
    ids=["grey", "alpha", "float", "tiny", "empty"],
)
def test_wrong_images_are_named(still: FaceMesh, image: Image, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        still.find(image, 0)


def test_missing_landmarker_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.task: cannot be read"):
        FaceMesh(tmp_path / "nothing.task")


def test_a_file_that_is_no_landmarker_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.task"
    path.write_bytes(b"not a model bundle" * 10)
    with pytest.raises(ModelError, match=r"odd\.task: not a face landmarker"):
        FaceMesh(path)


@pytest.mark.data
@pytest.mark.parametrize("alone", [True, False], ids=["still", "video"])
def test_tasks_landmarker_agrees_with_the_bundled_mesh(
    data_root: Path, still: FaceMesh, portrait: Image, alone: bool
) -> None:
    path = data_root / "models" / "face_landmarker.task"
    expected = one(still, portrait).points[:, :2]
    with FaceMesh(path, still=alone) as mesh:
        for t_ns in (5, 5, 0):
            points = mesh.find(portrait, t_ns)[0].points[:, :2]
            assert np.abs(points - expected).mean() < 4
