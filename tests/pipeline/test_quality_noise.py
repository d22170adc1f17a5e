"""Noise in sound and pictures; all else that can be wrong with them is in `test_quality`."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.models import degradations
from tacit.pipeline.quality import TRANSCRIBABLE, AudioChecker, QualityFlag, VideoChecker

S = 1_000_000_000
RATE_HZ = 16_000
BLOCK = 320
Samples = NDArray[np.float32]


def pausing(seconds: float, level: float = 0.1) -> Samples:
    """Something like speech: 0.3 s of sound, 0.1 s of almost none."""
    rng = np.random.default_rng(0)
    gate = np.repeat(np.arange(round(seconds * 10)) % 4 > 0, RATE_HZ // 10)
    loud = np.where(gate, level, 1e-3)
    return np.asarray(loud * rng.standard_normal(loud.size), dtype=np.float32)


def flagged(sound: Samples, block: int = BLOCK) -> list[tuple[float, set[str]]]:
    checker, found = AudioChecker(RATE_HZ), []
    state = checker.initial_state()
    for first in range(0, sound.size - block + 1, block):
        piece = sound[first : first + block].astype(np.float32)
        quality, state = checker.check(piece, first * S // RATE_HZ, state)
        found.append(((first + block) / RATE_HZ, {str(flag) for flag in quality.flags}))
    return found


def test_speech_and_its_pauses_are_not_noisy() -> None:
    assert all(not flags for _, flags in flagged(pausing(12)))


@pytest.mark.parametrize("block", [320, 1600])
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_that_covers_speech_is_found_in_three_seconds(kind: str, block: int) -> None:
    sound = pausing(12)
    make = degradations.white_noise if kind == "white" else degradations.pink_noise
    sound[4 * RATE_HZ :] += np.float32(0.05) * make(0, 8 * RATE_HZ, 1)
    found = flagged(sound, block)
    first = next(t for t, flags in found if "noisy" in flags)
    assert 4.0 < first <= 7.0
    assert all("noisy" in flags for t, flags in found if t > 7.1)


def test_a_room_that_hums_softly_is_not_noisy() -> None:
    hum = np.float32(0.003) * degradations.white_noise(0, 6 * RATE_HZ, 3)
    assert all("noisy" not in flags for _, flags in flagged(hum))


def test_noise_is_a_reservation_and_words_are_still_tried() -> None:
    assert QualityFlag.NOISY in TRANSCRIBABLE


def picture(sigma: float) -> NDArray[np.uint8]:
    slope = np.linspace(60, 180, 320)[None, :, None] + np.zeros((240, 1, 3))
    rng = np.random.default_rng(5)
    return np.clip(slope + rng.normal(0.0, sigma, slope.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("sigma", "noisy"), [(0.0, False), (1.0, False), (10.0, True)])
def test_noise_in_pictures(sigma: float, noisy: bool) -> None:
    checker = VideoChecker()
    quality, _ = checker.check(picture(sigma), 0, checker.initial_state())
    assert (QualityFlag.NOISY in quality.flags) is noisy
    assert not quality.masked
