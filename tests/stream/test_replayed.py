from pathlib import Path

import pytest

from tacit.stream.errors import MediaError
from tacit.stream.replayed import audio_packets, probe, video_packets
from tests.fakes.media import write_both
from tests.fakes.streams import FACE_NS, SOUND_NS, write_streams


def test_a_media_file_and_a_session_are_read_alike(tmp_path: Path) -> None:
    film = write_both(tmp_path / "a.mp4", 1)
    session = write_streams(tmp_path / "a.mcap", 1)
    for path, starts, pictures in ((film, (0, 0), 25), (session, (SOUND_NS, FACE_NS), 25)):
        info = probe(path)
        assert info.audio is not None
        assert info.video is not None
        sound = list(audio_packets(path, participant="x", epoch=1))
        faces = list(video_packets(path, participant="x", epoch=1))
        assert (sound[0].t_capture_ns, faces[0].t_capture_ns) == starts
        assert len(faces) == pictures
        assert {(p.participant, p.epoch) for p in sound + faces} == {("x", 1)}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        probe(tmp_path / "missing.mp4")
