import torch

from tacit.models.zoo.refine import CHANNELS, ChannelAttention, Refiner


def test_an_untrained_refiner_changes_nothing() -> None:
    x = torch.randn(3, 24, 4)
    assert torch.equal(Refiner(24)(x), x)


def test_attention_weighs_what_the_convolutions_found() -> None:
    block = ChannelAttention().eval()
    x = torch.randn(2, CHANNELS, 6)
    found = block.convolve(x)
    weight = torch.sigmoid(
        block.weigh[3](torch.relu(block.weigh[1](found.mean(dim=2, keepdim=True))))
    )
    assert torch.allclose(block(x), x + found * weight, atol=1e-6)


def test_it_learns_to_take_an_offset_away() -> None:
    torch.manual_seed(0)
    net = Refiner(4)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        truth = torch.randn(32, 4, 4)
        loss = (net(truth + 1.0) - truth).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.3
