import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.models.noise_level import block_levels, floor_and_range, picture_noise

RATE_HZ = 16_000


def scene() -> NDArray[np.float64]:
    """Smooth slopes with a few hard edges, as indoor pictures have."""
    across, down = np.meshgrid(np.linspace(60, 180, 160), np.linspace(0, 40, 120))
    picture = across + down
    picture[30:80, 40:100] = 90
    return np.asarray(picture, dtype=np.float64)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 15.0])
def test_the_noise_of_a_picture_is_found_within_a_fifth(sigma: float) -> None:
    noise = np.random.default_rng(1).normal(0.0, sigma, (120, 160))
    noisy = np.clip(scene() + noise, 0, 255).astype(np.uint8)
    assert picture_noise(noisy) == pytest.approx(sigma, rel=0.2)


def test_edges_slopes_and_blur_are_no_noise() -> None:
    clean = scene().astype(np.uint8)
    assert picture_noise(clean) < 1.0
    assert picture_noise(np.asarray(cv2.GaussianBlur(clean, (0, 0), 3), dtype=np.uint8)) < 1.0


@pytest.mark.parametrize("shape", [(1, 1), (15, 200), (16, 16)])
def test_small_pictures_are_no_error(shape: tuple[int, int]) -> None:
    assert picture_noise(np.zeros(shape, dtype=np.uint8)) == 0.0


def test_levels_are_those_of_the_blocks() -> None:
    sound = np.concatenate([np.zeros(320), np.full(320, 0.1), np.full(320, 1.0)]).astype(np.float32)
    assert block_levels(sound, 3) == pytest.approx((-120.0, -20.0, 0.0), abs=1e-4)


def test_pauses_make_the_range_and_noise_takes_it() -> None:
    rng = np.random.default_rng(2)
    gate = np.repeat(np.arange(100) % 4 > 0, 320).astype(np.float32)
    speech = (0.1 * gate * rng.standard_normal(gate.size)).astype(np.float32)
    noise = (0.05 * rng.standard_normal(gate.size)).astype(np.float32)
    _, pausing_db = floor_and_range(block_levels(speech, 100))
    floor_db, noisy_db = floor_and_range(block_levels(speech + noise, 100))
    assert pausing_db > 60
    assert noisy_db < 10
    assert floor_db == pytest.approx(-26.0, abs=0.7)
