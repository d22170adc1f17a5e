"""Ways in which sound, pictures, words and tokens get worse, as pure and seeded functions.

Fault injection uses them on live media, training uses them to build robustness, the benchmark to
measure it. The functions are in one file per kind of data; `registry` names them with severities.
"""

from .picture import blur, image_noise, impulse_noise, kept_frames, low_light, occlude
from .registry import (
    PICTURES,
    SCALES,
    Degradation,
    Scale,
    at_severity,
    damage_picture,
    damage_sound,
    damage_tokens,
    damage_words,
    draw,
)
from .sound import (
    NOISE_BLOCK,
    active_rms,
    add_background,
    add_noise,
    babble,
    coloured_noise,
    low_pass,
    mute_bursts,
    muted_at,
    overdrive,
    pink_noise,
    reverberate,
    rms,
    room_response,
    white_noise,
)
from .streaming import LowPassFilter, RoomFilter
from .tokens import (
    block_drop,
    frame_drop,
    imbalanced_missing,
    late,
    random_missing,
    strangers,
    token_impulses,
    token_noise,
)
from .words import misheard, misheard_word

__all__ = [
    "NOISE_BLOCK",
    "PICTURES",
    "SCALES",
    "Degradation",
    "LowPassFilter",
    "RoomFilter",
    "Scale",
    "active_rms",
    "add_background",
    "add_noise",
    "at_severity",
    "babble",
    "block_drop",
    "blur",
    "coloured_noise",
    "damage_picture",
    "damage_sound",
    "damage_tokens",
    "damage_words",
    "draw",
    "frame_drop",
    "image_noise",
    "imbalanced_missing",
    "impulse_noise",
    "kept_frames",
    "late",
    "low_light",
    "low_pass",
    "misheard",
    "misheard_word",
    "mute_bursts",
    "muted_at",
    "occlude",
    "overdrive",
    "pink_noise",
    "random_missing",
    "reverberate",
    "rms",
    "room_response",
    "strangers",
    "token_impulses",
    "token_noise",
    "white_noise",
]
