"""Cut a stream of samples into fixed blocks with a fixed past, whatever its chunking.

Every audio extractor works on whole blocks of the same length. Each block goes through the same
arithmetic on arrays of the same shape, so the output of a stream does not depend, to the last bit,
on how its samples were handed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from .features import Float32

SAMPLE_RATE_HZ: Final = 16_000
HOP: Final = SAMPLE_RATE_HZ // 100
HOPS_PER_BLOCK: Final = 4
BLOCK: Final = HOPS_PER_BLOCK * HOP
MAX_AMPLITUDE: Final = 8.0
"""Samples are limited to +-8 (full scale is 1), so that no power overflows float32."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockState:
    """What a block cutter remembers; its size is bounded.

    Attributes:
        past: (P,) float32, the samples before the next block; zeros at the start of a stream.
        pending: (< BLOCK,) float32, samples that do not yet fill a block.
    """

    past: Float32
    pending: Float32


def initial_block_state(past: int) -> BlockState:
    """State at the start of a stream for blocks that look `past` samples back."""
    return BlockState(np.zeros(past, np.float32), np.zeros(0, np.float32))


def check_samples(samples: Float32) -> Float32:
    """Refuse what is not a stretch of mono audio and limit what is too loud.

    Args:
        samples: (N,) float32, full scale +-1.

    Returns:
        samples limited to +-`MAX_AMPLITUDE`.

    Raises:
        ValueError: another shape or dtype, or a sample that is not finite.
    """
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise ValueError(
            f"samples must be (N,) float32, got {samples.dtype} of shape {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise ValueError("samples hold NaN or infinity; replace or drop them first")
    return np.clip(samples, -MAX_AMPLITUDE, MAX_AMPLITUDE)


def cut_blocks(samples: Float32, state: BlockState) -> tuple[list[Float32], BlockState]:
    """Take every whole block out of the stream.

    Args:
        samples: (N,) float32 at 16 kHz, the next stretch of the stream; N may be 0.
        state: from `initial_block_state` or the call before.

    Returns:
        blocks, each (P + BLOCK,) float32 with its past in front, and the next state.

    Raises:
        ValueError: samples of the wrong form (see `check_samples`).
    """
    past = len(state.past)
    stream = np.concatenate([state.past, state.pending, check_samples(samples)])
    count = (len(stream) - past) // BLOCK
    blocks = [stream[k * BLOCK : k * BLOCK + past + BLOCK] for k in range(count)]
    end = count * BLOCK
    return blocks, BlockState(stream[end : end + past].copy(), stream[end + past :].copy())


def hop_windows(samples: Float32, window: int) -> Float32:
    """View samples as windows that advance by one hop.

    Args:
        samples: (window - HOP + hops * HOP,) float32.
        window: W, samples per window, at least HOP.

    Returns:
        (hops, W) float32 view; row j ends with the last sample of hop j.
    """
    return np.lib.stride_tricks.sliding_window_view(samples, window)[::HOP]


def whole_hops(samples: Float32, window: int) -> Iterator[Float32]:
    """Yield windows of a whole recording in large pieces, for training where speed counts.

    Args:
        samples: (N,) float32, a whole recording.
        window: W, samples per window.

    Yields:
        (hops, W) float32 pieces, in order; together N // HOP rows.
    """
    padded = np.concatenate([np.zeros(window - HOP, np.float32), samples])
    windows = hop_windows(padded, window)[: len(samples) // HOP]
    for start in range(0, len(windows), 512):
        yield windows[start : start + 512]
