import hashlib
import stat
from pathlib import Path

import numpy as np
import pytest

from tacit.pipeline.purge import Found, delete
from tacit.pipeline.recorded import read_facts
from tacit.pipeline.recorder import Recorder, RecordOptions
from tacit.pipeline.session_media import copy_path, media_of
from tacit.pipeline.sessions import load_session
from tacit.stream.errors import RecordingError
from tacit.stream.media_codecs import PictureEncoder
from tacit.stream.mediafile import video_packets
from tests.fakes.small_session import facts, packets, record_small, run

FILM = b"film" * 100


def named(media: Path, **changes: object) -> dict[str, object]:
    digest = hashlib.sha256(FILM).hexdigest()
    fields = {"media": media.name, "media_bytes": len(FILM), "media_path": str(media)}
    return {**fields, "media_sha256": digest, **changes}


def record_with_media(path: Path, media: Path) -> None:
    recorder = Recorder(RecordOptions(path, media=True))
    recorder.begin(facts(**named(media, media_enclosed=True)), media)
    for event in run(packets(2.0), recorder):
        recorder.event(event)
    recorder.close()


def test_enclosed_media_are_taken_out_for_players(tmp_path: Path) -> None:
    media = tmp_path / "elsewhere.mp4"
    media.write_bytes(FILM)
    path = tmp_path / "s.mcap"
    record_with_media(path, media)
    media.unlink()
    found = load_session(path).media
    assert found == tmp_path / "s.media.mp4"
    assert found.read_bytes() == FILM
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert media_of(path)[1] == found
    assert load_session(path).media == found


def test_media_are_found_where_they_were_or_beside_the_session_if_unchanged(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    media = folder / "clip.mp4"
    media.write_bytes(FILM)
    path = tmp_path / "s.mcap"
    record_small(path, 2.0, **named(media))
    assert load_session(path).media == media
    moved = media.rename(tmp_path / "clip.mp4")
    assert load_session(path).media == moved
    moved.write_bytes(b"FILM" * 100)
    assert load_session(path).media is None
    with pytest.raises(RecordingError, match=r"clip\.mp4 are not in it"):
        media_of(path)


def test_streams_become_a_film_for_players_that_goes_with_the_session(tmp_path: Path) -> None:
    recorder = Recorder(RecordOptions(tmp_path / "s.mcap", media=True))
    recorder.begin(facts(media_streams=True), None)
    pictures = PictureEncoder()
    for k in range(10):
        for unit in pictures.encode(np.full((48, 64, 3), 90, np.uint8), k * 40_000_000):
            recorder.unit("face", unit)
    for event in run(packets(1.0), recorder):
        recorder.event(event)
    recorder.close()
    path = tmp_path / "s.mcap"
    assert media_of(path)[1] == path
    film = load_session(path).media
    assert film == tmp_path / "s.media.mp4"
    assert stat.S_IMODE(film.stat().st_mode) == 0o600
    assert len(list(video_packets(film))) == 10
    made_ns = film.stat().st_mtime_ns
    assert load_session(path).media == film
    assert film.stat().st_mtime_ns == made_ns
    delete(Found(path, read_facts(path)))
    assert list(tmp_path.iterdir()) == []


def test_streams_without_anything_in_them_give_no_film(tmp_path: Path) -> None:
    record_small(tmp_path / "s.mcap", 1.0, media_streams=True)
    assert load_session(tmp_path / "s.mcap").media is None
    assert [p.name for p in tmp_path.iterdir()] == ["s.mcap"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.mp4/../b", "x.sh;rm", "noext"])
def test_a_media_name_cannot_point_elsewhere(tmp_path: Path, name: str) -> None:
    copy = copy_path(tmp_path / "s.mcap", facts(media=name))
    assert copy.parent == tmp_path
    assert copy.name.startswith("s.media")
