from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from tacit.models.datasets.ferplus import FerPlus
from tacit.models.face_crop import CROP
from tacit.models.face_net import FaceNetConfig
from tacit.models.labels import EMOTIONS
from tacit.models.training.face_crops import (
    Jitter,
    frame_of,
    jitter_transform,
    jittered_crop,
    place_faces,
    plain_crop,
)

Grey = NDArray[np.uint8]
TINY = FaceNetConfig(widths=(4, 8), depths=(1, 1), embedding=6, dropout=0.0)
QUIET = Jitter(0.02, 0.02, 0.5, 0.05, 0.05, 1.0, 0.0, 0.0)
UNMOVED = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])


def portrait_face() -> Grey:
    """The NASA portrait's head as FER+ would show it: 48 x 48 grey."""
    grey = cv2.cvtColor(data.astronaut()[50:190, 155:295], cv2.COLOR_RGB2GRAY)
    small: Grey = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small


def test_a_crop_without_jitter_is_the_live_one() -> None:
    face = portrait_face()
    still = Jitter(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    crop = jittered_crop(face, UNMOVED, np.random.default_rng(0), still).astype(int)
    plain = plain_crop(face, UNMOVED).astype(int)
    light = 0.5 * 0.16 * 255  # the slope of light has no switch; at most two spreads of it
    assert min(np.abs(crop - plain).mean(), np.abs(crop[:, ::-1] - plain).mean()) < light
    assert np.abs(plain - face.astype(int)).mean() < 3


def test_jitter_is_seeded_and_stays_near() -> None:
    first, second = (
        jitter_transform(UNMOVED, np.random.default_rng(7), Jitter()) for _ in range(2)
    )
    assert np.array_equal(first, second)
    rng = np.random.default_rng(8)
    centre = np.array([95.5, 95.5])
    for _ in range(50):
        moved = jitter_transform(UNMOVED, rng, Jitter())
        off = moved[:, :2] @ centre + moved[:, 2] - (CROP - 1) / 2
        assert np.abs(off).max() <= 2 * Jitter().shift_px + 1e-9
        scale = np.hypot(moved[0, 0], moved[1, 0]) / 0.25
        assert abs(np.log(scale)) <= 2 * Jitter().scale + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_every_augmented_crop_is_a_picture(seed: int) -> None:
    strong = Jitter(0.5, 0.3, 8.0, 1.0, 1.0, 20.0, 1.0, 1.0)
    crop = jittered_crop(portrait_face(), UNMOVED, np.random.default_rng(seed), strong)
    assert crop.shape == (CROP, CROP)
    assert crop.dtype == np.uint8
    assert crop.std() > 1


def test_faces_are_placed_once_and_then_cached(tmp_path: Path) -> None:
    face, blank = portrait_face(), np.zeros((48, 48), dtype=np.uint8)
    soft = np.full((3, len(EMOTIONS)), 1 / len(EMOTIONS), dtype=np.float32)
    none = np.zeros(3, dtype=np.int64)
    corpus = FerPlus(np.stack([face, blank, face]), soft, none, none)
    told: list[str] = []
    placement = place_faces(corpus, tmp_path, told.append)
    assert placement.found.tolist() == [True, False, True]
    assert np.array_equal(placement.transforms[1], placement.transforms[0])
    assert np.isfinite(placement.geometry).all(axis=1).tolist() == [True, False, True]
    assert np.abs(placement.geometry[0, :3]).max() < 0.8  # a nearly frontal face
    told.clear()
    again = place_faces(corpus, tmp_path, told.append)
    assert told == []
    assert np.array_equal(again.transforms, placement.transforms)
    assert again.found.tolist() == placement.found.tolist()
    assert np.array_equal(again.geometry, placement.geometry, equal_nan=True)


def test_frame_is_a_picture_with_room_about_the_face() -> None:
    frame = frame_of(portrait_face())
    assert frame.shape == (320, 320, 3)
    assert frame.dtype == np.uint8
