import numpy as np
import pytest
import torch

from tacit.models.features import MODALITIES
from tacit.models.recovery.averaging import read_samples
from tacit.models.recovery.condition import Condition
from tacit.models.recovery.flow import Solver, recover
from tacit.models.recovery.graph import RecoverySession
from tacit.models.recovery.plan import GAPS
from tacit.models.recovery.runtime import Known
from tests.fakes.conditions import CONFIG, fusion, network
from tests.fakes.recoveries import recovery, window

SAMPLES = 4


def condition_of(gap: str, *, past: bool = True) -> Condition:
    measured, lost = GAPS[gap]
    some = window(measured, lost, past=past)
    some.mask[measured[0]][0] = False  # half covered
    return recovery().condition(fusion(), Known.of(some, some.values, some.mask))


@pytest.mark.parametrize("solver", [Solver(1, student=True), Solver(4, student=True), Solver(3)])
@pytest.mark.parametrize("gap", GAPS)
def test_the_graph_draws_and_reads_as_torch_does(gap: str, solver: Solver) -> None:
    condition, noise = condition_of(gap), torch.randn(SAMPLES, CONFIG.positions, CONFIG.latent)
    samples, sampled = RecoverySession(network(), fusion(), noise, solver).read(condition, 1.3)
    with torch.inference_mode():
        drawn = recover(network(), condition, noise[None], solver)
        wanted = read_samples(fusion(), drawn, condition, 1.3)
    for name in MODALITIES:
        assert samples[name].shape == drawn[name].shape
        assert torch.allclose(samples[name], drawn[name], atol=1e-4)
        assert torch.allclose(sampled.spread[name], wanted.spread[name], atol=1e-4)
    assert torch.allclose(sampled.each, wanted.each, atol=1e-4)
    assert torch.allclose(sampled.probabilities, wanted.probabilities, atol=1e-4)
    assert float(wanted.probabilities.std()) > 1e-3


@pytest.mark.parametrize("gap", GAPS)
def test_samples_are_the_same_whether_they_are_read_or_not(gap: str) -> None:
    condition, noise = condition_of(gap), torch.randn(SAMPLES, CONFIG.positions, CONFIG.latent)
    session = RecoverySession(network(), fusion(), noise, Solver(1, student=True))
    samples, drawn = session.read(condition, 1.0)[0], session.draw(condition)
    assert all(torch.equal(samples[name], drawn[name]) for name in MODALITIES)


def test_without_a_past_it_reads_the_same_as_torch() -> None:
    noise = torch.randn(SAMPLES, CONFIG.positions, CONFIG.latent)
    solver, condition = Solver(1, student=True), condition_of("audio|face", past=False)
    _, sampled = RecoverySession(network(), fusion(), noise, solver).read(condition, 1.0)
    with torch.inference_mode():
        drawn = recover(network(), condition, noise[None], solver)
        wanted = read_samples(fusion(), drawn, condition)
    assert torch.allclose(sampled.each, wanted.each, atol=1e-4)
    with_past = RecoverySession(network(), fusion(), noise, solver).read(
        condition_of("audio|face"), 1.0
    )
    assert not np.allclose(with_past[1].each, sampled.each, atol=1e-3)
