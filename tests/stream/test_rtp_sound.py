"""Real Opus packets through loss, in virtual time."""

import itertools
import random
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from numpy.typing import NDArray

from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.rtp_sound import RtpSound, tap_sound

STEP = 960


def opus(seconds: float) -> list[bytes]:
    """A rising tone as packets of 20 ms."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = 48_000, "s16", "mono"
    encoder.time_base = Fraction(1, 48_000)
    count = round(seconds * 50)
    t_s = np.arange(count * STEP) / 48_000
    tone = (0.3 * np.sin(2 * np.pi * (200 + 20 * t_s) * t_s) * 32_767).astype(np.int16)
    packets = []
    for k in range(count):
        piece = tone[np.newaxis, k * STEP : (k + 1) * STEP]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, k * STEP, encoder.time_base
        packets += [bytes(p) for p in encoder.encode(frame)]
    return packets


class Sink:
    def __init__(self) -> None:
        self.time_ns = 0
        self.blocks: list[tuple[int, NDArray[np.float32]]] = []

    def now_ns(self) -> int:
        return self.time_ns

    def sound(self, samples: NDArray[np.float32], t_ns: int) -> None:
        self.blocks.append((t_ns, samples))

    def picture(self, frame: Any, t_ns: int, duration_ns: int) -> None:
        raise AssertionError

    def stream_ended(self, modality: str) -> None:
        raise AssertionError

    @property
    def heard_s(self) -> float:
        return sum(samples.size for _, samples in self.blocks) / 16_000


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    return opus(20)


def play(
    packets: list[bytes], loss: float, first_number: int = 65_000, jitter_ms: float = 4.0
) -> tuple[Sink, RtpSound, int]:
    rng = random.Random(23)
    sink = Sink()
    sound = RtpSound(sink)
    kept = 0
    for k, payload in enumerate(packets):
        if rng.random() < loss:
            continue
        kept += 1
        delay_ms = 30 + abs(rng.gauss(0, jitter_ms))
        sink.time_ns = max(sink.time_ns, round((20 * (k + 1) + delay_ms) * NS_PER_MS))
        time = (2**32 - 48_000 + k * STEP) % 2**32
        sound.push((first_number + k) % 65_536, time, payload)
    return sink, sound, kept


def test_sound_comes_whole_and_at_its_time_across_the_turn_of_the_counters(
    packets: list[bytes],
) -> None:
    sink, sound, _ = play(packets, 0.0)
    assert sink.heard_s >= 0.995 * 20
    times = [t_ns for t_ns, _ in sink.blocks]
    assert times == sorted(times)
    gaps = [b - a for a, b in itertools.pairwise(times[2:])]
    assert max(gaps) <= 45 * NS_PER_MS
    assert sound.statistics().dropped == 0
    level = np.sqrt(np.mean(np.concatenate([s for _, s in sink.blocks[10:]]) ** 2))
    assert level == pytest.approx(0.3 / np.sqrt(2), rel=0.15)


@pytest.mark.parametrize(("loss", "kept_share"), [(0.05, 0.94), (0.20, 0.78)])
def test_what_arrives_is_heard_and_only_that(
    packets: list[bytes], loss: float, kept_share: float
) -> None:
    sink, sound, kept = play(packets, loss)
    assert sound.statistics().released >= kept - 5
    assert sink.heard_s >= 0.985 * kept * 0.02
    assert sink.heard_s <= kept * 0.02 + 0.05
    if kept >= kept_share * len(packets):
        assert sink.heard_s / 20 >= kept_share - 0.015


def test_a_hole_stays_a_hole(packets: list[bytes]) -> None:
    sink = Sink()
    sound = RtpSound(sink)
    for k, payload in enumerate(packets[:200]):
        if 100 <= k < 125:
            continue
        sink.time_ns = (20 * (k + 1) + 30) * NS_PER_MS
        sound.push(k, k * STEP, payload)
    ends = [t_ns + samples.size * NS_PER_S // 16_000 for t_ns, samples in sink.blocks]
    starts = [t_ns for t_ns, _ in sink.blocks]
    holes = [b - a for a, b in zip(ends, starts[1:], strict=False) if b - a > 30 * NS_PER_MS]
    assert holes == [pytest.approx(500 * NS_PER_MS, abs=25 * NS_PER_MS)]


def test_garbage_is_counted_and_the_sound_goes_on(packets: list[bytes]) -> None:
    sink = Sink()
    sound = RtpSound(sink)
    rng = random.Random(5)
    for k, payload in enumerate(packets[:150]):
        sink.time_ns = (20 * (k + 1) + 30) * NS_PER_MS
        if k % 10 == 5:
            payload = [b"", b"\xff" * 5000, rng.randbytes(40)][k // 10 % 3]
        sound.push(k, k * STEP, payload)
    assert sound.undecodable >= 5
    assert sink.heard_s >= 0.8 * 3


def test_aiortc_is_built_as_the_tap_expects() -> None:
    class Transport:
        state = "new"

    receiver = RTCRtpReceiver("audio", Transport())  # type: ignore[arg-type]
    tap_sound(receiver, RtpSound(Sink()))
    buffer = vars(receiver)["_RTCRtpReceiver__jitter_buffer"]
    assert buffer.add.__self__ is buffer
    with pytest.raises(RuntimeError, match="aiortc"):
        tap_sound(object(), RtpSound(Sink()))  # type: ignore[arg-type]


def test_an_error_in_a_packet_does_not_reach_aiortc() -> None:
    class Transport:
        state = "new"

    receiver = RTCRtpReceiver("audio", Transport())  # type: ignore[arg-type]
    tap_sound(receiver, RtpSound(Sink()))
    buffer = vars(receiver)["_RTCRtpReceiver__jitter_buffer"]
    assert buffer.add(object()) == (False, None)
