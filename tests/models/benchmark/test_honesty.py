from dataclasses import replace

import numpy as np
import pytest

from tacit.models.benchmark.honesty import (
    audit_choice,
    check_alone,
    check_parts,
    fingerprints,
    sealed,
)
from tacit.models.errors import DatasetError, ModelError
from tacit.models.features import Float32
from tacit.models.study.workbench import Task, Workbench
from tacit.models.zoo.drop import Drop
from tacit.models.zoo.samples import UNLABELLED, Samples
from tests.fakes.pairs import QUICK, make_pairs


def grouped(samples: Samples, first: int) -> Samples:
    return Samples(samples.values, samples.mask, samples.labels, samples.groups + first)


def task() -> Task:
    return Task(
        grouped(make_pairs(60), 0),
        grouped(make_pairs(30, seed=1), 10),
        grouped(make_pairs(120, seed=2), 20),
        replace(QUICK, epochs=2),
    )


def test_disjoint_parts_pass() -> None:
    check_parts(task())


def test_a_planted_leak_of_a_test_sample_is_caught() -> None:
    honest = task()
    leaked = Samples.joined([honest.train, grouped(honest.test.rows(np.array([7])), -100)])
    with pytest.raises(DatasetError, match="sample 7 of the test part is sample 60 of the train"):
        check_parts(replace(honest, train=leaked))


def test_a_speaker_in_two_parts_is_caught() -> None:
    honest = task()
    with pytest.raises(DatasetError, match="group 20 is in the train part and in the test part"):
        check_parts(replace(honest, train=grouped(honest.train, 20)))


def test_fingerprints_see_only_what_is_measured() -> None:
    pairs = make_pairs(4).only({"audio"})
    other = dict(pairs.values)
    other["face"] = other["face"] + 1.0
    assert fingerprints(pairs) == fingerprints(
        Samples(other, pairs.mask, pairs.labels, pairs.groups)
    )
    assert len(set(fingerprints(pairs))) == 4


def test_test_labels_and_groups_are_out_of_sight() -> None:
    honest = task()
    hidden, labels = sealed(honest)
    assert (hidden.test.labels == UNLABELLED).all()
    assert (hidden.test.groups == 0).all()
    assert np.array_equal(labels, honest.test.labels)
    assert hidden.train is honest.train


class Chooser(Drop):
    """Dishonest: keeps, of two seeds, the one that is better on the test part."""

    def __init__(self, test: Samples) -> None:
        super().__init__()
        self._test = test

    def choose(self, w: Workbench) -> None:
        best = -1.0
        for seed in range(4):
            model = Drop()
            model.fit(w.task.train, w.task.valid, replace(w.task.config, seed=seed, epochs=1))
            hit = float((model.predict(self._test).argmax(axis=1) == self._test.labels).mean())
            if hit > best:
                best, self._backbone = hit, model.backbone


def dishonest(w: Workbench) -> Chooser:
    model = Chooser(w.task.test)
    model.choose(w)
    return model


def test_a_planted_choice_by_the_test_part_is_caught() -> None:
    with pytest.raises(ModelError, match="change when its labels are shuffled"):
        audit_choice(dishonest, task())


def test_an_honest_model_passes_the_audit() -> None:
    audit_choice(lambda w: w.drop, task())


def test_in_a_comparison_the_same_choice_has_nothing_to_choose_by() -> None:
    # Without labels no seed is better than another, so the first is kept: honest by blindness.
    hidden, _ = sealed(task())
    first = Drop()
    first.fit(hidden.train, hidden.valid, replace(hidden.config, seed=0, epochs=1))
    chosen = dishonest(Workbench(hidden))
    assert np.array_equal(chosen.predict(hidden.test), first.predict(hidden.test))


class Averaging(Drop):
    """Reads a sample with the mean of its batch, as attention over the batch would."""

    def predict(self, batch: Samples) -> Float32:
        values = {n: v + v.mean(axis=0, keepdims=True) for n, v in batch.values.items()}
        return super().predict(Samples(values, batch.mask, batch.labels, batch.groups))


def test_a_model_that_sees_neighbours_is_caught() -> None:
    parts = task()
    for model, wrong in ((Drop(), False), (Averaging(), True)):
        model.fit(parts.train, parts.valid, replace(QUICK, epochs=6))
        if wrong:
            with pytest.raises(ModelError, match="Averaging: the answer to sample 0 with audio"):
                check_alone(model, parts.test)
        else:
            check_alone(model, parts.test)
