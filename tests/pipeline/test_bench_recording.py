from pathlib import Path

import pytest

from tacit.pipeline.bench_recording import bench_recording, later, resident_bytes
from tacit.pipeline.config import load_settings
from tacit.stream.packet import NS_PER_S
from tests.fakes.small_session import feature, words


def test_a_packet_moves_with_all_its_times() -> None:
    moved = later(feature("audio", 0, 0), NS_PER_S)
    assert moved.t_capture_ns == NS_PER_S
    assert moved.meta["watermark_ns"] == NS_PER_S + moved.duration_ns
    assert moved.meta["frame_ns"] == moved.duration_ns
    said = later(words(0), NS_PER_S).meta["words"]
    assert said == [["hello", NS_PER_S, 2 * NS_PER_S, 0.9]]


@pytest.mark.media
@pytest.mark.slow
def test_a_session_made_of_the_sample_is_measured(sample: Path) -> None:
    found = bench_recording(sample, load_settings(overrides={"asr": "off"}), 0.4)
    assert found["bytes_per_hour"] > 10_000_000
    assert found["replay_times_real_time"] > 5


def test_memory_is_known_on_linux() -> None:
    assert resident_bytes() > 1_000_000
