import itertools
import re
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tacit.stream.errors import LocalError, MediaError
from tacit.stream.mediafile import audio_packets, probe, video_packets
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet
from tests.fakes.media import picture, tone, write_audio, write_both, write_video

pytestmark = pytest.mark.media
BLOCK_NS = 20 * NS_PER_MS
FIXED = 1 << 16


def samples_of(packets: list[Packet]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.concatenate([packet.data for packet in packets])


def check_audio(packets: list[Packet]) -> None:
    """What holds for any sound: on the grid, in order, no overlap, in range, length = samples."""
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    for packet in packets:
        assert packet.data.dtype == np.float32
        assert packet.data.ndim == 1
        assert np.abs(packet.data).max() <= 1.0
        assert abs(packet.duration_ns - packet.data.size * NS_PER_S // 16_000) <= 1
        assert packet.t_capture_ns // BLOCK_NS == (packet.t_end_ns - 1) // BLOCK_NS
        assert packet.t_available_ns == packet.t_end_ns
    for early, late in itertools.pairwise(packets):
        assert late.t_capture_ns >= early.t_end_ns


def check_video(packets: list[Packet]) -> None:
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    for packet in packets:
        assert packet.data.dtype == np.uint8
        assert packet.data.shape[2] == 3
        assert max(packet.data.shape) <= 960  # half as large again as MEDIA_MAX_SIDE
        assert packet.duration_ns > 0
        assert packet.t_available_ns == packet.t_end_ns
    for early, late in itertools.pairwise(packets):
        assert late.t_capture_ns >= early.t_end_ns


GRID = (
    *("bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a"),
    *("lwbsza", "pwij3p", "sbia1a", "sbwe5n", "swiz3n"),
)
CLIPS = {
    "jfk.flac": (11.0, 0),
    "ravdess_01-01-07-02-02-01-01_1.mp4": (4.0, 120),
    "retalk_face1.mp4": (6.1, 135),
    "retalk_face2.mp4": (5.0, 125),
    "retalk_face3.mp4": (5.0, 125),
    **{f"grid/{name}.mpg": (3.0, 75) for name in GRID},
}


@pytest.mark.data
@pytest.mark.parametrize("name", CLIPS)
def test_real_clips(data_root: Path, name: str) -> None:
    seconds, pictures = CLIPS[name]
    path = data_root / "media" / name
    info = probe(path)
    assert info.duration_ns / NS_PER_S == pytest.approx(seconds, abs=0.1)
    sound = list(audio_packets(path))
    check_audio(sound)
    assert sound[0].t_capture_ns == 0
    assert samples_of(sound).size / 16_000 == pytest.approx(seconds, abs=0.05)
    assert samples_of(sound).std() > 0.005
    if not pictures:
        assert info.video is None
        return
    assert info.video is not None
    shots = list(video_packets(path))
    check_video(shots)
    assert len(shots) == pictures
    assert shots[0].t_capture_ns == info.video.start_ns
    assert shots[0].meta == {"bad_packets": 0, "bad_times": 0}
    assert shots[0].data.std() > 20


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["jfk.flac", "retalk_face1.mp4", "retalk_face2.mp4", "grid/bbaf2n.mpg"]
)
@pytest.mark.parametrize("start_ns", [500 * NS_PER_MS, 2_340 * NS_PER_MS])
def test_a_restart_goes_on_at_the_same_places(data_root: Path, name: str, start_ns: int) -> None:
    path = data_root / "media" / name
    for read in (audio_packets, video_packets)[: 1 if name == "jfk.flac" else 2]:
        whole = [packet for packet in read(path) if packet.t_capture_ns >= start_ns]
        rest = list(read(path, start_ns=start_ns, epoch=1))
        assert [p.t_capture_ns for p in rest] == [p.t_capture_ns for p in whole]
        assert [p.duration_ns for p in rest] == [p.duration_ns for p in whole]
        assert [p.seq for p in rest] == list(range(len(rest)))
        assert {p.epoch for p in rest} == {1}
        # AAC fills quiet bands with random numbers; nothing else may differ.
        for one, other in list(zip(whole, rest, strict=True))[:: max(1, len(rest) // 10)]:
            assert np.abs(one.data.astype(np.float32) - other.data).max() <= 0.01


@pytest.mark.parametrize(
    ("name", "codec", "layout", "rate_hz"),
    [
        ("a.wav", "pcm_s16le", "stereo", 44_100),
        ("a.wav", "pcm_u8", "mono", 8_000),
        ("a.wav", "pcm_f32le", "5.1", 48_000),
        ("a.wav", "pcm_s32le", "mono", 16_000),
        ("a.flac", "flac", "stereo", 96_000),
        ("a.wav", "pcm_s16le", "7.1", 48_000),
        ("a.mka", "libopus", "stereo", 48_000),
        ("a.mp4", "aac", "mono", 22_050),
        ("a.mp3", "libmp3lame", "stereo", 44_100),
    ],
)
def test_any_sound_keeps_length_pitch_and_level(
    tmp_path: Path, name: str, codec: str, layout: str, rate_hz: int
) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}[layout]
    sound = np.tile(tone(1.5, rate_hz), (channels, 1))
    path = write_audio(tmp_path / name, sound, rate_hz, codec=codec, layout=layout)
    info = probe(path)
    assert info.audio is not None
    assert (info.audio.channels, info.audio.rate_hz, info.video) == (channels, rate_hz, None)
    packets = list(audio_packets(path))
    check_audio(packets)
    got = samples_of(packets)
    assert got.size / 16_000 == pytest.approx(1.5, abs=0.06)
    middle = got[4000:20_000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(440, abs=1)


def test_eight_planes_do_not_crash(tmp_path: Path) -> None:
    flat = write_audio(tmp_path / "a.wav", np.tile(tone(1.0, 48_000), (8, 1)), 48_000, layout="7.1")
    path = tmp_path / "a.m4a"
    with av.open(str(flat)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=48_000, layout="7.1")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    packets = list(audio_packets(path))
    check_audio(packets)
    assert samples_of(packets)[4000:12_000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_click_stays_where_it_was(tmp_path: Path) -> None:
    sound = np.zeros((1, 44_100), np.float32)
    sound[0, 22_050] = 0.9
    got = samples_of(list(audio_packets(write_audio(tmp_path / "a.wav", sound, 44_100))))
    assert abs(int(np.abs(got).argmax()) - 8_000) <= 1


def test_speech_in_the_centre_of_5_1_is_not_buried(tmp_path: Path) -> None:
    sound = np.zeros((6, 48_000), np.float32)
    sound[2] = tone(1.0, 48_000)
    path = write_audio(tmp_path / "a.wav", sound, 48_000, codec="pcm_f32le", layout="5.1")
    level = samples_of(list(audio_packets(path))).std() / (0.5 / np.sqrt(2))
    assert 20 * np.log10(level) > -12


def test_silence_is_sound(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.zeros((1, 8_000), np.float32), 16_000)
    packets = list(audio_packets(path))
    assert len(packets) == 25
    assert not samples_of(packets).any()


def test_a_hole_in_the_pts_is_a_hole_between_packets(tmp_path: Path) -> None:
    sound = tone(1.0, 16_000)[np.newaxis]
    path = write_audio(tmp_path / "a.mkv", sound, 16_000, skips=[(8_000, 4_800)])
    packets = list(audio_packets(path))
    check_audio(packets)
    holes = [
        (a.t_end_ns, b.t_capture_ns)
        for a, b in itertools.pairwise(packets)
        if a.t_end_ns != b.t_capture_ns
    ]
    assert len(holes) == 1
    assert holes[0][0] / NS_PER_MS == pytest.approx(500, abs=1)
    assert holes[0][1] / NS_PER_MS == pytest.approx(800, abs=1)
    assert packets[-1].t_end_ns / NS_PER_MS == pytest.approx(1300, abs=1)


def test_overlapping_sound_is_trimmed(tmp_path: Path) -> None:
    sound = tone(1.0, 16_000)[np.newaxis]
    path = write_audio(tmp_path / "a.mkv", sound, 16_000, skips=[(8_000, -800)])
    packets = list(audio_packets(path))
    check_audio(packets)
    assert all(a.t_end_ns == b.t_capture_ns for a, b in itertools.pairwise(packets))
    assert packets[-1].t_end_ns / NS_PER_MS == pytest.approx(950, abs=2)


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times_ms = [0, 40, 60, 100, 200, 210, 290, 2_000, 2_040]
    pictures = [picture(k) for k in range(len(times_ms))]
    packets = list(
        video_packets(write_video(tmp_path / "v.mkv", pictures, times_ms, options={"crf": "4"}))
    )
    check_video(packets)
    assert [packet.t_capture_ns // NS_PER_MS for packet in packets] == times_ms
    assert [packet.duration_ns // NS_PER_MS for packet in packets[:6]] == [40, 20, 40, 100, 10, 80]
    assert packets[6].duration_ns < 500 * NS_PER_MS  # frozen until 2 s: it does not last that long
    levels = [float(packet.data.mean()) for packet in packets]
    assert np.allclose(np.diff(levels), 4, atol=1.5)  # none is repeated, none is missing


CORNER = {
    "as it is": ((FIXED, 0, 0, FIXED), (3, 7)),
    "quarter clockwise": ((0, FIXED, -FIXED, 0), (7, 27)),
    "quarter counter-clockwise": ((0, -FIXED, FIXED, 0), (55, 3)),
    "half": ((-FIXED, 0, 0, -FIXED), (27, 55)),
    "mirrored": ((-FIXED, 0, 0, FIXED), (3, 55)),
    "upside down": ((FIXED, 0, 0, -FIXED), (27, 7)),
    "transposed": ((0, FIXED, FIXED, 0), (7, 3)),
}


@pytest.mark.parametrize("case", CORNER)
def test_turned_pictures_come_upright(tmp_path: Path, case: str) -> None:
    # The expected places are those of `ffmpeg -i r.mp4`, which turns by itself.
    (a, b, c, d), place = CORNER[case]
    image = np.zeros((32, 64, 3), np.uint8)
    image[:8, :16] = 255
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = write_video(tmp_path / "r.mp4", [image] * 3, [0, 40, 80], matrix=matrix)
    got = next(video_packets(path)).data
    assert got.shape == ((64, 32, 3) if a == 0 else (32, 64, 3))
    assert np.allclose(np.argwhere(got[..., 0] > 128).mean(axis=0), place, atol=1)


def test_large_pictures_are_scaled_down_and_colours_are_bgr(tmp_path: Path) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[..., 0] = 200
    path = write_video(tmp_path / "v.mp4", [image] * 2, [0, 40])
    got = next(video_packets(path)).data
    assert got.shape == (360, 640, 3)
    assert got[..., 0].mean() > 150 > 60 > got[..., 2].mean()
    assert next(video_packets(path, max_side=320)).data.shape == (180, 320, 3)


def test_video_only_and_audio_only(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [picture(k) for k in range(5)], [0, 40, 80, 120, 160])
    assert probe(video).audio is None
    with pytest.raises(MediaError, match=r"v\.mp4 holds no sound"):
        next(audio_packets(video))
    audio = write_audio(tmp_path / "a.wav", tone(0.2, 8_000)[np.newaxis], 8_000)
    assert probe(audio).video is None
    with pytest.raises(MediaError, match=r"a\.wav holds no pictures"):
        next(video_packets(audio))


def test_sound_and_pictures_share_their_origin(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    write_video(path, [picture(k) for k in range(5)], [3_000 + 40 * k for k in range(5)])
    assert next(video_packets(path)).t_capture_ns == 0


@pytest.mark.parametrize("name", ["c.mp4", "c.mkv", "c.mpg", "c.ts"])
def test_a_long_clip_restarts_in_the_middle(tmp_path: Path, name: str) -> None:
    codec = "mp2" if name == "c.mpg" else "aac"
    path = write_both(tmp_path / name, 8, audio_codec=codec)
    start_ns = 5 * NS_PER_S
    for read in (audio_packets, video_packets):
        whole = [packet for packet in read(path) if packet.t_capture_ns >= start_ns]
        rest = list(read(path, start_ns=start_ns))
        # Matroska rounds times to 1 ms: sound that starts elsewhere may end a sample later.
        assert abs(len(rest) - len(whole)) <= 1
        for one, other in zip(whole[:-1], rest, strict=False):
            assert one.t_capture_ns == other.t_capture_ns
            assert float(one.data.mean()) == pytest.approx(float(other.data.mean()), abs=0.05)


def test_damage_in_the_middle_is_skipped(tmp_path: Path) -> None:
    path = write_both(tmp_path / "c.ts", 4)
    whole = len(list(video_packets(path)))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 3
    damaged[middle : middle + 1500] = np.random.default_rng(0).bytes(1500)
    path.write_bytes(damaged)
    shots = list(video_packets(path))
    check_video(shots)
    assert whole - 60 <= len(shots) <= whole
    assert shots[-1].t_capture_ns > 3.8 * NS_PER_S
    check_audio(list(audio_packets(path)))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_short_gives_what_is_there(tmp_path: Path, share: float) -> None:
    path = write_both(tmp_path / "c.mkv", 4)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    probe(path)
    shots = list(video_packets(path))
    check_video(shots)
    assert 0 < len(shots) <= 100


def text_file(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("This is not a film.\n" * 50)
    return path


def cut_mp4(folder: Path) -> Path:
    path = write_both(folder / "cut.mp4", 1)
    path.write_bytes(path.read_bytes()[:3000])
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "zero.mp4"
    path.touch()
    return path


def empty_wav(folder: Path) -> Path:
    with wave.open(str(folder / "empty.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    return folder / "empty.wav"


def subtitles(folder: Path) -> Path:
    path = folder / "words.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
    return path


UNUSABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "gone.mp4", r"gone\.mp4 does not exist; check the name"),
    "folder": (lambda folder: folder, "is not a file; name one media file"),
    "text": (text_file, r"notes\.mp4 is not a media file .* `ffmpeg -i"),
    "cut before its index": (cut_mp4, r"cut\.mp4 is not a media file .* cut off"),
    "zero bytes": (empty_file, r"zero\.mp4 is empty \(0 bytes\)"),
    "no samples": (empty_wav, r"empty\.wav is empty: not one frame of its sound"),
    "no streams": (subtitles, r"words\.srt holds neither sound nor pictures"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make, reason = UNUSABLE[case]
    path = make(tmp_path)
    with pytest.raises(MediaError, match=reason) as caught:
        probe(path)
    assert "\n" not in str(caught.value)
    for read in (audio_packets, video_packets):
        with pytest.raises(MediaError, match=re.escape(path.name)):
            next(read(path))
    assert capfd.readouterr().err == ""


def test_blocks_hold_whole_samples(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", tone(0.2, 8_000)[np.newaxis], 8_000)
    with pytest.raises(LocalError, match="whole number of samples"):
        next(audio_packets(path, block_ns=12_345))
