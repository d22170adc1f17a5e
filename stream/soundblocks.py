"""Sound onto the session clock: downmix, resample, cut into blocks. Pure; knows no file."""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from .errors import LocalError
from .limits import AUDIO_GAP_NS
from .packet import NS_PER_S

Samples = NDArray[np.float32]

# Dialogue sits in the centre channel, rumble in the LFE; the plain mean of 5.1 would bury speech
# by 15 dB. The weights are normalised, so that no mix can exceed full scale.
_DOWNMIX: Final = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071, "LFE": 0.0, "LFE2": 0.0}
_DOWNMIX_OTHER: Final = 0.5
# PyAV 18 reads past the planes of frames with eight of them or more, and crashes.
_SAFE_PLANES: Final = 7


def to_mono(frame: av.AudioFrame) -> Samples:
    """Mix a decoded frame of any sample format down to one channel.

    Args:
        frame: decoded sound.

    Returns:
        Mono samples, shape (N,), float32, full scale 1.
    """
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels > _SAFE_PLANES:
        (frame,) = av.AudioResampler(format="flt").resample(frame)
    raw = frame.to_ndarray()
    by_channel = raw if frame.format.is_planar else raw.reshape(-1, channels).T
    values = _to_float(by_channel)
    if channels == 1:
        return np.ascontiguousarray(values[0])
    names = [channel.name for channel in frame.layout.channels]
    weights = np.array([_DOWNMIX.get(name, _DOWNMIX_OTHER) for name in names], dtype=np.float32)
    total = float(weights.sum())
    if total <= 0.0:
        weights, total = np.ones(channels, dtype=np.float32), float(channels)
    mixed: Samples = ((weights / total) @ values).astype(np.float32, copy=False)
    return mixed


def _to_float(values: NDArray[Any]) -> Samples:
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128.0) / 128.0
    if np.issubdtype(values.dtype, np.signedinteger):
        return (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)
    return values.astype(np.float32, copy=False)


class Block(NamedTuple):
    """A stretch of sound on the session clock.

    Attributes:
        t_ns: time of its first sample.
        duration_ns: its length in time.
        samples: shape (N,), float32, mono.
    """

    t_ns: int
    duration_ns: int
    samples: Samples


class BlockCutter:
    """Cuts runs of samples into blocks on a fixed grid, so that a restart cuts at the same places.

    Block k covers [k * block_ns, (k + 1) * block_ns); one that a gap, the start or the end of the
    sound cuts is shorter. Samples that lie before what was already placed are trimmed.
    """

    def __init__(self, rate_hz: int, block_ns: int) -> None:
        """Take the grid.

        Args:
            rate_hz: sampling rate of the blocks.
            block_ns: their length; it must hold a whole number of samples.

        Raises:
            LocalError: the block does not hold a whole number of samples.
        """
        if rate_hz <= 0 or block_ns <= 0 or block_ns * rate_hz % NS_PER_S:
            raise LocalError(
                f"audio blocks of {block_ns} ns at {rate_hz} Hz do not hold a whole number of"
                " samples; choose a block of whole milliseconds such as 20 ms"
            )
        self._rate_hz = rate_hz
        self._size = block_ns * rate_hz // NS_PER_S
        self._held = np.zeros(0, dtype=np.float32)
        self._first = 0  # sample index of the first held sample
        self._end = 0  # sample index after the last one placed
        self._skip = 0  # samples of this run still to be trimmed

    def start_run(self, index: int) -> Iterator[Block]:
        """Say that the next sample is sample `index` of the clock; gives what a gap cuts off."""
        jitter = AUDIO_GAP_NS * self._rate_hz // NS_PER_S
        self._skip = max(0, self._end - index) if self._end - index > jitter else 0
        if index - self._end > jitter or self._end == 0:
            yield from self.flush()
            self._skip = max(0, -index)
            self._first = self._end = max(0, index)

    def push(self, samples: Samples) -> Iterator[Block]:
        """Place samples right after the last ones; gives the blocks that are full."""
        if self._skip:
            trimmed = min(self._skip, samples.size)
            self._skip -= trimmed
            samples = samples[trimmed:]
        self._held = np.concatenate((self._held, samples))
        self._end = self._first + self._held.size
        while self._end >= (line := (self._first // self._size + 1) * self._size):
            yield self._cut(line - self._first)

    def flush(self) -> Iterator[Block]:
        """Give what is left as a short block."""
        if self._held.size:
            yield self._cut(self._held.size)

    def _cut(self, count: int) -> Block:
        t_ns = self._time_ns(self._first)
        block = Block(t_ns, self._time_ns(self._first + count) - t_ns, self._held[:count].copy())
        self._held = self._held[count:]
        self._first += count
        return block

    def _time_ns(self, index: int) -> int:
        return index * NS_PER_S // self._rate_hz


class SoundPlacer:
    """Turns decoded frames with times into mono blocks at one rate, placed by their real times.

    A hole between frames stays a hole, an overlap is trimmed, a change of format starts a new run.
    """

    def __init__(self, rate_hz: int, block_ns: int) -> None:
        """Take the output rate and the block length; see `BlockCutter` for what is refused."""
        self._rate_hz = rate_hz
        self._cutter = BlockCutter(rate_hz, block_ns)
        self._resampler: av.AudioResampler | None = None
        self._format: tuple[int, str, str] | None = None
        self._run_t_ns = 0
        self._run_samples = 0
        self._lead = 0  # outputs of the padding still to be dropped

    def push(self, frame: av.AudioFrame, t_ns: int | None) -> Iterator[Block]:
        """Add one decoded frame.

        Args:
            frame: decoded sound.
            t_ns: session time of its first sample; None: right after the frame before.
        """
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        expected_ns = self._run_t_ns + self._run_samples * NS_PER_S // frame.sample_rate
        if self._format is None:
            expected_ns = 0
        t_ns = expected_ns if t_ns is None else t_ns
        if kind != self._format or abs(t_ns - expected_ns) > AUDIO_GAP_NS:
            yield from self._end_run()
            self._format, self._run_t_ns, self._run_samples = kind, t_ns, 0
            yield from self._start_run(t_ns, frame.sample_rate)
        self._run_samples += frame.samples
        yield from self._resample(_mono_frame(to_mono(frame), frame.sample_rate))

    def flush(self) -> Iterator[Block]:
        """Give everything that is left."""
        yield from self._end_run()
        yield from self._cutter.flush()

    def _start_run(self, t_ns: int, rate_hz: int) -> Iterator[Block]:
        """Begin where input and output samples coincide, so that any start gives the same samples.

        The stretch from there to the first real sample is padded with zeros and cut off again.
        """
        common = math.gcd(rate_hz, self._rate_hz)
        step_in, step_out = rate_hz // common, self._rate_hz // common
        index = (t_ns * rate_hz + NS_PER_S // 2) // NS_PER_S
        steps, padding = divmod(index, step_in)
        self._lead = -(-padding * step_out // step_in)
        yield from self._cutter.start_run(steps * step_out + self._lead)
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self._rate_hz)
        if padding:
            yield from self._resample(_mono_frame(np.zeros(padding, np.float32), rate_hz))

    def _end_run(self) -> Iterator[Block]:
        if self._resampler is not None:
            yield from self._resample(None)
            self._resampler = None

    def _resample(self, frame: av.AudioFrame | None) -> Iterator[Block]:
        assert self._resampler is not None
        for out in self._resampler.resample(frame):
            samples = out.to_ndarray()[0]
            dropped = min(self._lead, samples.size)
            self._lead -= dropped
            # The resampler rings past full scale at sharp edges.
            yield from self._cutter.push(np.clip(samples[dropped:], -1.0, 1.0))


def _mono_frame(samples: Samples, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
    frame.sample_rate = rate_hz
    return frame
