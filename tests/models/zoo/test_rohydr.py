from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.zoo.rohydr import Rohydr, RohydrSettings, Stages, adversarial, pretrain
from tacit.models.zoo.rohydr_net import RohydrNet
from tacit.models.zoo.samples import Samples
from tests.fakes.pairs import QUICK, make_pairs
from tests.fakes.parents import LONGER, check_parent

pytestmark = pytest.mark.slow


def stages(generator: str = "dit") -> Stages:
    torch.manual_seed(0)
    train = make_pairs(60)
    net = RohydrNet(train.dims, 1, QUICK, generator)  # type: ignore[arg-type]
    net.standard.fit(train)
    pretrain(net, train, make_pairs(30, seed=1), replace(QUICK, epochs=2))
    return Stages(net, train, QUICK, RohydrSettings(generator=generator))  # type: ignore[arg-type]


def changed(before: dict[str, torch.Tensor], net: torch.nn.Module) -> set[str]:
    """First parts of the names of parameters that moved."""
    return {
        name.split(".")[0]
        for name, value in net.named_parameters()
        if not torch.equal(before[name], value)
    }


def snapshot(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


@pytest.mark.parametrize("generator", ["dit", "score"])
def test_it_reads_what_is_left(generator: str) -> None:
    settings = RohydrSettings(generator=generator, steps=10)  # type: ignore[arg-type]
    check_parent(Rohydr(settings), single=0.5, whole=0.7)


def test_each_stage_moves_its_own_part() -> None:
    run = stages()
    net, rows = run._net, torch.arange(20)
    truth = {name: t[rows] for name, t in run._tokens.items()}
    there = torch.tensor([[True, False], [False, True]]).repeat(10, 1)
    before, judge = snapshot(net), snapshot(run.judge)
    recovered = run.recover(truth, there)
    assert changed(before, net) == {"generators", "refiners"}
    before = snapshot(net)
    run.rebuild(truth, recovered)
    assert changed(before, net) == {"reconstructor"}
    assert changed(judge, run.judge) == {"layers"}
    before, judge = snapshot(net), snapshot(run.judge)
    run.classify(truth, recovered, (rows, torch.zeros(20, dtype=torch.int64)))
    assert changed(before, net) == {"fusion", "head", "reconstructor"}
    assert changed(judge, run.judge) == set()


def test_the_generators_step_leaves_the_discriminator_alone() -> None:
    run = stages()
    held = {id(p) for group in run._optimiser.param_groups for p in group["params"]}
    assert not held & {id(p) for p in run.judge.parameters()}
    assert not held & {id(p) for p in run._net.projections.parameters()}


def test_complete_batches_take_part_in_the_last_stage_alone() -> None:
    run = stages()
    run._config = replace(QUICK, keep_all=1.0)
    before = snapshot(run._net)
    run.step(torch.arange(20))
    assert changed(before, run._net) == {"fusion", "head"}


def test_adversarial_losses_by_hand() -> None:
    logits = torch.zeros(3)
    assert float(adversarial(logits, real=True)) == pytest.approx(np.log(2.0))
    assert float(adversarial(torch.full((2,), 20.0), real=True)) == pytest.approx(0.0, abs=1e-6)
    assert float(adversarial(torch.full((2,), 20.0), real=False)) == pytest.approx(20.0, abs=1e-3)


def test_reading_takes_all_steps_and_training_a_few() -> None:
    model = Rohydr()
    model._net = stages()._net
    assert model.process.steps == 50  # type: ignore[attr-defined]
    model._few = True
    assert model.process.steps == model.settings.training_steps  # type: ignore[attr-defined]


def test_three_modalities_recover_from_one_or_two() -> None:
    pairs = make_pairs(60)
    values = {**pairs.values, "text": pairs.values["audio"][:, :, :3]}
    mask = {**pairs.mask, "text": pairs.mask["audio"]}
    three = Samples(values, mask, pairs.labels, pairs.groups)
    model = Rohydr(RohydrSettings(steps=4))
    model.fit(three, three, replace(LONGER, epochs=3))
    for kept in ({"text"}, {"audio", "face"}, {"audio", "face", "text"}):
        assert np.isfinite(model.predict(three.only(kept))).all()  # type: ignore[arg-type]


def test_sequences_are_recovered_too() -> None:
    pairs = make_pairs(40)
    values = {name: np.repeat(v, 6, axis=1) for name, v in pairs.values.items()}
    mask = {name: np.repeat(m, 6, axis=1) for name, m in pairs.mask.items()}
    frames = Samples(values, mask, pairs.labels, pairs.groups)
    model = Rohydr(RohydrSettings(steps=4))
    model.fit(frames, frames, replace(LONGER, epochs=2))
    made = model.recover(frames.only({"face"}))
    assert made is not None
    assert made["audio"].shape == (40, 1, 6, 24)
