from pathlib import Path

import numpy as np
import pytest

from tacit.stream.errors import MediaError
from tacit.stream.packet import NS_PER_S
from tacit.stream.recorded_media import (
    holds_session,
    media_units,
    picture_packets,
    probe_session,
    sound_packets,
)
from tests.fakes.streams import FACE_NS, FRAME_NS, SOUND_NS, write_streams


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_streams(tmp_path_factory.mktemp("streams") / "s.mcap")


def test_a_session_says_what_it_holds(session: Path, tmp_path: Path) -> None:
    info = probe_session(session)
    assert info.audio is not None
    assert (info.audio.codec, info.audio.rate_hz, info.audio.start_ns) == ("flac", 16_000, SOUND_NS)
    assert info.video is not None
    assert (info.video.width, info.video.height, info.video.start_ns) == (64, 48, FACE_NS)
    assert info.video.rate_hz == pytest.approx(25, abs=1)
    assert info.duration_ns == pytest.approx(2.07 * NS_PER_S, abs=0.03 * NS_PER_S)
    assert probe_session(write_streams(tmp_path / "a.mcap", 1, ("audio",))).video is None
    with pytest.raises(MediaError, match="record it with --media"):
        probe_session(write_streams(tmp_path / "none.mcap", 1, ()))
    assert not holds_session(tmp_path / "missing.mcap")


def test_sound_has_its_times_and_values(session: Path) -> None:
    packets = list(sound_packets(session, participant="anna", epoch=2))
    assert [p.t_capture_ns for p in packets[:2]] == [SOUND_NS, SOUND_NS + 20_000_000]
    assert [p.seq for p in packets] == list(range(100))
    assert {(p.participant, p.epoch, p.kind) for p in packets} == {("anna", 2, "media")}
    found = np.concatenate([p.data for p in packets])
    ramp = np.linspace(0, 0.5, 32_000, dtype=np.float32)
    assert float(np.abs(found - ramp).max()) <= 1 / 32_768
    late = list(sound_packets(session, start_ns=NS_PER_S))
    assert (late[0].seq, late[0].t_capture_ns) == (0, NS_PER_S)


def test_pictures_have_their_times_and_values(session: Path) -> None:
    packets = list(picture_packets(session))
    assert [p.t_capture_ns for p in packets] == [FACE_NS + k * FRAME_NS for k in range(50)]
    assert {p.duration_ns for p in packets} == {FRAME_NS}
    assert [float(p.data.mean()) for p in packets] == pytest.approx(range(40, 140, 2), abs=2.5)
    late = next(picture_packets(session, start_ns=NS_PER_S))
    assert (late.seq, late.t_capture_ns) == (0, FACE_NS + 24 * FRAME_NS)


def test_a_file_cut_at_any_byte_gives_what_came_before(session: Path, tmp_path: Path) -> None:
    whole, cut = session.read_bytes(), tmp_path / "cut.mcap"
    counts = []
    for share in (0.3, 0.31, 0.6, 0.9):
        cut.write_bytes(whole[: int(share * len(whole))])
        units = list(media_units(cut, "audio", "face"))
        pictures = sum(modality == "face" for modality, _ in units)
        assert sum(1 for _ in picture_packets(cut)) == pictures
        counts.append(len(units))
    assert counts == sorted(counts)
    assert counts[0] > 10
