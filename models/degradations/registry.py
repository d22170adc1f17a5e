"""Named degradations with five severities each, so that benchmark, training and injection agree.

A `Degradation` is a small description that can be written down: what, how strong, which seed. The
same description gives the same damage. Names are `modality:kind`, as `--inject` takes them, or
`tokens:kind` for what happens to tokens of any modality.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from . import picture, sound, tokens, words
from .picture import Image
from .sound import Bool, Float32

BURST_S: Final = 0.1
"""Length of a muted burst, s."""
HIT: Final = 0.05
"""Share of the token values that impulses hit."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the level of a degradation means.

    Attributes:
        unit: of the level.
        low: least level that makes sense.
        high: greatest one.
        levels: of severity 1 (mild) to 5 (severe).
    """

    unit: str
    low: float
    high: float
    levels: tuple[float, float, float, float, float]

    @property
    def middle(self) -> float:
        """Level of severity 3."""
        return self.levels[2]


_SNR: Final = Scale("dB SNR", -60.0, 100.0, (20.0, 10.0, 5.0, 0.0, -5.0))
_SHARE: Final = Scale("share", 0.0, 1.0, (0.1, 0.3, 0.5, 0.7, 0.9))

SCALES: Final[Mapping[str, Scale]] = {
    "audio:noise": _SNR,
    "audio:pink": _SNR,
    "audio:babble": _SNR,
    "audio:reverb": Scale("s", 0.01, 5.0, (0.2, 0.4, 0.6, 0.9, 1.2)),
    "audio:lowpass": Scale("Hz", 50.0, 7900.0, (6000.0, 4500.0, 3400.0, 2000.0, 1000.0)),
    "audio:clip": Scale("gain", 1.0, 1e4, (5.0, 10.0, 20.0, 40.0, 80.0)),
    "audio:bursts": Scale("share", 0.0, 1.0, (0.05, 0.1, 0.2, 0.35, 0.5)),
    "face:noise": Scale("grey levels", 0.0, 255.0, (10.0, 20.0, 40.0, 60.0, 80.0)),
    "face:impulse": Scale("share", 0.0, 1.0, (0.02, 0.05, 0.1, 0.2, 0.4)),
    "face:blur": Scale("px", 0.1, 100.0, (1.0, 2.0, 4.0, 6.0, 8.0)),
    "face:dark": Scale("exposure", 0.0, 1.0, (0.5, 0.25, 0.1, 0.05, 0.02)),
    "face:occlude": Scale("share", 0.0, 1.0, (0.05, 0.1, 0.2, 0.35, 0.5)),
    "face:rate": Scale("fps", 0.1, 240.0, (15.0, 10.0, 5.0, 2.0, 1.0)),
    "text:delay": Scale("s", 0.0, 3600.0, (0.25, 0.5, 1.0, 2.0, 3.0)),
    "text:wer": Scale("errors per word", 0.0, 1.0, (0.1, 0.2, 0.3, 0.5, 0.7)),
    "tokens:gaussian": _SNR,
    "tokens:impulse": _SNR,
    "tokens:frames": _SHARE,
    "tokens:block": _SHARE,
    "tokens:late": Scale("bins", 0.0, 1000.0, (1.0, 2.0, 4.0, 6.0, 8.0)),
}


@dataclass(frozen=True, slots=True)
class Degradation:
    """One damage, fully described.

    Attributes:
        name: one of `SCALES`.
        level: in the unit of its scale.
        seed: of everything random in it, >= 0.

    Raises:
        ValueError: the name is unknown or the level outside its scale.
    """

    name: str
    level: float
    seed: int = 0

    def __post_init__(self) -> None:
        scale = SCALES.get(self.name)
        if scale is None:
            raise ValueError(f"unknown degradation {self.name!r}; known: {', '.join(SCALES)}")
        if not scale.low <= self.level <= scale.high:
            raise ValueError(
                f"{self.name} needs a level from {scale.low:g} to {scale.high:g} "
                f"({scale.unit}), not {self.level:g}"
            )

    @property
    def rng(self) -> np.random.Generator:
        """A fresh generator; the same one every time."""
        return np.random.default_rng(self.seed)


def at_severity(name: str, severity: int, seed: int = 0) -> Degradation:
    """The degradation of a name at severity 1 to 5.

    Raises:
        ValueError: unknown name or severity.
    """
    if name not in SCALES or not 1 <= severity <= 5:
        raise ValueError(
            f"{name!r} at severity {severity}: want 1 to 5 of one of {', '.join(SCALES)}"
        )
    return Degradation(name, SCALES[name].levels[severity - 1], seed)


def draw(names: Sequence[str], rng: np.random.Generator, worst: int = 5) -> Degradation:
    """Draw one of some names, a severity up to `worst` and a seed, for one sample."""
    name = names[int(rng.integers(len(names)))]
    return at_severity(name, int(rng.integers(1, worst + 1)), int(rng.integers(2**31)))


def damage_sound(
    samples: Float32, how: Degradation, rate_hz: int, voices: Sequence[Float32] = ()
) -> Float32:
    """Damage a whole recording, (N,) float32; ratios refer to the level of its active parts.

    Args:
        samples: (N,) float32 speech, full scale +-1.
        how: one of the `audio:` degradations.
        rate_hz: sampling rate, Hz.
        voices: other people's speech, for babble.

    Returns:
        (N,) float32.

    Raises:
        ValueError: not a degradation of sound, or babble without voices.
    """
    rng, level, count = how.rng, how.level, samples.size
    match how.name:
        case "audio:noise" | "audio:pink":
            noise = sound.coloured_noise(count, 0.0 if how.name == "audio:noise" else 3.0, rng)
            return sound.add_background(samples, noise, level, rate_hz)
        case "audio:babble":
            noise = sound.babble(voices, count, rng)
            return sound.add_background(samples, noise, level, rate_hz)
        case "audio:reverb":
            return sound.reverberate(samples, level, rate_hz, rng)
        case "audio:lowpass":
            return sound.low_pass(samples, level, rate_hz)
        case "audio:clip":
            return sound.overdrive(samples, level)
        case "audio:bursts":
            return sound.mute_bursts(samples, level, round(BURST_S * rate_hz), rng)
    raise ValueError(f"{how.name} does not happen to sound")


PICTURES: Final[Mapping[str, Callable[[Image, float, np.random.Generator], Image]]] = {
    "face:noise": picture.image_noise,
    "face:impulse": picture.impulse_noise,
    "face:blur": lambda image, level, _: picture.blur(image, level),
    "face:dark": lambda image, level, _: picture.low_light(image, level),
    "face:occlude": picture.occlude,
}


def damage_picture(image: Image, how: Degradation) -> Image:
    """Damage one (H, W, C) uint8 image.

    A low frame rate concerns many pictures: see `picture.kept_frames`.

    Raises:
        ValueError: not a degradation of one picture.
    """
    if how.name not in PICTURES:
        raise ValueError(f"{how.name} does not happen to a single picture")
    return PICTURES[how.name](image, how.level, how.rng)


def damage_words(spoken: Sequence[str], how: Degradation) -> tuple[str, ...]:
    """Words as they are understood at a word error rate.

    Late words keep their form: see `tokens.late` and `--inject text:delay`.

    Raises:
        ValueError: not a degradation of words.
    """
    if how.name != "text:wer":
        raise ValueError(f"{how.name} does not change words")
    return words.misheard(spoken, how.level, how.rng)


def damage_tokens(values: Float32, mask: Bool, how: Degradation) -> tuple[Float32, Bool]:
    """Damage the tokens of one modality.

    Args:
        values: (..., T, D) float32.
        mask: (..., T) bool, True where measured.
        how: one of the `tokens:` degradations.

    Returns:
        tokens, zero where they are lost, and mask.

    Raises:
        ValueError: not a degradation of tokens.
    """
    rng, level = how.rng, how.level
    match how.name:
        case "tokens:gaussian":
            return tokens.token_noise(values, mask, level, rng), mask
        case "tokens:impulse":
            return tokens.token_impulses(values, mask, level, HIT, rng), mask
        case "tokens:frames":
            left = tokens.frame_drop(mask, level, rng)
        case "tokens:block":
            left = tokens.block_drop(mask, level, rng)
        case "tokens:late":
            left = tokens.late(mask, round(level))
        case _:
            raise ValueError(f"{how.name} does not happen to tokens")
    return np.where((mask & ~left)[..., None], np.float32(0.0), values), left
