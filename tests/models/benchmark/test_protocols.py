import numpy as np
import pytest

from tacit.models.benchmark.protocols import (
    DRAWS,
    damaged,
    imbalanced,
    imbalances,
    masks_of,
    present_names,
    protocols_of,
    realised,
    settings_of,
)
from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.zoo.samples import Samples
from tests.fakes.pairs import make_pairs

PAIR: tuple[Modality, ...] = ("audio", "face")


def test_all_conditions_of_two_modalities() -> None:
    keys = [s.key for s in settings_of(PAIR, 1)]
    assert keys[:3] == ["fixed audio", "fixed face", "fixed audio+face"]
    assert [k for k in keys if k.startswith("random")] == [f"random 0.{i}" for i in range(8)]
    assert sum(k.startswith("imbalanced") for k in keys) == 4
    assert sum(k.startswith("noise") for k in keys) == 5
    assert len(set(keys)) == len(keys)
    assert not any(s.protocol == "frames" for s in settings_of(PAIR, 1))
    assert sum(s.protocol in {"frames", "blocks"} for s in settings_of(PAIR, 50)) == 6
    assert len(settings_of(("audio", "face", "text"), 1)) == 7 + 8 + 6 + 5


def test_realised_rates_are_the_stated_ones() -> None:
    masks = masks_of(PAIR, 240, 1, seed=3)
    rates = realised(masks)
    for number in range(8):
        assert rates[f"random 0.{number}"] == pytest.approx(number / 10, abs=0.005)
    assert masks["random 0.3"].shape == (DRAWS, 240, 2)
    uneven = masks["imbalanced audio 0.3 face 0.7"]
    assert (~uneven).mean(axis=(0, 1)) == pytest.approx([0.3, 0.7], abs=0.005)
    assert uneven.any(axis=2).all()


def test_masks_follow_from_the_seed_and_differ_between_draws() -> None:
    first, same, other = (masks_of(PAIR, 60, 1, seed)["random 0.4"] for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


def test_imbalance_leaves_each_sample_something() -> None:
    assert all(sum(rates) <= 1.0 + 1e-9 for rates in imbalances(2))
    assert len(imbalances(3)) == 6
    assert imbalances(1) == []
    assert imbalanced(100, (0.3, 0.5, 0.7), (0, 0)).any(axis=1).all()


def test_names_of_protocols_are_checked() -> None:
    assert protocols_of("all", 1, 2) == ("fixed", "random", "imbalanced", "noise")
    assert protocols_of("all", 1, 1) == ("fixed", "random", "noise")
    assert protocols_of("random,fixed,random", 1) == ("random", "fixed")
    with pytest.raises(ModelError, match="no protocol 'randm'; known: all, fixed, random"):
        protocols_of("randm", 1)
    with pytest.raises(ModelError, match="'frames' does not fit data of 2 modalities with 1"):
        protocols_of("frames", 1)


def test_noise_has_the_stated_ratio() -> None:
    train, test = make_pairs(300), make_pairs(300, seed=1)
    setting = next(s for s in settings_of(PAIR, 1) if s.key == "noise 5 dB")
    noisy = damaged(test, train, setting, seed=0)
    for name in PAIR:
        known = train.values[name][:, 0]
        mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-3
        clean = (test.values[name][:, 0] - mean) / spread
        added = (noisy.values[name][:, 0] - test.values[name][:, 0]) / spread
        ratio = 10.0 * np.log10((clean**2).sum() / (added**2).sum())
        assert ratio == pytest.approx(5.0, abs=0.5)


def test_frames_and_blocks_lose_their_share() -> None:
    pairs = make_pairs(200)
    values = {n: np.repeat(v, 10, axis=1) for n, v in pairs.values.items()}
    mask = {n: np.ones((200, 10), dtype=np.bool_) for n in pairs.names}
    batch = Samples(values, mask, pairs.labels, pairs.groups)
    for setting in settings_of(PAIR, 10):
        if setting.protocol in {"frames", "blocks"}:
            lost = 1.0 - damaged(batch, batch, setting, 0).mask["audio"].mean()
            assert lost == pytest.approx(setting.level, abs=0.03)


def test_patterns_have_names() -> None:
    kept = np.array([[True, False], [False, False], [True, True]])
    assert present_names(kept, PAIR) == ["audio", "none", "audio+face"]
