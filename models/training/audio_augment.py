"""Augmentation of speech: what a room, a microphone and another voice would do to a clip.

Changes of the waveform (speed with pitch, the degradations of `models.degradations`) are applied
once per stored variant; cheap changes of the features (tempo, voice, gain, noise, babble, tone,
masks) anew at every use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.signal

from ..audio_blocks import SAMPLE_RATE_HZ
from ..audio_features import MELS, POWER_FLOOR
from ..audio_net import NATS_PER_DB
from ..degradations import damage_sound, draw
from ..features import Float32

DAMAGE: Final = (
    "audio:noise",
    "audio:pink",
    "audio:reverb",
    "audio:lowpass",
    "audio:clip",
    "audio:bursts",
)
"""Degradations of the waveform that training draws from; babble is laid under the features."""


@dataclass(frozen=True, slots=True)
class WaveAugment:
    """Chances and ranges of the waveform changes.

    Attributes:
        speed: largest relative change of speed, which changes pitch alike.
        damage: chance of a degradation, and that of a second one if there is one.
        worst: greatest severity of these, 1 to 5.
    """

    speed: float = 0.15
    damage: float = 0.6
    worst: int = 4


@dataclass(frozen=True, slots=True)
class FeatureAugment:
    """Ranges of the feature changes.

    Attributes:
        tempo: largest relative change of tempo, pitch kept.
        voice_bands: largest shift along the mel axis, bands.
        gain_db: largest change of level, dB.
        tone_db: spread of a smooth random change of the spectrum, dB.
        noise: chance of added stationary noise.
        babble: chance that other people talk; the sampler, who knows them, draws it.
        snr_db: range of the signal-to-noise ratio of either, dB.
        bands: widest mask along the mel axis, bands; two are drawn.
        hops: longest mask along time, hops of 10 ms; two are drawn.
        no_prosody: chance that pitch and voicing read as unvoiced.
    """

    tempo: float = 0.1
    voice_bands: float = 1.0
    gain_db: float = 5.0
    tone_db: float = 1.0
    noise: float = 0.2
    babble: float = 0.1
    snr_db: tuple[float, float] = (0.0, 30.0)
    bands: int = 6
    hops: int = 15
    no_prosody: float = 0.15


def vary_wave(samples: Float32, ranges: WaveAugment, rng: np.random.Generator) -> Float32:
    """One random variant of a clip, (N',) float32."""
    percent = round(100.0 * (1.0 + rng.uniform(-ranges.speed, ranges.speed)))
    out = scipy.signal.resample_poly(samples, 100, percent).astype(np.float32)
    for _ in range(2):
        if rng.random() >= ranges.damage:
            break
        out = damage_sound(out, draw(DAMAGE, rng, ranges.worst), SAMPLE_RATE_HZ)
    return np.asarray(out, np.float32)


def resample_hops(features: Float32, ranges: FeatureAugment, rng: np.random.Generator) -> Float32:
    """Change tempo and shift the spectrum of one recording.

    Args:
        features: (hops, 67) raw features.
        ranges: of the changes.
        rng: source of the choice.

    Returns:
        (hops', 67) float32.
    """
    rate = 1.0 + rng.uniform(-ranges.tempo, ranges.tempo)
    at = np.minimum(np.arange(int(len(features) / rate)) * rate, len(features) - 1)
    low = at.astype(np.intp)
    part = (at - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, len(features) - 1)
    out = features[low].astype(np.float32) * (1 - part) + features[high].astype(np.float32) * part
    out[:, MELS] = features[low, MELS]  # halfway between voiced and unvoiced is no pitch
    bands = np.clip(
        np.arange(MELS) + rng.uniform(-ranges.voice_bands, ranges.voice_bands), 0, MELS - 1
    )
    below = bands.astype(np.intp)
    share = (bands - below).astype(np.float32)
    above = np.minimum(below + 1, MELS - 1)
    out[:, :MELS] = out[:, below] * (1 - share) + out[:, above] * share
    return np.asarray(out, np.float32)


def _smooth_curve(spread_db: float, rng: np.random.Generator) -> Float32:
    """(MELS,) natural-log change through five random points."""
    points = rng.normal(0.0, spread_db * NATS_PER_DB, 5)
    knots = np.linspace(0, MELS - 1, len(points))
    return np.asarray(np.interp(np.arange(MELS), knots, points), np.float32)


def _lay_under(mel: Float32, noise: Float32, snr_db: float) -> None:
    """Add the power of a background to (hops, MELS) log-mel, in place.

    Args:
        mel: of the speech.
        noise: of the background, any level; (hops, MELS).
        snr_db: mean power of the speech over that of the background, dB.
    """
    level = np.log(np.exp(mel).mean()) - np.log(np.exp(noise).mean()) - snr_db * NATS_PER_DB
    np.logaddexp(mel, noise + level, out=mel, casting="same_kind")


def mixed_voices(voices: Sequence[Float32], hops: int, rng: np.random.Generator) -> Float32:
    """Log-mel of several people talking at once.

    Args:
        voices: (hops_i, MELS) log-mel each, at least one.
        hops: length wanted; each voice begins at a random place and is repeated as needed.
        rng: places them.

    Returns:
        (hops, MELS) float32, every voice at the same mean power.
    """
    power = np.zeros((hops, MELS), np.float32)
    for voice in voices:
        at = (np.arange(hops) + int(rng.integers(len(voice)))) % len(voice)
        linear = np.exp(voice)
        power += linear[at] / linear.mean()
    return np.asarray(np.log(power + POWER_FLOOR), np.float32)


def vary_features(
    features: Float32,
    ranges: FeatureAugment,
    rng: np.random.Generator,
    voices: Sequence[Float32] = (),
) -> Float32:
    """Change level, tone and noise, and mask bands and stretches of one recording.

    Args:
        features: (hops, 67) float32 raw features; changed in place.
        ranges: of the changes.
        rng: source of the choice.
        voices: log-mel of others, (hops_i, MELS) each, who babble; nobody does if empty.

    Returns:
        the same array.
    """
    gain_db = rng.uniform(-ranges.gain_db, ranges.gain_db)
    mel = features[:, :MELS]
    mel += gain_db * NATS_PER_DB + _smooth_curve(ranges.tone_db, rng)
    features[:, -1] += gain_db
    if rng.random() < ranges.noise:
        colour = _smooth_curve(4.0, rng) - np.linspace(0.0, rng.uniform(0.0, 4.0), MELS)
        grain = np.log(rng.gamma(3.0, 1.0 / 3.0, mel.shape))
        _lay_under(mel, np.asarray(colour + grain, np.float32), rng.uniform(*ranges.snr_db))
    if voices:
        _lay_under(mel, mixed_voices(voices, len(mel), rng), rng.uniform(*ranges.snr_db))
    np.maximum(mel, np.log(POWER_FLOOR), out=mel)
    if rng.random() < ranges.no_prosody:
        features[:, MELS : MELS + 2] = 0.0
    fill = mel.mean(axis=0)
    for _ in range(2):
        width = rng.integers(0, ranges.bands + 1)
        start = rng.integers(0, MELS - width + 1)
        mel[:, start : start + width] = fill[start : start + width]
        length = min(int(rng.integers(0, ranges.hops + 1)), len(mel))
        start = rng.integers(0, len(mel) - length + 1)
        mel[start : start + length] = fill
    return features
