import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.models import degradations


def picture(seed: int = 0, height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_blur_spreads_a_point_and_keeps_its_light() -> None:
    point = np.zeros((41, 41, 3), dtype=np.uint8)
    point[18:23, 18:23] = 250
    blurred = degradations.blur(point, 3.0)
    assert blurred.max() < 125
    assert float(blurred.sum()) == pytest.approx(float(point.sum()), rel=0.1)


def test_low_light_keeps_the_share_and_loses_detail() -> None:
    dark = degradations.low_light(picture(), 0.1)
    assert float(dark.mean()) == pytest.approx(0.1 * float(picture().mean()), rel=0.05)
    assert len(np.unique(dark)) <= 27


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_occlusion_covers_its_share_in_one_box(share: float) -> None:
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    covered = degradations.occlude(image, share, rng())[:, :, 0] == 128
    assert float(covered.mean()) == pytest.approx(share, abs=0.01)
    assert int(covered.sum()) == int(covered.any(axis=1).sum() * covered.any(axis=0).sum())
    assert not image.any()


def test_image_noise_has_its_strength() -> None:
    grey = np.full((80, 80, 3), 128, dtype=np.uint8)
    noisy = degradations.image_noise(grey, 20.0, rng())
    assert float((noisy.astype(np.float64) - 128).std()) == pytest.approx(20.0, rel=0.03)


def test_impulse_noise_spoils_its_share_of_pixels() -> None:
    grey = np.full((200, 200, 3), 128, dtype=np.uint8)
    spoilt = degradations.impulse_noise(grey, 0.2, rng())
    assert set(np.unique(spoilt)) == {0, 128, 255}
    assert float((spoilt[:, :, 0] != 128).mean()) == pytest.approx(0.2, abs=0.01)
    assert bool((spoilt[:, :, 0] == spoilt[:, :, 1]).all())


def test_a_lower_frame_rate_keeps_the_first_picture_of_each_period() -> None:
    times_ns = np.arange(12, dtype=np.int64) * 100_000_000
    kept = np.flatnonzero(degradations.kept_frames(times_ns, 4.0))
    np.testing.assert_array_equal(kept, [0, 3, 5, 8, 10])
    assert degradations.kept_frames(times_ns, 10.0).all()
    assert degradations.kept_frames(times_ns, 30.0).all()


def test_the_same_seed_gives_the_same_picture() -> None:
    image = picture()
    for one, two in (
        (degradations.image_noise(image, 9.0, rng(s)) for s in (1, 1)),
        (degradations.occlude(image, 0.2, rng(s)) for s in (1, 1)),
        (degradations.impulse_noise(image, 0.2, rng(s)) for s in (1, 1)),
    ):
        np.testing.assert_array_equal(one, two)
