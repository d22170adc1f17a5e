"""A clip played as a live source into a sink with a quick clock."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.stream.errors import MediaError
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.player import FilePlayer
from tests.fakes.media import tone, write_audio, write_both

pytestmark = pytest.mark.media

SPEED = 8


class QuickSink:
    """Its clock runs eight times as fast as the wall's, so that clips are short."""

    def __init__(self) -> None:
        self.begin_ns = time.monotonic_ns()
        self.sounds: list[tuple[int, int]] = []
        self.pictures: list[tuple[int, int]] = []
        self.ended: list[str] = []
        self.late_ns: list[int] = []

    def now_ns(self) -> int:
        return (time.monotonic_ns() - self.begin_ns) * SPEED

    def sound(self, samples: Any, t_ns: int) -> None:
        assert samples.dtype == np.float32
        self.sounds.append((t_ns, samples.size))
        self.late_ns.append(self.now_ns() - t_ns)

    def picture(self, frame: Any, t_ns: int, duration_ns: int) -> None:
        self.pictures.append((t_ns, duration_ns))

    def stream_ended(self, modality: str) -> None:
        self.ended.append(modality)


def played(path: Path, **options: Any) -> QuickSink:
    sink, over = QuickSink(), threading.Event()
    player = FilePlayer(path, sink, on_end=over.set, **options)
    player.start()
    if options.get("loop"):
        deadline = time.monotonic() + 20
        while len(sink.sounds) < 220:
            assert time.monotonic() < deadline
            over.wait(0.01)
        player.stop()
    assert over.wait(30)
    return sink


def test_everything_comes_once_its_time_has_come(tmp_path: Path) -> None:
    sink = played(write_both(tmp_path / "clip.mkv", 2))
    assert sum(size for _, size in sink.sounds) == pytest.approx(2 * 16_000, rel=0.05)
    assert sorted(sink.ended) == ["audio", "face"]
    assert min(sink.late_ns) >= 0
    times = [t_ns for t_ns, _ in sink.sounds]
    assert times == sorted(times)
    assert {duration for _, duration in sink.pictures} <= {40 * NS_PER_MS}


def test_a_clip_can_begin_again(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "tone.wav", tone(2.0, 16_000)[np.newaxis], 16_000)
    sink = played(path, loop=True)
    times = [t_ns for t_ns, _ in sink.sounds]
    assert times == sorted(times)
    assert times[-1] > 4 * NS_PER_S
    assert sink.ended == ["audio"]


def test_what_is_no_media_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("no film")
    with pytest.raises(MediaError, match="not a media file"):
        FilePlayer(path, QuickSink())
