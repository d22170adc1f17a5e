import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.pipeline.health import Health, HealthMonitor
from tacit.pipeline.quality import (
    MASKING,
    TRANSCRIBABLE,
    AudioChecker,
    Quality,
    QualityFlag,
    VideoChecker,
)

S = 1_000_000_000
MS = 1_000_000
RATE = 16_000
Samples = NDArray[np.float32]
Image = NDArray[np.uint8]
Frames = list[tuple[int, Image]]


def voice(seconds: float, level: float = 0.1, seed: int = 0) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (level * noise).astype(np.float32)


def listen(sound: Samples, block: int = 320) -> list[tuple[int, Quality]]:
    """What the checker says, with the time at which it can say it."""
    checker, found = AudioChecker(RATE), []
    state = checker.initial_state()
    for first in range(0, sound.size, block):
        piece = sound[first : first + block]
        quality, state = checker.check(piece, first * S // RATE, state)
        found.append(((first + piece.size) * S // RATE, quality))
    return found


def first_seen(found: Iterable[tuple[int, Quality]], flag: QualityFlag) -> tuple[int, Quality]:
    return next((t_ns, quality) for t_ns, quality in found if flag in quality.flags)


def seen(found: Iterable[tuple[int, Quality]]) -> set[str]:
    return {str(flag) for _, quality in found for flag in quality.flags}


@pytest.mark.parametrize("block", [320, 640, 777, 1600])
def test_digital_silence_is_found_after_half_a_second_from_its_very_sample(block: int) -> None:
    sound = voice(4)
    sound[2 * RATE + 77 : 3 * RATE] = 0
    found = listen(sound, block)
    t_ns, quality = first_seen(found, QualityFlag.SILENT)
    start_ns = (2 * RATE + 77) * S // RATE
    assert 500 * MS <= t_ns - start_ns <= 500 * MS + block * S // RATE
    assert quality.since_ns == pytest.approx(start_ns, abs=S // RATE)
    assert quality.masked
    assert seen((t, q) for t, q in found if t > 3 * S + 200 * MS) == set()


def test_a_pause_of_zeros_below_half_a_second_is_none() -> None:
    sound = voice(2)
    sound[RATE : RATE + 7800] = 0
    assert seen(listen(sound)) == set()


def test_a_quiet_room_is_quiet_and_valid() -> None:
    found = listen(voice(4, level=10 ** (-65 / 20)))
    t_ns, quality = first_seen(found, QualityFlag.QUIET)
    assert t_ns == 2 * S
    assert seen(found) == {"quiet"}
    assert not quality.masked
    assert quality.measures["rms_db"] == pytest.approx(-65, abs=1.5)


@pytest.mark.parametrize("block", [320, 800])
def test_overdriven_sound_is_clipped_within_three_blocks(block: int) -> None:
    sound = voice(2)
    sound[RATE:] = np.clip(20 * sound[RATE:], -1, 1)
    t_ns, quality = first_seen(listen(sound, block), QualityFlag.CLIPPED)
    assert S + 60 * MS <= t_ns <= S + 100 * MS
    assert quality.masked
    assert quality.measures["clipped"] > 0.5
    assert quality.flags <= TRANSCRIBABLE


def test_two_clipped_blocks_of_five_are_none() -> None:
    sound = voice(1)
    for block in (3, 5, 8, 10, 13):
        sound[block * 320 : block * 320 + 160] = 1.0
    assert seen(listen(sound)) == set()


def test_clipping_is_over_after_five_good_blocks() -> None:
    sound = voice(1)
    sound[: 10 * 320] = 1.0
    sound[: 10 * 320 : 2] = -1.0
    found = listen(sound)
    assert QualityFlag.CLIPPED in found[9][1].flags
    assert seen(found[14:]) == set()


@pytest.mark.parametrize("kind", ["constant", "repeated"])
def test_stuck_samples_are_found(kind: str) -> None:
    sound = voice(3)
    sound[RATE:] = 0.25 if kind == "constant" else np.tile(sound[RATE - 320 : RATE], 100)
    t_ns, quality = first_seen(listen(sound), QualityFlag.STUCK)
    assert t_ns == S + 500 * MS
    assert quality.since_ns == S
    assert quality.masked


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_masked_and_measured_without(value: float) -> None:
    sound = voice(1)
    sound[5000] = value
    found = listen(sound)
    hit = [quality for _, quality in found if quality.flags]
    assert [q.flags for q in hit] == [frozenset({QualityFlag.NONFINITE})]
    assert hit[0].masked
    assert all(np.isfinite(list(q.measures.values())).all() for _, q in found)


def scene(seed: int = 0) -> Image:
    """A textured still picture, 640 x 480."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, (12, 16, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_NEAREST), np.uint8)


def noisy(fps: float, seconds: float, base: Image | None = None) -> Iterator[tuple[int, Image]]:
    rng = np.random.default_rng(1)
    base = scene() if base is None else base
    grain = rng.integers(0, 6, (8, *base.shape)).astype(np.uint8)
    for k in range(round(seconds * fps)):
        yield round(k * S / fps), np.asarray(cv2.add(base, grain[k % 8]), dtype=np.uint8)


def watch(frames: Iterable[tuple[int, Image]]) -> list[tuple[int, Quality]]:
    checker, found = VideoChecker(), []
    state = checker.initial_state()
    for t_ns, image in frames:
        quality, state = checker.check(image, t_ns, state)
        found.append((t_ns, quality))
    return found


def freeze(frames: Iterable[tuple[int, Image]], from_s: float, to_s: float) -> Frames:
    held: Image | None = None
    result: Frames = []
    for t_ns, image in frames:
        inside = from_s * S <= t_ns < to_s * S
        held = held if inside and held is not None else image
        result.append((t_ns, held))
    return result


@pytest.mark.parametrize("fps", [30, 25, 10])
def test_repeated_pictures_are_frozen_in_half_a_second(fps: int) -> None:
    found = watch(freeze(noisy(fps, 4), 2, 3))
    t_ns, quality = first_seen(found, QualityFlag.FROZEN)
    assert 2 * S < t_ns <= 2 * S + 500 * MS
    assert quality.since_ns == 2 * S
    assert quality.masked
    assert quality.measures["frozen_ms"] >= 500
    assert seen((t, q) for t, q in found if t >= 3 * S) == set()


def test_repeats_shorter_than_half_a_second_are_none() -> None:
    found = watch(freeze(noisy(30, 3), 1, 1.45))
    assert seen(found) == set()


def test_nearly_the_same_picture_is_frozen_after_two_seconds() -> None:
    base, other = scene(), scene()
    other[::40, ::40] ^= 1
    frames = [(k * S // 25, other if k % 2 else base) for k in range(100)]
    t_ns, quality = first_seen(watch(frames), QualityFlag.FROZEN)
    assert t_ns == 2 * S
    assert quality.since_ns == S // 25


def test_a_small_movement_in_one_place_is_no_freeze() -> None:
    frames = []
    for k in range(100):
        image = scene()
        image[200:220, 300:320] = 100 + 40 * (k % 3)
        frames.append((k * S // 25, image))
    found = watch(frames)
    assert max(q.measures["change"] for _, q in found[1:]) < 0.001
    assert seen(found) == set()


def test_a_slow_drift_is_no_freeze() -> None:
    image, rng, frames = scene(), np.random.default_rng(2), []
    for k in range(100):
        frames.append((k * S // 25, image))
        image = np.asarray(image + (rng.random(image.shape) < 0.1), dtype=np.uint8)
    assert seen(watch(frames)) == set()


def test_black_pictures_are_black_at_once() -> None:
    dark = np.zeros((480, 640, 3), dtype=np.uint8)
    (found,) = watch([(0, dark)])
    assert found[1].flags == {QualityFlag.BLACK}
    assert found[1].measures["black"] == 1.0
    dark[:72, :] = 200
    assert QualityFlag.BLACK not in watch([(0, dark)])[0][1].flags


def test_a_dark_room_is_dark_and_still_measured() -> None:
    (found,) = watch([(0, np.asarray(scene() // 5, dtype=np.uint8))])
    assert found[1].flags == {QualityFlag.DARK}
    assert not found[1].masked


def test_a_blurred_picture_is_blurred_and_still_measured() -> None:
    sharp = np.full((480, 640, 3), 90, dtype=np.uint8)
    cv2.ellipse(sharp, (320, 240), (100, 140), 0, 0, 360, (170, 180, 210), -1)
    for x in (280, 360):
        cv2.circle(sharp, (x, 200), 15, (20, 20, 20), -1)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 8), dtype=np.uint8)
    assert watch([(0, sharp)])[0][1].flags == set()
    (found,) = watch([(0, soft)])
    assert found[1].flags == {QualityFlag.BLURRED}
    assert not found[1].masked


def test_a_change_of_size_is_a_new_picture() -> None:
    frames: Frames = [
        (0, scene()),
        (S, np.ascontiguousarray(scene()[:240, :320])),
        (2 * S, scene()),
    ]
    assert seen(watch(frames)) == set()


def test_checks_depend_on_the_state_alone() -> None:
    frames = list(noisy(10, 1))
    checker = VideoChecker()
    state = checker.initial_state()
    _, state = checker.check(frames[0][1], 0, state)
    first, _ = checker.check(frames[1][1], S, state)
    again, _ = checker.check(frames[1][1], S, state)
    assert first == again


def test_flags_of_others_are_added() -> None:
    quality = Quality(frozenset({QualityFlag.DARK}), {"black": 0.1}, 5)
    both = quality.with_flags(QualityFlag.NO_FACE)
    assert both.flags == {QualityFlag.DARK, QualityFlag.NO_FACE}
    assert (both.measures, both.since_ns, both.masked) == ({"black": 0.1}, 5, True)


def test_masking_is_what_makes_features_meaningless() -> None:
    flag = QualityFlag
    harmless = {flag.QUIET, flag.DARK, flag.BLURRED, flag.NOISY, flag.TWO_FACES}
    harmless |= {flag.OVERFLOW, flag.LATE, flag.BABBLE}
    assert set(QualityFlag) - MASKING == harmless


def test_a_picture_is_checked_in_a_fraction_of_a_frame() -> None:
    checker, took_s = VideoChecker(), []
    state = checker.initial_state()
    for t_ns, image in noisy(30, 1):
        begin = time.perf_counter()
        _, state = checker.check(image, t_ns, state)
        took_s.append(time.perf_counter() - begin)
    assert np.median(took_s) < 0.005


CLIPS = [
    "retalk_face1.mp4",
    "retalk_face2.mp4",
    "retalk_face3.mp4",
    "ravdess_01-01-07-02-02-01-01_1.mp4",
    "grid/bbaf2n.mpg",
    "grid/lwbsza.mpg",
    "grid/sbwe5n.mpg",
]


def pictures(path: Path) -> Frames:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        assert base is not None
        return [
            (round(frame.pts * base * S), np.asarray(frame.to_ndarray(format="bgr24")))
            for frame in container.decode(stream)
            if frame.pts is not None
        ]


def sound_of(path: Path) -> Samples:
    """Mono by averaging: the resampler's own downmix to float gains 3 dB and would clip."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", None, RATE)
        parts = [
            part.to_ndarray().mean(axis=0)
            for frame in container.decode(container.streams.audio[0])
            for part in resampler.resample(frame)
        ]
    sound: Samples = np.concatenate(parts).astype(np.float32)
    return sound


def follow_face(frames: Frames) -> tuple[list[Health], set[str]]:
    monitor, changes, found = HealthMonitor("p1", ["face"]), [], watch(frames)
    ends = [t_ns for t_ns, _ in frames[1:]] + [frames[-1][0] + 40 * MS]
    for (t_ns, quality), end_ns in zip(found, ends, strict=True):
        changes += monitor.tick(t_ns)
        changes += monitor.observe("face", t_ns, end_ns - t_ns, quality)
    return changes, seen(found)


def follow_audio(sound: Samples) -> tuple[list[Health], set[str]]:
    monitor, changes, found = HealthMonitor("p1", ["audio"]), [], listen(sound, 640)
    for end_ns, quality in found:
        changes += monitor.tick(end_ns)
        changes += monitor.observe("audio", end_ns - 40 * MS, 40 * MS, quality)
    return changes, seen(found)


@pytest.mark.data
@pytest.mark.media
@pytest.mark.parametrize("clip", CLIPS)
def test_clean_pictures_raise_nothing(data_root: Path, clip: str) -> None:
    changes, flags = follow_face(pictures(data_root / "media" / clip))
    assert flags == set()
    assert [c.state.value for c in changes] == ["ok"]


@pytest.mark.data
@pytest.mark.media
@pytest.mark.parametrize("clip", [*CLIPS, "jfk.flac"])
def test_clean_sound_raises_nothing(data_root: Path, clip: str) -> None:
    changes, flags = follow_audio(sound_of(data_root / "media" / clip))
    assert flags <= {"quiet"}
    assert [c.state.value for c in changes] == ["ok"]


def blacken(frames: Frames) -> Frames:
    return [(t, i * np.uint8(not S <= t < 2.5 * S)) for t, i in frames]


@pytest.mark.data
@pytest.mark.media
@pytest.mark.parametrize(
    ("damage", "reason", "limit_ms"),
    [(lambda f: freeze(f, 1, 2.5), "frozen", 600), (blacken, "black", 500)],
    ids=["freeze", "black"],
)
@pytest.mark.parametrize("clip", CLIPS[:1] + CLIPS[3:5])
def test_damaged_pictures_are_found_in_time(
    data_root: Path, clip: str, damage: Callable[[Frames], Frames], reason: str, limit_ms: int
) -> None:
    changes, _ = follow_face(damage(pictures(data_root / "media" / clip)))
    assert [c.state.value for c in changes] == ["ok", "degraded", "lost", "recovering", "ok"]
    assert [c.reason for c in changes[1:3]] == [reason, reason]
    assert changes[1].t_ns <= S + limit_ms * MS
    assert changes[2].t_ns <= 2 * S + 40 * MS
    assert S <= changes[1].since_ns <= S + 70 * MS
    assert changes[4].t_ns <= 4.5 * S


@pytest.mark.data
@pytest.mark.media
@pytest.mark.parametrize("clip", [*CLIPS[:5], "jfk.flac"])
def test_damaged_sound_is_found_in_time(data_root: Path, clip: str) -> None:
    sound = sound_of(data_root / "media" / clip)
    muted = sound.copy()
    muted[RATE : 2 * RATE] = 0
    changes, _ = follow_audio(muted)
    assert [c.state.value for c in changes][:4] == ["ok", "muted", "recovering", "ok"]
    assert changes[1].t_ns <= S + 540 * MS
    changes, _ = follow_audio(np.clip(20 * sound, -1, 1))
    assert ("degraded", "clipped") in [(c.state.value, c.reason) for c in changes]
