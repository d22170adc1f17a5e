import numpy as np
import torch

from tacit.models.zoo.drop import Drop, DropKD, Taught
from tacit.models.zoo.filled import Filled, Tuned
from tacit.models.zoo.fillers import MeanFiller, RandomDonor, Regression
from tests.fakes.pairs import QUICK, make_pairs


def base() -> Drop:
    model = Drop()
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    return model


def test_tuning_leaves_the_base_as_it_was() -> None:
    drop = base()
    before = drop.predict(make_pairs(seed=2))
    filled = Filled(drop, MeanFiller())
    filled.fit(make_pairs(), make_pairs(seed=1), QUICK)
    assert np.array_equal(drop.predict(make_pairs(seed=2)), before)


def test_a_plug_in_uses_the_fusion_as_it_is() -> None:
    drop = base()
    plug = Filled(drop, Regression(), tune=False)
    plug.fit(make_pairs(), make_pairs(seed=1), QUICK)
    assert plug.fusion is drop.backbone.fusion
    whole = make_pairs(seed=2)
    # Sources differ only where something was filled, and here nothing is.
    assert np.allclose(plug.predict(whole), drop.predict(whole), atol=1e-5)


def test_filled_windows_are_read() -> None:
    filled = Filled(base(), Regression())
    filled.fit(make_pairs(), make_pairs(seed=1), QUICK)
    alone = make_pairs(seed=2).only({"audio"})
    p = filled.predict(alone)
    assert (p.argmax(axis=1) == alone.labels).mean() > 0.7
    made = filled.recover(alone)
    assert made is not None
    assert made["face"].shape == (90, 1, 1, QUICK.token)


def test_samples_are_averaged_and_counted() -> None:
    model = Filled(base(), RandomDonor(), samples=1, tune=False)
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    alone = make_pairs(seed=2).only({"audio"})
    _, sampled = model.reading(alone, 1)
    assert np.allclose(model.predict(alone), sampled.probabilities.numpy())
    _, whole = model.reading(make_pairs(seed=2), 8)
    assert whole.each.shape[1] == 1  # nothing is lost, so nothing is drawn


def test_the_control_leaves_out_what_is_lost() -> None:
    drop = base()
    tuned = Tuned(drop)
    tuned.fit(make_pairs(), make_pairs(seed=1), QUICK)
    tuned.fusion = drop.backbone.fusion
    alone = make_pairs(seed=2).only({"face"})
    assert np.allclose(tuned.predict(alone), drop.predict(alone), atol=1e-5)


def test_what_is_taught_reaches_samples_without_labels() -> None:
    few = make_pairs().unlabelled_but(np.arange(6))
    model = DropKD()
    model.fit(few, make_pairs(seed=1), QUICK)
    wrong = torch.zeros(90, 3)
    wrong[:, 2] = 1.0  # a teacher that says one class to everything
    tuned = Tuned(model, Taught(wrong, weight=1.0))
    # Validation would rightly keep the start, so the labels there say the same class.
    valid = make_pairs(seed=1)
    agreed = type(valid)(valid.values, valid.mask, np.full(90, 2), valid.groups)
    tuned.fit(few, agreed, QUICK)
    test = make_pairs(seed=2)
    assert (tuned.predict(test)[:, 2] - model.predict(test)[:, 2]).mean() > 0.02
