"""Checks that every parent method has to pass."""

from dataclasses import replace

import numpy as np

from tacit.models.zoo.interface import Recogniser
from tacit.models.zoo.samples import Samples
from tests.fakes.pairs import QUICK, make_pairs

LONGER = replace(QUICK, epochs=25, hidden=16, dropout=0.0, input_noise=0.1)


def fitted(model: Recogniser) -> Recogniser:
    """Fit to small pairs."""
    model.fit(make_pairs(120), make_pairs(60, seed=1), LONGER)
    return model


def check_reading(model: Recogniser, single: float, whole: float) -> None:
    """It reads each modality alone and both, well enough."""
    test = make_pairs(90, seed=2)
    hits = {
        name: (model.predict(view).argmax(axis=1) == test.labels).mean()
        for name, view in {
            "audio": test.only({"audio"}),
            "face": test.only({"face"}),
            "both": test,
        }.items()
    }
    assert hits["audio"] > single, hits
    assert hits["face"] > single, hits
    assert hits["both"] > whole, hits
    p = model.predict(test.only({"face"}))
    assert np.isfinite(p).all()
    assert np.allclose(p.sum(axis=1), 1.0, atol=1e-4)


def check_neighbours(model: Recogniser) -> None:
    """No sample of a batch changes when its neighbours do, whatever is missing."""
    batch, other = make_pairs(12, seed=3), make_pairs(12, seed=4)
    for kept in ({"audio"}, {"face"}, {"audio", "face"}):
        mixed = Samples.joined([batch.rows(np.array([5])), other])
        first = model.predict(batch.only(kept))[5]  # type: ignore[arg-type]
        second = model.predict(mixed.only(kept))[0]  # type: ignore[arg-type]
        assert np.allclose(first, second, atol=1e-5)


def check_hidden(model: Recogniser) -> None:
    """What the mask hides is not looked at, be it NaN."""
    batch = make_pairs(6, seed=5).only({"audio"})
    poisoned = dict(batch.values)
    poisoned["face"] = np.full_like(poisoned["face"], np.nan)
    dirty = Samples(poisoned, batch.mask, batch.labels, batch.groups)
    assert np.array_equal(model.predict(batch), model.predict(dirty))


def check_parent(model: Recogniser, single: float = 0.55, whole: float = 0.75) -> None:
    """All of it, on one fit."""
    fitted(model)
    check_reading(model, single, whole)
    check_neighbours(model)
    check_hidden(model)
    recovered = model.recover(make_pairs(7).only({"audio"}))
    assert recovered is not None
    assert set(recovered) == {"audio", "face"}
    assert all(len(v) == 7 and v.ndim == 4 for v in recovered.values())
    assert sum(p.numel() for net in model.networks() for p in net.parameters()) > 100
