from functools import partial

import pytest
import torch

from tacit.models.zoo.denoisers import Dit, ScoreUnet, time_waves
from tacit.models.zoo.diffusion import Ddpm, VarianceExploding

STD = VarianceExploding().std


def nets() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    return [Dit(8, 4), ScoreUnet(8, STD)]


@pytest.mark.parametrize("place", [0, 1])
def test_an_untrained_network_gives_nothing_of_the_right_shape(place: int) -> None:
    net = nets()[place].eval()
    x = torch.randn(3, 8, 4)
    out = net(x, torch.rand(3), torch.randn(3, 8, 4))
    assert out.shape == x.shape
    assert float(out.detach().abs().max()) == 0.0


@pytest.mark.parametrize("place", [0, 1])
def test_it_learns_data_that_follow_from_the_condition(place: int) -> None:
    net = nets()[place]
    process = (Ddpm(), VarianceExploding())[place]
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), 6e-3)
    losses = []
    for _ in range(60):
        condition = torch.randn((32, 8, 4), generator=generator)
        loss = process.loss(partial(net, condition=condition), condition.flip(2), generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("place", [0, 1])
def test_time_and_the_order_of_the_condition_matter_and_neighbours_do_not(place: int) -> None:
    net = nets()[place]
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.2)
    net.eval()
    x, t, c = torch.randn(4, 8, 4), torch.full((4,), 0.3), torch.randn(4, 8, 4)
    out = net(x, t, c)
    assert not torch.allclose(out, net(x, t + 0.4, c), atol=1e-4)
    assert not torch.allclose(out, net(x, t, c.flip(2)), atol=1e-4)
    assert torch.allclose(out[2:3], net(x[2:3], t[2:3], c[2:3]), atol=1e-5)


def test_times_have_distinct_features() -> None:
    waves = time_waves(torch.linspace(0.0, 1.0, 50))
    assert float(torch.pdist(waves).min()) > 0.1


def test_an_odd_length_comes_back_whole() -> None:
    assert ScoreUnet(8, STD)(torch.randn(2, 8, 5), torch.rand(2), torch.randn(2, 8, 5)).shape == (
        2,
        8,
        5,
    )
