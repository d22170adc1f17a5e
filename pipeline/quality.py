"""Is this piece of sound or picture fit to be measured? Cheap checks with explicit state.

Nothing here knows what a stream did before except through the state that is handed in. The figures
come from ffmpeg's freezedetect, blackdetect and silencedetect, and from `tools/health_fit.py`,
which measures how far clean and damaged recordings lie apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..models.noise_level import block_levels, floor_and_range, picture_noise

Samples = NDArray[np.float32]
Image = NDArray[np.uint8]

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000


class QualityFlag(StrEnum):
    """What can be wrong with, or worth knowing about, a piece of sound or picture."""

    NONFINITE = "nonfinite"  # samples or features that are not numbers
    SILENT = "silent"  # digital zeros: muted or unplugged, not a quiet room
    STUCK = "stuck"  # the same samples over and over
    CLIPPED = "clipped"
    QUIET = "quiet"  # a quiet room: valid
    BLACK = "black"
    FROZEN = "frozen"
    NO_FACE = "no_face"
    DARK = "dark"
    BLURRED = "blurred"
    NOISY = "noisy"
    TWO_FACES = "two_faces"  # the larger one is measured
    OVERFLOW = "overflow"  # the device lost samples before these
    LATE = "late"  # words that come long after they were said
    BABBLE = "babble"  # words where there was nothing to hear


MASKING: Final = frozenset(
    {
        QualityFlag.NONFINITE,
        QualityFlag.SILENT,
        QualityFlag.STUCK,
        QualityFlag.CLIPPED,
        QualityFlag.BLACK,
        QualityFlag.FROZEN,
        QualityFlag.NO_FACE,
    }
)
"""Flags under which the encoder's output says nothing about the person and must not be used."""

TRANSCRIBABLE: Final = frozenset(
    {QualityFlag.CLIPPED, QualityFlag.QUIET, QualityFlag.NOISY, QualityFlag.OVERFLOW}
)
"""Flags of sound under which words can still be recognised: clipping ruins the voice, not them."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found in one piece of a stream.

    Attributes:
        flags: what is wrong; empty when nothing is.
        measures: the numbers behind the flags; shares and levels in [0, 1], `_db` and `_ms` as
            named.
        since_ns: when the stretch began that the masking flag holds for. It may lie before this
            piece: a freeze is certain only after half a second, but all of it must be masked.
    """

    flags: frozenset[QualityFlag] = frozenset()
    measures: Mapping[str, float] = field(default_factory=dict)
    since_ns: int | None = None

    @property
    def masked(self) -> bool:
        """Whether features made from this piece must not be used."""
        return bool(self.flags & MASKING)

    def with_flags(self, *flags: QualityFlag) -> "Quality":
        """The same finding with flags that somebody else found, such as the face reader."""
        return Quality(self.flags | set(flags), self.measures, self.since_ns)


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """When sound counts as unfit.

    Attributes:
        silent_peak: largest |sample| of digital silence: half a step of 16-bit sound.
        silent_ns: how long digital silence or repetition lasts before it is flagged.
        clip_level: |sample| that counts as full scale.
        clip_share: share of such samples that makes a block clipped.
        clip_blocks: (n, of): n clipped blocks of the last `of` raise the flag.
        clip_block_ns: length of such a block.
        quiet_db: level below which a room is quiet, dB re full scale, RMS.
        quiet_ns: for how long.
        noise_floor_db: level of its quietest blocks above which sound can be noisy, dB re full
            scale; below, noise is a room's own and does no harm.
        noise_range_db: how little above them the loudest blocks of noisy sound are, dB.
        noise_blocks: (least, of): blocks of `clip_block_ns` that must have been heard, and how
            many of the latest count.
    """

    silent_peak: float = 2.0**-16
    silent_ns: int = 500 * NS_PER_MS
    clip_level: float = 0.99
    clip_share: float = 0.01
    clip_blocks: tuple[int, int] = (3, 5)
    clip_block_ns: int = 20 * NS_PER_MS
    quiet_db: float = -60.0
    quiet_ns: int = 2 * NS_PER_S
    noise_floor_db: float = -45.0
    noise_range_db: float = 15.0
    noise_blocks: tuple[int, int] = (100, 150)


@dataclass(frozen=True, slots=True)
class AudioState:
    """What the next piece of sound has to be compared with.

    Attributes:
        silent_since_ns: start of the digital silence that reaches up to here.
        stuck_since_ns: start of the repetition that reaches up to here.
        quiet_since_ns: start of the quiet that reaches up to here.
        clipped: which of the latest blocks were clipped, oldest first.
        levels: of the latest blocks, dB re full scale, oldest first.
        previous: the piece before, (N,) float32.
    """

    silent_since_ns: int | None = None
    stuck_since_ns: int | None = None
    quiet_since_ns: int | None = None
    clipped: tuple[bool, ...] = ()
    levels: tuple[float, ...] = ()
    previous: Samples = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


class AudioChecker:
    """Looks for digital silence, clipping, repetition, noise and non-numbers in sound.

    Args:
        rate_hz: sample rate.
        limits: see `AudioLimits`.
    """

    def __init__(self, rate_hz: int = 16_000, limits: AudioLimits | None = None) -> None:
        self._rate_hz = rate_hz
        self._limits = limits or AudioLimits()

    def initial_state(self) -> AudioState:
        """The state before the first sample."""
        return AudioState()

    def check(self, samples: Samples, t_ns: int, state: AudioState) -> tuple[Quality, AudioState]:
        """Judge the next piece of sound.

        Args:
            samples: (N,) float32 mono in [-1, 1], N >= 1; 20 ms or more.
            t_ns: time of its first sample, session clock.
            state: what the piece before left.

        Returns:
            The finding and the state for the next piece.
        """
        finite = bool(np.isfinite(samples).all())
        sound = samples if finite else np.nan_to_num(samples, posinf=0.0, neginf=0.0)
        level = np.abs(sound)
        end_ns = t_ns + self._duration_ns(sound.size)
        rms = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
        rms_db = 20.0 * np.log10(max(rms, 1e-6))
        after = AudioState(
            silent_since_ns=self._silent_since(level, t_ns, state),
            stuck_since_ns=_stuck_since(sound, t_ns, state),
            quiet_since_ns=_since(rms_db < self._limits.quiet_db, t_ns, state.quiet_since_ns),
            clipped=self._clipped_blocks(level, state),
            levels=self._levels(sound, state),
            previous=sound,
        )
        floor_db, range_db = floor_and_range(after.levels)
        measures = {
            "rms_db": float(rms_db),
            "peak": float(level.max()),
            "clipped": float(np.mean(level >= self._limits.clip_level)),
            "silent_ms": _lasted_ns(after.silent_since_ns, end_ns) / NS_PER_MS,
            "floor_db": floor_db,
            "range_db": range_db,
        }
        flags, since_ns = self._flags(after, end_ns)
        heard = len(after.levels) >= self._limits.noise_blocks[0] and not flags
        narrow = range_db < self._limits.noise_range_db
        if heard and narrow and floor_db > self._limits.noise_floor_db:
            flags |= {QualityFlag.NOISY}
        if not finite:
            flags |= {QualityFlag.NONFINITE}
        return Quality(flags, measures, since_ns), after

    def _flags(self, state: AudioState, end_ns: int) -> tuple[frozenset[QualityFlag], int | None]:
        limits = self._limits
        flags: set[QualityFlag] = set()
        since_ns: int | None = None
        if _lasted_ns(state.silent_since_ns, end_ns) >= limits.silent_ns:
            flags.add(QualityFlag.SILENT)
            since_ns = state.silent_since_ns
        elif _lasted_ns(state.stuck_since_ns, end_ns) >= limits.silent_ns:
            flags.add(QualityFlag.STUCK)
            since_ns = state.stuck_since_ns
        elif _lasted_ns(state.quiet_since_ns, end_ns) >= limits.quiet_ns:
            flags.add(QualityFlag.QUIET)
        if sum(state.clipped) >= limits.clip_blocks[0]:
            flags.add(QualityFlag.CLIPPED)
        return frozenset(flags), since_ns

    def _duration_ns(self, samples: int) -> int:
        return samples * NS_PER_S // self._rate_hz

    def _silent_since(self, level: Samples, t_ns: int, state: AudioState) -> int | None:
        loud = np.flatnonzero(level > self._limits.silent_peak)
        if not loud.size:
            return t_ns if state.silent_since_ns is None else state.silent_since_ns
        first_silent = int(loud[-1]) + 1
        return None if first_silent == level.size else t_ns + self._duration_ns(first_silent)

    def _clipped_blocks(self, level: Samples, state: AudioState) -> tuple[bool, ...]:
        count = self._blocks(level.size)
        full = level >= self._limits.clip_level
        found = [bool(b.mean() >= self._limits.clip_share) for b in np.array_split(full, count)]
        return (*state.clipped, *found)[-self._limits.clip_blocks[1] :]

    def _levels(self, sound: Samples, state: AudioState) -> tuple[float, ...]:
        levels = (*state.levels, *block_levels(sound, self._blocks(sound.size)))
        return levels[-self._limits.noise_blocks[1] :]

    def _blocks(self, samples: int) -> int:
        return max(1, round(self._duration_ns(samples) / self._limits.clip_block_ns))


def _since(holds: bool, t_ns: int, since_ns: int | None) -> int | None:
    if not holds:
        return None
    return t_ns if since_ns is None else since_ns


def _lasted_ns(since_ns: int | None, now_ns: int) -> int:
    return 0 if since_ns is None else now_ns - since_ns


def _stuck_since(sound: Samples, t_ns: int, state: AudioState) -> int | None:
    flat = bool((sound == sound[0]).all())
    return _since(flat or np.array_equal(sound, state.previous), t_ns, state.stuck_since_ns)


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """When a picture counts as unfit; brightness and changes are shares of full scale.

    Attributes:
        width: pixels that a row is thinned to before anything is measured.
        identical_ns: how long bit-identical pictures last before they are flagged as frozen.
        still_change: a picture closer than this to an older one, on average, may be the same one
            coded again (freezedetect).
        still_tile_change: the same for that one of 8 x 8 tiles that changed most. A person who sits
            still moves some tile; a stuck camera moves none, but a browser's VP8 keeps refining
            what stands still, by up to 0.003 (0.0015 on average).
        still_ns: how long such pictures last before they are flagged as frozen.
        black_level: brightness below which a pixel is black (blackdetect).
        black_share: share of black pixels that makes a black picture.
        dark_mean: mean brightness below which a picture is dark.
        blur_ratio: variance of the Laplacian over that of the picture, below which it is blurred.
        noise_sigma: standard deviation of its noise above which a picture is noisy, grey levels.
    """

    width: int = 160
    identical_ns: int = 500 * NS_PER_MS
    still_change: float = 0.002
    still_tile_change: float = 0.0035
    still_ns: int = 2 * NS_PER_S
    black_level: float = 0.10
    black_share: float = 0.98
    dark_mean: float = 0.12
    blur_ratio: float = 0.04
    noise_sigma: float = 2.2


@dataclass(frozen=True, slots=True, eq=False)
class VideoState:
    """What the next picture has to be compared with.

    Attributes:
        latest: the picture before, thinned grey (h, w) uint8.
        changed_ns: when a picture last differed from the one before it in any bit.
        repeat_since_ns: first of the bit-identical repetitions that reach up to here.
        reference: the picture that later ones have not moved away from, thinned grey.
        reference_ns: when it was taken.
        still_since_ns: first of the pictures that have not moved away from it.
    """

    latest: Image | None = None
    changed_ns: int = 0
    repeat_since_ns: int | None = None
    reference: Image | None = None
    reference_ns: int = 0
    still_since_ns: int | None = None


class VideoChecker:
    """Looks for frozen, black, dark, blurred and noisy pictures.

    Args:
        limits: see `VideoLimits`.
    """

    def __init__(self, limits: VideoLimits | None = None) -> None:
        self._limits = limits or VideoLimits()

    def initial_state(self) -> VideoState:
        """The state before the first picture."""
        return VideoState()

    def check(self, image: Image, t_ns: int, state: VideoState) -> tuple[Quality, VideoState]:
        """Judge the next picture.

        Args:
            image: (H, W, 3) uint8 BGR, any size; a new size counts as a new picture.
            t_ns: when it was taken, session clock.
            state: what the picture before left.

        Returns:
            The finding and the state for the next picture.
        """
        step = max(1, round(image.shape[1] / self._limits.width))
        size = max(1, image.shape[1] // step), max(1, image.shape[0] // step)
        thin = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
        small = np.asarray(cv2.cvtColor(thin, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        change, tile_change = _change(small, state.reference)
        after = self._follow(small, t_ns, state, max(change, 0.0), tile_change)
        measures, flags = self._look(small)
        same_ns = t_ns - after.changed_ns if after.repeat_since_ns is not None else 0
        still_ns = t_ns - after.reference_ns if after.still_since_ns is not None else 0
        measures |= {
            "change": min(change, 1.0),
            "tile_change": min(tile_change, 1.0),
            "frozen_ms": max(same_ns, still_ns) / NS_PER_MS,
        }
        since_ns = None
        if same_ns >= self._limits.identical_ns or still_ns >= self._limits.still_ns:
            flags.add(QualityFlag.FROZEN)
            still = still_ns >= self._limits.still_ns
            since_ns = after.still_since_ns if still else after.repeat_since_ns
        return Quality(frozenset(flags), measures, since_ns), after

    def _follow(
        self, small: Image, t_ns: int, state: VideoState, change: float, tile_change: float
    ) -> VideoState:
        limits = self._limits
        same = state.latest is not None and np.array_equal(small, state.latest)
        still = change < limits.still_change and tile_change < limits.still_tile_change
        return VideoState(
            latest=small,
            changed_ns=state.changed_ns if same else t_ns,
            repeat_since_ns=_since(same, t_ns, state.repeat_since_ns),
            reference=state.reference if still else small,
            reference_ns=state.reference_ns if still else t_ns,
            still_since_ns=_since(still, t_ns, state.still_since_ns),
        )

    def _look(self, small: Image) -> tuple[dict[str, float], set[QualityFlag]]:
        limits = self._limits
        mean, deviation = cv2.meanStdDev(small)
        brightness, variance = float(mean[0, 0]) / 255.0, float(deviation[0, 0]) ** 2
        black = float(np.count_nonzero(small < limits.black_level * 255.0)) / small.size
        edges = float(cv2.meanStdDev(cv2.Laplacian(small, cv2.CV_16S))[1][0, 0]) ** 2
        sharpness = edges / variance if variance > 1.0 else 0.0
        flags: set[QualityFlag] = set()
        if black >= limits.black_share:
            flags.add(QualityFlag.BLACK)
        elif brightness < limits.dark_mean:
            flags.add(QualityFlag.DARK)
        elif sharpness < limits.blur_ratio:
            flags.add(QualityFlag.BLURRED)
        noise = picture_noise(small)
        if noise > limits.noise_sigma:
            flags.add(QualityFlag.NOISY)
        found = {"brightness": brightness, "black": black, "sharpness": sharpness, "noise": noise}
        return found, flags


def _change(small: Image, reference: Image | None) -> tuple[float, float]:
    """Mean absolute change against the reference, over all and in the tile that changed most."""
    if reference is None or reference.shape != small.shape:
        return 1.0, 1.0
    difference = cv2.absdiff(small, reference).astype(np.float32)
    tiles = cv2.resize(difference, (8, 8), interpolation=cv2.INTER_AREA)
    return float(difference.mean()) / 255.0, float(tiles.max()) / 255.0
