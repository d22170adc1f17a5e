import numpy as np
import pytest

from tacit.models import degradations
from tacit.models.degradations import Degradation, at_severity

RATE_HZ = 16_000
CLIP = (0.2 * np.sin(np.arange(3 * RATE_HZ) / 5.0)).astype(np.float32)
VOICE = (0.2 * np.sin(np.arange(RATE_HZ // 2) / 9.0)).astype(np.float32)
IMAGE = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
TOKENS = np.ones((5, 12, 8), dtype=np.float32)
MASK = np.ones((5, 12), dtype=np.bool_)


def names(modality: str) -> list[str]:
    return [name for name in degradations.SCALES if name.startswith(f"{modality}:")]


@pytest.mark.parametrize("name", names("audio"))
def test_every_damage_to_sound_damages_and_grows(name: str) -> None:
    mild, severe = (at_severity(name, s, seed=3) for s in (1, 5))
    some = degradations.damage_sound(CLIP, mild, RATE_HZ, [VOICE])
    more = degradations.damage_sound(CLIP, severe, RATE_HZ, [VOICE])
    again = degradations.damage_sound(CLIP, mild, RATE_HZ, [VOICE])
    np.testing.assert_array_equal(some, again)
    assert some.shape == CLIP.shape
    if name == "audio:reverb":  # a longer room is no further from the dry sound, only longer
        assert not np.array_equal(some, more)
        return
    assert 0.0 < degradations.rms(some - CLIP) < degradations.rms(more - CLIP)


@pytest.mark.parametrize("name", [n for n in names("face") if n != "face:rate"])
def test_every_damage_to_a_picture_damages_and_grows(name: str) -> None:
    mild, severe = (
        degradations.damage_picture(IMAGE, at_severity(name, s, seed=3)) for s in (1, 5)
    )
    before = IMAGE.astype(np.float32)
    assert 0.0 < np.abs(mild - before).mean() < np.abs(severe - before).mean()


@pytest.mark.parametrize("name", names("tokens"))
def test_every_damage_to_tokens_damages_and_grows(name: str) -> None:
    changes = []
    for severity in (1, 5):
        values, mask = degradations.damage_tokens(TOKENS, MASK, at_severity(name, severity, 3))
        assert not values[~mask].any()
        changes.append(float(np.abs(values - TOKENS).mean()))
    assert 0.0 < changes[0] < changes[1]


def test_words_are_damaged_at_the_rate_of_the_level() -> None:
    spoken = ["kids"] * 10
    heard = degradations.damage_words(spoken, Degradation("text:wer", 0.3, seed=2))
    assert heard.count("kids") == 7


def test_scales_rise_or_fall_and_stay_inside() -> None:
    for name, scale in degradations.SCALES.items():
        assert min(scale.levels) >= scale.low, name
        assert max(scale.levels) <= scale.high, name
        steps = np.sign(np.diff(scale.levels))
        assert len(set(steps.tolist())) == 1, name
        assert scale.middle == scale.levels[2]


def test_a_description_is_checked() -> None:
    with pytest.raises(ValueError, match="unknown degradation 'audio:rain'; known: audio:noise"):
        Degradation("audio:rain", 1.0)
    with pytest.raises(ValueError, match="face:blur needs a level from 0"):
        Degradation("face:blur", 0.0)
    with pytest.raises(ValueError, match="want 1 to 5"):
        at_severity("face:blur", 6)


def test_damage_of_another_kind_is_refused() -> None:
    how = at_severity("text:delay", 1)
    with pytest.raises(ValueError, match="does not happen to sound"):
        degradations.damage_sound(CLIP, how, RATE_HZ)
    with pytest.raises(ValueError, match="not happen to a single picture"):
        degradations.damage_picture(IMAGE, how)
    with pytest.raises(ValueError, match="does not change words"):
        degradations.damage_words(["a"], how)
    with pytest.raises(ValueError, match="does not happen to tokens"):
        degradations.damage_tokens(TOKENS, MASK, how)


def test_drawing_reaches_every_name_and_severity_and_is_seeded() -> None:
    chosen = ["audio:noise", "audio:reverb"]
    source = np.random.default_rng(0)
    drawn = [degradations.draw(chosen, source) for _ in range(200)]
    assert {d.name for d in drawn} == set(chosen)
    for name in chosen:
        assert {d.level for d in drawn if d.name == name} == set(degradations.SCALES[name].levels)
    again = np.random.default_rng(0)
    assert drawn == [degradations.draw(chosen, again) for _ in range(200)]
    mild = {degradations.draw(chosen, source, worst=2).level for _ in range(200)}
    assert mild == {20.0, 10.0, 0.2, 0.4}
