from pathlib import Path

import numpy as np
import pytest

from tacit.stream.errors import MediaError
from tacit.stream.media_codecs import SoundEncoder
from tacit.stream.media_messages import media_topic, pack_unit
from tacit.stream.media_mux import write_playable
from tacit.stream.mediafile import audio_packets, probe, video_packets
from tacit.stream.packet import NS_PER_MS, NS_PER_S
from tacit.stream.recording import RecordingWriter
from tests.fakes.streams import FACE_NS, FRAME_NS, write_streams


def test_a_player_sees_and_hears_everything_at_its_session_time(tmp_path: Path) -> None:
    out = tmp_path / "s.mp4"
    write_playable(write_streams(tmp_path / "s.mcap"), out)
    info = probe(out)
    assert info.audio is not None
    assert info.audio.start_ns == 0
    pictures = list(video_packets(out))
    assert [p.t_capture_ns for p in pictures] == [FACE_NS + k * FRAME_NS for k in range(50)]
    assert [float(p.data.mean()) for p in pictures] == pytest.approx(range(40, 140, 2), abs=2.5)


def test_holes_in_the_sound_are_silent(tmp_path: Path) -> None:
    path, out = tmp_path / "s.mcap", tmp_path / "s.mp4"
    writer, encoder = RecordingWriter(path), SoundEncoder()
    tone = (0.5 * np.sin(np.arange(320) * 0.2)).astype(np.float32)
    for t_ms in (*range(500, 1000, 20), *range(1500, 2000, 20)):
        for unit in encoder.push(tone, t_ms * NS_PER_MS):
            writer.write(media_topic("audio", "p1"), unit.t_ns, pack_unit("audio", "p1", unit))
    writer.close()
    write_playable(path, out)
    sound = np.concatenate([p.data for p in audio_packets(out)])
    assert sound.size == pytest.approx(32_000, abs=2048)
    loud = [float(np.abs(sound[k * 8000 : (k + 1) * 8000][1500:-1500]).mean()) for k in range(4)]
    assert [value > 0.1 for value in loud] == [False, True, False, True]
    assert probe(out).video is None
    assert probe(out).duration_ns == pytest.approx(2 * NS_PER_S, abs=0.15 * NS_PER_S)


def test_nothing_to_play_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="neither sound nor pictures"):
        write_playable(write_streams(tmp_path / "s.mcap", 1, ()), tmp_path / "s.mp4")
