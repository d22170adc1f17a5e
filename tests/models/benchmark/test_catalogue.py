import pytest

from tacit.models.benchmark.catalogue import (
    CATALOGUE,
    LATENCY,
    REFERENCE,
    entry_of,
    names_of,
    parameters_of,
    titles,
)
from tacit.models.errors import ModelError
from tacit.models.zoo.drop import Drop
from tests.fakes.pairs import QUICK, make_pairs


def test_every_method_and_every_control_is_there() -> None:
    kinds = {entry.kind for entry in CATALOGUE.values()}
    assert kinds == {"fill", "drop", "control", "parent", "ours"}
    assert {"mmin", "ifmmin", "nmer", "rohydr.dit", "rohydr.score"} <= set(CATALOGUE)
    assert REFERENCE in CATALOGUE
    assert set(LATENCY) <= set(CATALOGUE)


def test_names_are_checked() -> None:
    assert names_of("all", 2) == list(CATALOGUE)
    assert names_of("drop, mmin,drop", 2) == ["drop", "mmin"]
    assert set(names_of("all", 1)) == {
        "whole", "drop", "dropkd", "drop.tuned", "dropkd.tuned", "drop.two", "dropkd.two",
    }  # fmt: skip
    with pytest.raises(ModelError, match="no model 'mmim'; known: all, zero"):
        names_of("mmim", 2)
    with pytest.raises(ModelError, match="'mmin' needs 2 modalities, and the data have 1"):
        names_of("mmin", 1)
    with pytest.raises(ModelError, match="no model named"):
        names_of(",", 2)


def test_parameters_are_counted_once() -> None:
    model = Drop()
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    assert parameters_of(model) == sum(p.numel() for p in model.backbone.parameters())


def test_a_model_of_ones_own_goes_by_its_name() -> None:
    assert titles(["mmin", "mine.Mine"]) == ["MMIN", "mine.Mine"]
    assert entry_of("nmer").title == "NMER"
