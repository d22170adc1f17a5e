from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tacit.models import degradations
from tacit.pipeline.inject import (
    AUDIO_HZ,
    SPEECH_RMS,
    InjectError,
    Injection,
    damage,
    is_off,
    parse_injections,
)
from tacit.stream.packet import NS_PER_S, Modality, Packet

S = NS_PER_S


def packet(modality: Modality, seq: int, t_ns: int, span_ns: int, data: NDArray[Any]) -> Packet:
    return Packet("media", modality, "p1", "file", 0, seq, t_ns, span_ns, t_ns + span_ns, data)


def speech(seconds: float, seed: int = 5) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (SPEECH_RMS * rng.standard_normal(round(seconds * AUDIO_HZ))).astype(np.float32)


def cut(samples: NDArray[np.float32], edges: list[int]) -> Iterator[Packet]:
    for seq, (a, b) in enumerate(pairwise([0, *edges, samples.size])):
        start_ns = a * S // AUDIO_HZ
        yield packet("audio", seq, start_ns, b * S // AUDIO_HZ - start_ns, samples[a:b])


def blocks(samples: NDArray[np.float32], size: int = 800) -> Iterator[Packet]:
    return cut(samples, list(range(size, samples.size, size)))


def film(frames: int, step_ns: int = S // 10) -> list[Packet]:
    rng = np.random.default_rng(1)
    return [
        packet("face", i, i * step_ns, step_ns, rng.integers(0, 256, (8, 6, 3), dtype=np.uint8))
        for i in range(frames)
    ]


def sound(packets: Iterator[Packet]) -> NDArray[np.float32]:
    return np.concatenate([p.data for p in packets])


def test_a_specification_is_read_in_order() -> None:
    assert parse_injections("face:freeze@2-4, audio:noise=-5@1.5-, text:off,audio:clip") == (
        Injection("face", "freeze", 2 * S, 4 * S),
        Injection("audio", "noise", 1_500_000_000, None, -5.0),
        Injection("text", "off"),
        Injection("audio", "clip", 0, None, 20.0),
    )
    assert parse_injections(" ") == ()


def test_values_have_defaults_and_are_taken() -> None:
    defaults = [parse_injections(s)[0].value for s in ("audio:noise", "face:noise", "face:delay")]
    assert defaults == [5.0, 40.0, 0.5]
    assert parse_injections("face:delay=0.8@2-4")[0].value == 0.8


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "smell:drop",
            "injection 'smell:drop': unknown modality 'smell'; known: audio, face, text",
        ),
        (
            "face:melt@2-4",
            (
                "injection 'face:melt@2-4': unknown kind for face: 'melt'; "
                "known: drop, freeze, black, noise, impulse, blur, dark, occlude, rate, delay, off"
            ),
        ),
        (
            "audio:black",
            (
                "injection 'audio:black': kind does not fit audio: 'black'; "
                "known: drop, freeze, noise, pink, reverb, lowpass, clip, mute, bursts, delay, off"
            ),
        ),
        (
            "text:drop",
            "injection 'text:drop': kind does not fit text: 'drop'; known: delay, wer, off",
        ),
        ("face", "injection 'face' is not of the form modality:kind[=value][@from-to]"),
        ("face:drop,", "injection '' is not of the form modality:kind[=value][@from-to]"),
        (
            "face:drop@2",
            "injection 'face:drop@2': '2' is not from-to in seconds, such as 2-4.5",
        ),
        (
            "face:drop@-1-2",
            "injection 'face:drop@-1-2': '-1-2' is not from-to in seconds, such as 2-4.5",
        ),
        ("face:drop@4-2", "injection 'face:drop@4-2': '4-2' ends before it starts"),
        ("face:drop@4-4", "injection 'face:drop@4-4': '4-4' ends before it starts"),
        ("face:drop=3", "injection 'face:drop=3': drop takes no value, not '3'"),
        (
            "audio:noise=loud",
            (
                "injection 'audio:noise=loud': noise needs a number from -60 to 100 (dB SNR), "
                "not 'loud'"
            ),
        ),
        (
            "face:delay=-1",
            "injection 'face:delay=-1': delay needs a number from 0 to 3600 (s), not '-1'",
        ),
        (
            "text:off@2-3",
            "injection 'text:off@2-3': off holds for the whole stream and takes no times",
        ),
    ],
)
def test_a_bad_specification_is_refused_with_its_part_named(spec: str, message: str) -> None:
    with pytest.raises(InjectError) as raised:
        parse_injections(spec)
    assert str(raised.value) == message


@pytest.mark.fuzz
@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="audiofcetxmnsprlkyz:=@-,. 0123456789", max_size=40) | st.text())
def test_any_text_is_read_or_refused(spec: str) -> None:
    try:
        found = parse_injections(spec)
    except InjectError as error:
        message = str(error)
    else:
        assert len(found) == (spec.count(",") + 1 if spec.strip() else 0)
        return
    assert len(message.splitlines()) == 1


def test_off_is_for_a_whole_modality() -> None:
    found = parse_injections("text:off,face:drop@1-2")
    assert is_off(found, "text")
    assert not is_off(found, "face")
    assert list(damage(film(5), parse_injections("face:off"))) == []


def test_without_injections_nothing_changes() -> None:
    packets = film(3)
    assert list(damage(packets, ())) == packets


def test_other_streams_and_other_records_pass_untouched() -> None:
    end = Packet("end", "face", "p1", "file", 0, 3, 0, 0, 0)
    mixed = [*blocks(speech(0.2)), end]
    assert list(damage(mixed, parse_injections("face:drop,face:noise,face:freeze"))) == mixed


def test_drop_takes_the_packets_of_the_stretch_and_leaves_a_hole_in_seq() -> None:
    left = damage(film(10), parse_injections("face:drop@0.2-0.5"))
    assert [p.seq for p in left] == [0, 1, 5, 6, 7, 8, 9]


def test_an_open_stretch_lasts_to_the_end() -> None:
    left = damage(film(10), parse_injections("face:drop@0.2-"))
    assert [p.seq for p in left] == [0, 1]


def test_freeze_repeats_the_last_good_picture_while_time_goes_on() -> None:
    packets = film(10)
    frozen = list(damage(packets, parse_injections("face:freeze@0.3-0.6")))
    for i in (3, 4, 5):
        np.testing.assert_array_equal(frozen[i].data, packets[2].data)
    for i in (0, 1, 2, 6, 7, 8, 9):
        assert frozen[i].data is packets[i].data
    assert [p.t_capture_ns for p in frozen] == [p.t_capture_ns for p in packets]


def test_a_stream_that_is_frozen_from_the_start_holds_its_first_picture() -> None:
    packets = film(4)
    for shown in damage(packets, parse_injections("face:freeze")):
        np.testing.assert_array_equal(shown.data, packets[0].data)


def test_frozen_audio_repeats_the_last_block() -> None:
    clean = speech(0.5)
    stuck = sound(damage(blocks(clean), parse_injections("audio:freeze@0.1-0.3")))
    for begin in range(1600, 4800, 800):
        np.testing.assert_array_equal(stuck[begin : begin + 800], clean[800:1600])
    np.testing.assert_array_equal(stuck[4800:], clean[4800:])


def test_black_pictures_keep_their_shape() -> None:
    shown = list(damage(film(4), parse_injections("face:black@0.1-0.3")))
    assert [bool(p.data.any()) for p in shown] == [True, False, False, True]
    assert {p.data.shape for p in shown} == {(8, 6, 3)}


def test_mute_zeroes_exact_samples() -> None:
    clean = speech(0.5)
    quiet = sound(damage(blocks(clean), parse_injections("audio:mute@0.11-0.29")))
    inside = np.zeros(clean.size, dtype=np.bool_)
    inside[1760:4640] = True
    assert not quiet[inside].any()
    np.testing.assert_array_equal(quiet[~inside], clean[~inside])


def test_clipping_amplifies_into_the_rails() -> None:
    loud = sound(damage(blocks(speech(0.5)), parse_injections("audio:clip")))
    assert float(np.abs(loud).max()) == 1.0
    assert float(np.mean(np.abs(loud) >= 0.99)) > 0.2


@pytest.mark.parametrize("snr_db", [0.0, 5.0, 20.0])
def test_audio_noise_meets_its_ratio_to_the_level_of_speech(snr_db: float) -> None:
    clean = 0.4 * speech(2.0)
    spec = parse_injections(f"audio:noise={snr_db}")
    noisy = sound(damage(blocks(clean), spec, speech_rms=degradations.rms(clean)))
    realised = 20 * np.log10(degradations.rms(clean) / degradations.rms(noisy - clean))
    assert realised == pytest.approx(snr_db, abs=0.5)


def test_image_noise_has_its_strength_and_is_bound_to_time_and_seed() -> None:
    grey = np.full((60, 60, 3), 128, dtype=np.uint8)
    packets = [packet("face", i, i * S, S, grey) for i in range(3)]
    spec = parse_injections("face:noise=25@0-2")
    noisy = [p.data for p in damage(packets, spec, seed=1)]
    assert float(noisy[0].std()) == pytest.approx(25.0, rel=0.05)
    assert not np.array_equal(noisy[0], noisy[1])
    assert noisy[2] is grey
    restarted = [p.data for p in damage(packets[1:], spec, seed=1)]
    np.testing.assert_array_equal(restarted[0], noisy[1])
    other = [p.data for p in damage(packets, spec, seed=2)]
    assert not np.array_equal(other[0], noisy[0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 7999), max_size=6, unique=True))
def test_sample_wise_damage_does_not_depend_on_the_chunks(edges: list[int]) -> None:
    clean = speech(0.5)
    spec = parse_injections("audio:noise=3@0.1-0.35,audio:clip=4@0.2-0.3,audio:mute@0.4-0.45")
    whole = sound(damage(cut(clean, []), spec, seed=9))
    np.testing.assert_array_equal(sound(damage(cut(clean, sorted(edges)), spec, seed=9)), whole)
    assert not np.array_equal(whole, clean)


def test_audio_noise_does_not_depend_on_where_reading_starts() -> None:
    packets = list(blocks(speech(0.5)))
    spec = parse_injections("audio:noise=0")
    whole = list(damage(packets, spec))
    for one, two in zip(damage(packets[4:], spec), whole[4:], strict=True):
        np.testing.assert_array_equal(one.data, two.data)


def test_delay_moves_availability_alone() -> None:
    packets = film(4)
    late = list(damage(packets, parse_injections("face:delay=0.8@0.1-0.3")))
    moved = [b.t_available_ns - a.t_available_ns for a, b in zip(packets, late, strict=True)]
    assert moved == [0, 800_000_000, 800_000_000, 0]
    assert [p.t_capture_ns for p in late] == [p.t_capture_ns for p in packets]


@pytest.mark.parametrize("kind", ["pink", "reverb", "lowpass", "bursts=0.6"])
def test_sound_is_damaged_within_the_stretch_alone_whatever_the_chunks(kind: str) -> None:
    clean = speech(0.6)
    spec = parse_injections(f"audio:{kind}@0.1-0.5")
    whole = sound(damage(cut(clean, []), spec, seed=9))
    np.testing.assert_array_equal(whole[:1600], clean[:1600])
    np.testing.assert_array_equal(whole[8000:], clean[8000:])
    assert not np.array_equal(whole[1600:8000], clean[1600:8000])
    chunks = sound(damage(blocks(clean, 700), spec, seed=9))
    np.testing.assert_allclose(chunks, whole, atol=1e-6)


def test_a_low_pass_takes_the_high_half_away() -> None:
    clean = speech(1.0)
    dull = sound(damage(blocks(clean), parse_injections("audio:lowpass=2000")))
    low, high = np.array_split(np.abs(np.fft.rfft(dull)) ** 2, 2)
    assert float(high.sum()) < 1e-4 * float(low.sum())


@pytest.mark.parametrize("kind", ["impulse", "blur", "dark", "occlude"])
def test_pictures_are_damaged_within_the_stretch_alone(kind: str) -> None:
    packets = film(4)
    spoilt = list(damage(packets, parse_injections(f"face:{kind}@0.1-0.3"), seed=2))
    same = [np.array_equal(a.data, b.data) for a, b in zip(packets, spoilt, strict=True)]
    assert same == [True, False, False, True]
    assert {p.data.shape for p in spoilt} == {(8, 6, 3)}


def test_what_covers_a_picture_stays_where_it_is() -> None:
    white = np.full((60, 60, 3), 255, dtype=np.uint8)
    packets = [packet("face", i, i * S, S, white) for i in range(3)]
    covered = [p.data == 128 for p in damage(packets, parse_injections("face:occlude=0.25"))]
    assert float(covered[0].mean()) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(covered[0], covered[1])
    np.testing.assert_array_equal(covered[0], covered[2])


def test_a_lower_rate_leaves_out_pictures() -> None:
    left = damage(film(10), parse_injections("face:rate=5"))
    assert [p.seq for p in left] == [0, 2, 4, 6, 8]


def test_damage_adds_up_in_the_order_given() -> None:
    clean = speech(0.2)
    both = sound(damage(blocks(clean), parse_injections("audio:mute,audio:noise=0")))
    alone = sound(damage(blocks(np.zeros_like(clean)), parse_injections("audio:noise=0")))
    np.testing.assert_array_equal(both, alone)
    muted = sound(damage(blocks(clean), parse_injections("audio:noise=0,audio:mute")))
    assert not muted.any()
