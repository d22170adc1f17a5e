"""Statistics of a whole utterance: what its spectrum, pitch and loudness do, as one vector.

Cepstral coefficients of the log-mel bands and the prosody of `prosody`, over the part of the clip
in which somebody speaks, summarised by mean, spread and percentiles. A small reference set of
features for studies at utterance level; the live system uses the encoder's tokens.
"""

from typing import Final

import numpy as np
import scipy.fft

from .audio_features import LogMel
from .features import Float32
from .prosody import COLUMNS, Prosody

CEPSTRA: Final = 20
DELTA_HOPS: Final = 4
SPEECH_RANGE_DB: Final = 35.0
"""A hop within this of the loudest one may be speech; the clip is cut to the first and last."""
REFERENCE_HZ: Final = 100.0
PERCENTILES: Final = (10, 50, 90)
LEAST_VOICED: Final = 4
"""Voiced hops below which pitch counts as unknown and its statistics are zero."""
DIM: Final = 6 * CEPSTRA + 21


def speech_part(energy_db: Float32) -> slice:
    """From the first to the last hop whose loudness is near the loudest of (H,), H > 0."""
    loud = np.flatnonzero(energy_db > energy_db.max() - SPEECH_RANGE_DB)
    return slice(int(loud[0]), int(loud[-1]) + 1)


def summary(series: Float32) -> Float32:
    """Mean, standard deviation and percentiles of (H, C) along time, shape (5 C,)."""
    levels = np.percentile(series, PERCENTILES, axis=0)
    return np.concatenate([series.mean(axis=0), series.std(axis=0), levels.ravel()])


def pitch_summary(f0_hz: Float32) -> Float32:
    """Nine figures of (H,) pitch in Hz, 0 where unvoiced; in octaves above `REFERENCE_HZ`.

    Mean, deviation, three percentiles, range, mean step, share of voiced hops, and rise over the
    utterance by a straight line.
    """
    voiced = f0_hz > 0.0
    share = float(voiced.mean())
    if voiced.sum() < LEAST_VOICED:
        return np.array([0.0] * 7 + [share, 0.0], dtype=np.float32)
    octaves = np.log2(f0_hz[voiced] / REFERENCE_HZ)
    slope = np.polyfit(np.arange(len(octaves)), octaves, 1)[0] * len(octaves)
    rest = [np.ptp(octaves), np.abs(np.diff(octaves)).mean(), share, slope]
    return np.concatenate([summary(octaves[:, None]), rest]).astype(np.float32)


def functionals(samples: Float32) -> Float32:
    """Describe an utterance.

    Args:
        samples: (N,) float32 at 16 kHz, full scale +-1, at least 0.1 s.

    Returns:
        (DIM,) float32: 6 x 20 of the cepstra (five statistics and the spread of their slope), 9 of
        the pitch, 5 of voicing, 5 of loudness in dB, mean loudness step in dB, length in s.

    Raises:
        ValueError: too short, not finite, or of another shape.
    """
    prosody = Prosody().whole(samples)
    if len(prosody) <= DELTA_HOPS:
        raise ValueError(f"{len(samples)} samples: at least 0.1 s at 16 kHz wanted")
    part = speech_part(prosody[:, COLUMNS.index("energy_db")])
    if part.stop - part.start <= DELTA_HOPS:
        part = slice(0, len(prosody))
    prosody = prosody[part]
    f0_hz, voicing, energy_db = (prosody[:, k] for k in range(len(COLUMNS)))
    mel = LogMel().whole(samples)[part]
    cepstra = scipy.fft.dct(mel, norm="ortho", axis=1)[:, :CEPSTRA]
    pieces = [
        summary(cepstra),
        (cepstra[DELTA_HOPS:] - cepstra[:-DELTA_HOPS]).std(axis=0),
        pitch_summary(f0_hz),
        summary(voicing[:, None]),
        summary(energy_db[:, None]),
        np.array([np.abs(np.diff(energy_db)).mean(), len(mel) / 100.0]),
    ]
    joined: Float32 = np.concatenate(pieces).astype(np.float32)
    return joined
