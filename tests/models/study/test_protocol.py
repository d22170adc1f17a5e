import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.study.protocol import (
    RATES,
    conditions,
    keep_mask,
    patterns_of,
    present_of,
)

TWO: tuple[Modality, ...] = ("audio", "face")
THREE: tuple[Modality, ...] = ("audio", "face", "text")


@pytest.mark.parametrize("names", [TWO, THREE])
@pytest.mark.parametrize("rate", RATES)
def test_the_realised_rate_is_the_nominal_one(names: tuple[Modality, ...], rate: float) -> None:
    kept = keep_mask(names, 240, rate, seed=3)
    assert abs((~kept).mean() - rate) <= 0.005


def test_nothing_is_lost_whole_before_it_must_be() -> None:
    for names, limit in ((TWO, 0.5), (THREE, 0.6)):
        assert keep_mask(names, 500, limit, seed=0).any(axis=1).all()
    empty = ~keep_mask(TWO, 1000, 0.7, seed=0).any(axis=1)
    assert empty.mean() == pytest.approx(0.4, abs=0.01)


def test_modalities_are_lost_equally_often() -> None:
    lost = ~keep_mask(TWO, 4000, 0.4, seed=1)
    assert lost.mean(axis=0) == pytest.approx([0.4, 0.4], abs=0.03)


def test_masks_come_from_the_seed() -> None:
    assert np.array_equal(keep_mask(TWO, 99, 0.3, 5), keep_mask(TWO, 99, 0.3, 5))
    assert not np.array_equal(keep_mask(TWO, 99, 0.3, 5), keep_mask(TWO, 99, 0.3, 6))


def test_a_rate_that_cannot_be_met_is_refused() -> None:
    with pytest.raises(ModelError, match=r"missing rate 0\.3 of 4 slots"):
        keep_mask(TWO, 2, 0.3, seed=0)


def test_conditions_and_patterns_have_the_same_names() -> None:
    names = [c.name for c in conditions(TWO)]
    assert names[:4] == ["audio", "face", "audio+face", "random 0.1"]
    assert len(names) == 3 + len(RATES)
    kept = np.array([[True, True], [True, False], [False, True], [False, False]])
    assert patterns_of(kept, TWO) == ["audio+face", "audio", "face", "none"]
    assert present_of(kept, TWO)["face"].tolist() == [True, False, True, False]
