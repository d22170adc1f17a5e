"""Augmentation of speech: what a room, a microphone and another voice would do to a clip.

Waveform changes (speed with pitch, reverberation, noise, low-pass) are applied once per stored
variant; cheap changes of the features (tempo, voice, gain, noise, tone, masks) anew at every use.
"""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from ..audio_blocks import SAMPLE_RATE_HZ
from ..audio_features import MELS, POWER_FLOOR
from ..features import Float32


@dataclass(frozen=True, slots=True)
class WaveAugment:
    """Chances and ranges of the waveform changes.

    Attributes:
        speed: largest relative change of speed, which changes pitch alike.
        reverb: chance of a room; its decay time is drawn from [0.1, 0.5] s.
        noise: chance of noise of a random colour.
        snr_db: range of the signal-to-noise ratio in dB.
        low_pass: chance of a cut between 2.5 and 7 kHz.
    """

    speed: float = 0.15
    reverb: float = 0.3
    noise: float = 0.4
    snr_db: tuple[float, float] = (8.0, 35.0)
    low_pass: float = 0.15


@dataclass(frozen=True, slots=True)
class FeatureAugment:
    """Ranges of the feature changes.

    Attributes:
        tempo: largest relative change of tempo, pitch kept.
        voice_bands: largest shift along the mel axis, bands.
        gain_db: largest change of level, dB.
        tone_db: spread of a smooth random change of the spectrum, dB.
        noise: chance of added stationary noise.
        snr_db: range of its signal-to-noise ratio, dB.
        bands: widest mask along the mel axis, bands; two are drawn.
        hops: longest mask along time, hops of 10 ms; two are drawn.
        no_prosody: chance that pitch and voicing read as unvoiced.
    """

    tempo: float = 0.1
    voice_bands: float = 1.0
    gain_db: float = 5.0
    tone_db: float = 1.0
    noise: float = 0.2
    snr_db: tuple[float, float] = (10.0, 35.0)
    bands: int = 6
    hops: int = 15
    no_prosody: float = 0.15


def coloured_noise(length: int, rng: np.random.Generator) -> Float32:
    """Noise whose power falls by 0 to 6 dB per octave, unit power, (length,) float32."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    tilt = rng.uniform(0.0, 1.0)
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 8.0) ** tilt, length)
    return np.asarray(noise / noise.std(), np.float32)


def reverberate(samples: Float32, decay_s: float, rng: np.random.Generator) -> Float32:
    """Convolve with an exponentially decaying noise tail under the direct sound.

    Args:
        samples: (N,) float32.
        decay_s: time to fall by 60 dB, seconds.
        rng: source of the tail.
    """
    t = np.arange(int(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(t)) * 10.0 ** (-3.0 * t / decay_s)
    tail *= rng.uniform(0.1, 0.7) / np.linalg.norm(tail)
    tail[0] = 1.0
    return np.asarray(scipy.signal.fftconvolve(samples, tail)[: len(samples)], np.float32)


def vary_wave(samples: Float32, ranges: WaveAugment, rng: np.random.Generator) -> Float32:
    """One random variant of a clip, (N',) float32."""
    percent = round(100.0 * (1.0 + rng.uniform(-ranges.speed, ranges.speed)))
    out = scipy.signal.resample_poly(samples, 100, percent).astype(np.float32)
    if rng.random() < ranges.reverb:
        out = reverberate(out, rng.uniform(0.1, 0.5), rng)
    if rng.random() < ranges.low_pass:
        cut = scipy.signal.butter(4, rng.uniform(2500.0, 7000.0), fs=SAMPLE_RATE_HZ, output="sos")
        out = scipy.signal.sosfilt(cut, out).astype(np.float32)
    if rng.random() < ranges.noise:
        level = out.std() * 10.0 ** (-rng.uniform(*ranges.snr_db) / 20.0)
        out = out + level * coloured_noise(len(out), rng)
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
    points = rng.normal(0.0, spread_db * np.log(10.0) / 10.0, 5)
    knots = np.linspace(0, MELS - 1, len(points))
    return np.asarray(np.interp(np.arange(MELS), knots, points), np.float32)


def vary_features(features: Float32, ranges: FeatureAugment, rng: np.random.Generator) -> Float32:
    """Change level, tone and noise, and mask bands and stretches of one recording.

    Args:
        features: (hops, 67) float32 raw features; changed in place.
        ranges: of the changes.
        rng: source of the choice.

    Returns:
        the same array.
    """
    gain_db = rng.uniform(-ranges.gain_db, ranges.gain_db)
    per_db = np.log(10.0) / 10.0
    mel = features[:, :MELS]
    mel += gain_db * per_db + _smooth_curve(ranges.tone_db, rng)
    features[:, -1] += gain_db
    if rng.random() < ranges.noise:
        level = np.log(np.exp(mel).mean()) - rng.uniform(*ranges.snr_db) * per_db
        colour = _smooth_curve(4.0, rng) - np.linspace(0.0, rng.uniform(0.0, 4.0), MELS)
        grain = np.log(rng.gamma(3.0, 1.0 / 3.0, mel.shape))
        np.logaddexp(mel, level + colour + grain, out=mel, casting="same_kind")
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
