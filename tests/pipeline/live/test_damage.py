import numpy as np
import pytest

from tacit.pipeline.inject import InjectError, parse_injections
from tacit.pipeline.live.damage import LIVE_KINDS, LiveDamage
from tacit.stream.packet import NS_PER_S, Modality, Packet


def media(modality: Modality, t_s: float, level: float = 0.1) -> Packet:
    data = np.full((4, 4, 3), round(level * 255), np.uint8)
    if modality == "audio":
        data = np.full(320, level, np.float32)
    t_ns = round(t_s * NS_PER_S)
    return Packet("media", modality, "p1", modality, 0, 0, t_ns, 20_000_000, t_ns, data)


def test_a_frozen_face_holds_its_picture_until_it_is_mended() -> None:
    damage = LiveDamage()
    damage.inject("face", "freeze", NS_PER_S)
    first = damage.apply(media("face", 1.0, 0.2))
    later = damage.apply(media("face", 1.5, 0.8))
    assert first is not None
    assert later is not None
    assert (later.data == first.data).all()
    assert later.t_capture_ns == 1_500_000_000
    damage.mend("face")
    mended = damage.apply(media("face", 2.0, 0.8))
    assert mended is not None
    assert mended.data[0, 0, 0] == 204


def test_damage_for_some_seconds_ends_by_itself() -> None:
    damage = LiveDamage()
    damage.inject("audio", "mute", NS_PER_S, seconds=2)
    muted, heard = damage.apply(media("audio", 2.0)), damage.apply(media("audio", 3.5))
    assert muted is not None
    assert heard is not None
    assert not muted.data.any()
    assert heard.data.all()
    assert [i.kind for i in damage.active(2 * NS_PER_S)] == ["mute"]
    assert damage.active(4 * NS_PER_S) == []


def test_a_dropped_stream_gives_nothing_and_others_are_left_alone() -> None:
    damage = LiveDamage()
    damage.inject("face", "drop", 0)
    assert damage.apply(media("face", 1.0)) is None
    sound = media("audio", 1.0)
    assert damage.apply(sound) is sound


def test_words_are_cut_without_touching_the_sound() -> None:
    damage = LiveDamage()
    damage.inject("text", "drop", NS_PER_S, seconds=1)
    sound = media("audio", 1.5)
    assert damage.apply(sound) is sound
    assert [damage.words_cut(t * NS_PER_S) for t in (0, 1, 2)] == [False, True, False]


def test_one_damage_per_modality_at_a_time() -> None:
    damage = LiveDamage()
    damage.inject("face", "freeze", 0)
    damage.inject("face", "black", 0)
    dark = damage.apply(media("face", 1.0, 0.9))
    assert dark is not None
    assert not dark.data.any()
    assert [i.kind for i in damage.active(0)] == ["black"]


def test_damage_can_be_planned_with_the_session() -> None:
    damage = LiveDamage()
    damage.plan(parse_injections("face:black@2-3"))
    before, inside = damage.apply(media("face", 1.0, 0.9)), damage.apply(media("face", 2.5, 0.9))
    assert before is not None
    assert inside is not None
    assert before.data.any()
    assert not inside.data.any()


@pytest.mark.parametrize(
    ("modality", "kind", "extra"),
    [
        ("face", "mute", {}),
        ("text", "freeze", {}),
        ("smell", "drop", {}),
        ("audio", "delay", {}),
        ("face", "freeze", {"seconds": -1}),
        ("face", "freeze", {"seconds": float("nan")}),
        ("audio", "clip", {"value": -3.0}),
        ("face", "freeze", {"value": 1.0}),
    ],
)
def test_what_does_not_fit_is_refused(
    modality: Modality, kind: str, extra: dict[str, float]
) -> None:
    with pytest.raises(InjectError):
        LiveDamage().inject(modality, kind, 0, **extra)


def test_a_stream_that_runs_can_not_be_planned_away() -> None:
    with pytest.raises(InjectError, match="live session"):
        LiveDamage().plan(parse_injections("face:off"))
    assert all("off" not in kinds and "delay" not in kinds for kinds in LIVE_KINDS.values())
