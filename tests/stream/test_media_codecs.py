import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.stream.media_codecs import (
    PictureDecoder,
    PictureEncoder,
    SoundDecoder,
    SoundEncoder,
    Unit,
    is_key,
)
from tacit.stream.packet import NS_PER_MS, NS_PER_S

FRAME_NS = 33 * NS_PER_MS


def noise(samples: int) -> NDArray[np.float32]:
    whole = np.random.default_rng(1).integers(-9000, 9000, samples)
    return (whole / 32_768).astype(np.float32)


def films(levels: list[int], side: int = 64) -> list[Unit]:
    encoder = PictureEncoder()
    pictures = (np.full((side, side, 3), level, np.uint8) for level in levels)
    return [u for k, p in enumerate(pictures) for u in encoder.encode(p, k * FRAME_NS)]


def level(unit: Unit, decoder: PictureDecoder) -> float | None:
    frame = decoder.decode(unit.data)
    return None if frame is None else float(frame.to_ndarray(format="bgr24").mean())


@pytest.mark.parametrize("piece", [320, 100, 441])
def test_sound_comes_back_bit_for_bit_at_its_times(piece: int) -> None:
    sound, encoder, decoder = noise(3210), SoundEncoder(), SoundDecoder()
    units = []
    for first in range(0, sound.size, piece):
        t_ns = NS_PER_S + first * NS_PER_S // 16_000
        units += list(encoder.push(sound[first : first + piece], t_ns))
    units += list(encoder.flush())
    again = [decoder.decode(unit.data) for unit in units]
    assert np.array_equal(np.concatenate(again), sound)
    assert [u.t_ns for u in units] == [NS_PER_S + k * 20 * NS_PER_MS for k in range(11)]


def test_a_hole_in_the_sound_stays_one() -> None:
    encoder = SoundEncoder()
    units = list(encoder.push(noise(500), 0)) + list(encoder.push(noise(320), NS_PER_S))
    assert [u.t_ns for u in units] == [0, 20 * NS_PER_MS, NS_PER_S]
    assert [SoundDecoder().decode(u.data).size for u in units] == [320, 180, 320]


def test_sound_that_is_no_number_or_too_loud_is_bounded() -> None:
    wild = np.array([np.nan, np.inf, -np.inf, 2.0, -2.0] * 64, np.float32)
    (unit,) = SoundEncoder().push(wild, 0)
    again = SoundDecoder().decode(unit.data)
    assert again[0] == 0.0
    assert float(np.abs(again).max()) <= 1.0
    assert SoundDecoder().decode(b"no sound").size == 0


def test_pictures_come_back_one_by_one_with_a_key_every_second() -> None:
    levels = [40 + 2 * k for k in range(64)]
    units, decoder = films(levels), PictureDecoder()
    found = [level(unit, decoder) for unit in units]
    assert found == pytest.approx(levels, abs=2.5)
    assert [k for k, unit in enumerate(units) if is_key(unit.data)] == [0, 31, 62]


def test_a_stream_that_is_joined_late_begins_at_the_next_key() -> None:
    units, decoder = films([100] * 40), PictureDecoder()
    found = [level(unit, decoder) for unit in units[5:]]
    assert found[:26] == [None] * 26
    assert found[26:] == pytest.approx([100] * 9, abs=2.5)
    assert PictureDecoder().decode(b"\x00\x00\x01\x67nonsense") is None


def test_another_size_begins_a_new_stream_and_times_rise() -> None:
    encoder, decoder = PictureEncoder(), PictureDecoder()
    units = list(encoder.encode(np.full((49, 65, 3), 90, np.uint8), 0))
    assert not list(encoder.encode(np.full((49, 65, 3), 90, np.uint8), 0))
    units += encoder.encode(np.full((96, 64, 3), 90, np.uint8), FRAME_NS)
    assert all(is_key(unit.data) for unit in units)
    sizes = [(f.height, f.width) for u in units if (f := decoder.decode(u.data)) is not None]
    assert sizes == [(48, 64), (96, 64)]
