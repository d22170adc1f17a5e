import itertools

import numpy as np
import pytest

from tacit.stream.errors import LocalError
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.synthetic import (
    SyntheticAudio,
    SyntheticVideo,
    synthetic_audio,
    synthetic_video,
)


def test_audio_has_the_length_level_and_grid_that_was_asked() -> None:
    packets = list(synthetic_audio(SyntheticAudio(1010 * NS_PER_MS, level_db=-20.0)))
    samples = np.concatenate([packet.data for packet in packets])
    assert samples.dtype == np.float32
    assert samples.size == 16160
    assert [packet.seq for packet in packets] == list(range(51))
    assert all(packet.t_capture_ns == packet.seq * 20 * NS_PER_MS for packet in packets)
    assert packets[-1].duration_ns == 10 * NS_PER_MS
    assert packets[-1].t_end_ns == packets[-1].t_available_ns == 1010 * NS_PER_MS
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-20.0, abs=0.2)
    assert np.abs(samples).max() < 1.0


def test_video_moves_and_keeps_its_rate() -> None:
    packets = list(synthetic_video(SyntheticVideo(NS_PER_S, rate_hz=30.0, width=32, height=24)))
    assert len(packets) == 30
    assert packets[0].data.shape == (24, 32, 3)
    assert packets[0].data.dtype == np.uint8
    assert packets[-1].t_end_ns == NS_PER_S
    for early, late in itertools.pairwise(packets):
        assert early.t_end_ns == late.t_capture_ns
        assert np.mean(np.abs(early.data.astype(int) - late.data.astype(int))) > 0.5
    assert packets[0].data.std() > 20


def test_the_seed_decides() -> None:
    def sound(seed: int) -> bytes:
        packets = synthetic_audio(SyntheticAudio(100 * NS_PER_MS, seed=seed))
        return b"".join(packet.data.tobytes() for packet in packets)

    def picture(seed: int) -> bytes:
        return next(
            synthetic_video(SyntheticVideo(NS_PER_S, seed, width=8, height=8))
        ).data.tobytes()

    assert sound(1) == sound(1) != sound(2)
    assert picture(1) == picture(1) != picture(2)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(LocalError, match="no whole number of samples"):
        SyntheticAudio(NS_PER_S, block_ns=1)
    with pytest.raises(LocalError, match="no picture has 0 x 4"):
        SyntheticVideo(NS_PER_S, width=0, height=4)
