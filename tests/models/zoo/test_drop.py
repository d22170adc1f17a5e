from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.zoo.drop import Drop, DropKD, Taught, Whole, single_views, taught_loss, teach
from tests.fakes.pairs import QUICK, make_pairs


def right(model: Drop, view: int) -> float:
    batch = single_views(make_pairs(seed=3))[view]
    return float((model.predict(batch).argmax(axis=1) == batch.labels).mean())


def test_dropping_reads_each_modality_alone_and_both() -> None:
    model = Drop()
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    assert model.chosen.epoch > 0
    assert min(right(model, view) for view in range(3)) > 0.7
    assert np.allclose(model.predict(make_pairs()).sum(axis=1), 1.0, atol=1e-5)
    assert model.recover(make_pairs()) is None


def test_the_same_seed_gives_the_same_model() -> None:
    models = [Drop(), Drop(), Drop()]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        model.fit(make_pairs(), make_pairs(seed=1), replace(QUICK, seed=seed))
    first, same, other = (m.predict(make_pairs(seed=2)) for m in models)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(ModelError, match="Drop is not fitted"):
        Drop().predict(make_pairs())


def test_distillation_learns_from_samples_without_labels() -> None:
    train = make_pairs()
    few = train.unlabelled_but(np.arange(9))
    plain, taught = Drop(), DropKD()
    plain.fit(few, make_pairs(seed=1), QUICK)
    taught.fit(few, make_pairs(seed=1), QUICK)
    assert right(taught, 0) + right(taught, 1) > right(plain, 0) + right(plain, 1)


def test_the_teacher_answers_every_sample_softened() -> None:
    train = make_pairs().unlabelled_but(np.arange(30))
    whole = Whole()
    whole.fit(train, make_pairs(seed=1), QUICK)
    taught = teach(train, whole)
    soft = torch.from_numpy(whole.predict(train)) ** (1 / taught.temperature)
    assert torch.allclose(taught.target, soft / soft.sum(dim=1, keepdim=True), atol=1e-5)


def test_the_weight_is_chosen_on_validation() -> None:
    train, valid = make_pairs(), make_pairs(seed=1)
    useless = Taught(torch.full((90, 3), 1 / 3), temperature=1.0)
    model = DropKD(useless, weights=(0.99, 0.1))
    model.fit(train, valid, QUICK)
    assert model.taught.weight == 0.1
    with pytest.raises(ModelError, match="not fitted"):
        _ = DropKD().taught


def test_losses_mix_by_their_weight() -> None:
    logits, labels, rows = torch.zeros(2, 3), torch.tensor([1, -1]), torch.tensor([0, 1])
    target = torch.tensor([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    own = taught_loss(logits, labels, rows, (None, 0.0))
    assert float(own) == pytest.approx(np.log(3))
    both = taught_loss(logits, labels, rows, (Taught(target, weight=0.5, temperature=1.0), 0.0))
    assert float(both) == pytest.approx(0.5 * np.log(3) + 0.5 * np.log(3) / 2)
