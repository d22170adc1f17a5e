import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.training.loop import FitConfig, as_stored, fit_steps, frozen


def line() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


def test_a_line_is_fitted_and_each_step_told() -> None:
    net = line()
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    told: list[int] = []
    losses = fit_steps(
        [net],
        lambda _: (net(x) - y).square().mean(),
        FitConfig(200, rate=5e-2, weight_decay=0.0),
        lambda step, _: told.append(step),
    )
    assert losses[-1] < 1e-3
    assert told == list(range(200))


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    net = line()
    with pytest.raises(ModelError, match="step 0 is nan"):
        fit_steps([net], lambda _: net.weight.sum() * torch.nan, FitConfig(3))


def test_frozen_parameters_stay() -> None:
    net, fixed = line(), frozen(line())
    before = fixed.weight.clone()
    fit_steps([net, fixed], lambda _: (net(fixed.weight) - 1.0).square().mean(), FitConfig(5))
    assert torch.equal(fixed.weight, before)
    assert not fixed.training


def test_a_stored_copy_has_the_precision_of_a_checkpoint() -> None:
    net = line()
    copied = as_stored(net)
    assert torch.equal(copied.weight, net.weight.half().float())
    assert not torch.equal(copied.weight, net.weight)
