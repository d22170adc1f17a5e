import pytest
import torch

from tacit.models.recovery.flow import Solver, draw_noise, recover
from tacit.models.recovery.meanflow import MeanFlowConfig, average_velocity_target, meanflow_loss
from tests.fakes.conditions import CONFIG, gaps, network, tokens

# torch's own forward-mode rules are compiled in a way that it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


def test_the_jvp_is_the_derivative_along_the_path() -> None:
    """Against a central difference, with the end of the stretch held."""
    net, condition = network().double(), gaps(1)
    generator = torch.Generator().manual_seed(0)
    x = draw_noise(CONFIG, 1, 2, generator).double()
    v = draw_noise(CONFIG, 1, 2, generator).double()
    t, d = torch.tensor([[0.2, 0.5]]).double(), torch.tensor([[0.5, 0.3]]).double()
    condition = condition._each(lambda part: part.double() if part.is_floating_point() else part)
    with torch.no_grad():
        context = net.encode(condition)
        u, target = average_velocity_target(net, x, (t, d), v, context)
        h = 1e-6
        ahead = net.velocity(x + h * v, (t + h, d - h), context)
        behind = net.velocity(x - h * v, (t - h, d + h), context)
        slope = (ahead - behind) / (2.0 * h)
        assert torch.allclose(target, v + d[..., None, None] * slope, atol=1e-5)
        assert torch.equal(u, net.velocity(x, (t, d), context))
        assert slope.abs().max() > 1e-3


def test_without_stretches_the_target_is_the_plain_velocity() -> None:
    net, condition = network(), gaps(1)
    x = draw_noise(CONFIG, 1, 1)
    v = torch.randn_like(x)
    with torch.no_grad():
        none = torch.zeros(1, 1)
        _, target = average_velocity_target(net, x, (none, none), v, net.encode(condition))
    assert torch.equal(target, v)


def test_one_step_of_a_trained_network_lands_on_the_tokens() -> None:
    net, condition = network().train(), gaps(8)
    truth = {m: v[:1].expand_as(v) for m, v in tokens(8, seed=3).items()}
    noise = draw_noise(CONFIG, 8, 2, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)

    def error() -> float:
        with torch.no_grad():
            filled = recover(net, condition, noise, Solver(1, student=True))["face"]
        meant = net.space.decode(net.space.encode(truth)[:, None], CONFIG.bins)["face"]
        return float((filled - meant).square().mean())

    before = error()
    for _ in range(60):
        loss = meanflow_loss(net, condition, truth, MeanFlowConfig(), generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert error() < 0.5 * before
