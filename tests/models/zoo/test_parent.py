import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.zoo.mmin import Mmin
from tacit.models.zoo.parent import plan_of, views_of
from tests.fakes.pairs import QUICK, make_pairs


def test_chunks_give_what_one_batch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Mmin()
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    batch = make_pairs(20, seed=2).only({"face"})
    whole, recovered = model.predict(batch), model.recover(batch)
    monkeypatch.setattr("tacit.models.zoo.standard.CHUNK", 7)
    assert np.allclose(model.predict(batch), whole, atol=1e-6)
    again = model.recover(batch)
    assert recovered is not None
    assert again is not None
    assert np.allclose(again["audio"], recovered["audio"], atol=1e-5)


def test_the_validation_loss_is_that_of_its_readings() -> None:
    model = Mmin()
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    views = views_of(make_pairs(10, seed=2))
    assert len(views) == 30
    p = model.predict(views)[np.arange(30), views.labels]
    with torch.no_grad():
        assert model.valid_loss(views) == pytest.approx(float(-np.log(p).mean()), abs=1e-4)


def test_a_plan_takes_the_shared_settings() -> None:
    assert plan_of(QUICK).epochs == QUICK.epochs
    assert plan_of(QUICK, 3).epochs == 3


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(ModelError, match="Mmin is not fitted yet"):
        Mmin().networks()
