import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.zoo.fillers import (
    Bank,
    MeanFiller,
    NearestDonor,
    RandomDonor,
    Regression,
    ZeroFiller,
    condition_of,
    hidden_views,
    recovery_shape,
)
from tests.fakes.pairs import QUICK


def bank(count: int = 60, seed: int = 0) -> Bank:
    """The face's token is twice the audio's."""
    audio = torch.randn(count, 1, 3, generator=torch.Generator().manual_seed(seed))
    return Bank({"audio": audio, "face": 2.0 * audio})


def filled(filler: object, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The face as filled from the audio, and as it is."""
    condition, truth = hidden_views(bank(20, seed=5))[1]
    made = filler.fill(condition, 1, seed)  # type: ignore[attr-defined]
    assert torch.equal(made["audio"][:, 0], truth["audio"])
    return made["face"][:, 0], truth["face"]


def test_each_modality_is_hidden_once() -> None:
    views = hidden_views(bank())
    assert [[n for n in ("audio", "face") if bool(c.wanted[n].all())] for c, _ in views] == [
        ["audio"], ["face"],
    ]  # fmt: skip


def test_zero_and_mean() -> None:
    zero, mean = ZeroFiller(), MeanFiller()
    shifted = Bank({name: t + 1.0 for name, t in bank().tokens.items()})
    for filler in (zero, mean):
        filler.fit(shifted, shifted, QUICK)
    assert not filled(zero)[0].any()
    expected = shifted.tokens["face"].mean(dim=0)
    assert torch.allclose(filled(mean)[0], expected.expand(20, 1, 3))


def test_the_nearest_donor_is_the_sample_itself_where_it_is_known() -> None:
    donor = NearestDonor()
    donor.fit(bank(20, seed=5), bank(), QUICK)
    made, truth = filled(donor)
    assert torch.equal(made, truth)


def test_a_random_donor_is_some_training_sample() -> None:
    donor = RandomDonor()
    donor.fit(bank(), bank(), QUICK)
    made, _ = filled(donor)
    rows = {tuple(row) for row in bank().tokens["face"][:, 0].tolist()}
    assert all(tuple(row) in rows for row in made[:, 0].tolist())
    assert torch.equal(made, filled(donor)[0])
    assert not torch.equal(made, filled(donor, seed=1)[0])


def test_regression_finds_the_relation() -> None:
    model = Regression(epochs=60)
    with pytest.raises(ModelError, match="not fitted"):
        filled(model)
    model.fit(bank(200), bank(50, seed=1), QUICK)
    made, truth = filled(model)
    left = (made - truth).square().sum() / truth.square().sum()
    assert float(left) < 0.1


def test_shapes_follow_the_tokens() -> None:
    shape = recovery_shape(bank(), layers=2)
    assert (shape.dims, shape.bins, shape.past) == ({"audio": 3, "face": 3}, 1, 0)
    condition = condition_of(
        bank(2).tokens, {n: torch.tensor([[True], [False]]) for n in bank().tokens}
    )
    assert condition.wanted["face"][:, 0].tolist() == [False, True]
    assert np.isclose(len(bank()), 60)
