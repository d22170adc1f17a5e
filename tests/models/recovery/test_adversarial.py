import torch

from tacit.models.recovery.adversarial import (
    AdversarialConfig,
    Discriminator,
    discriminator_loss,
    generator_loss,
    semantic_loss,
)


def judge() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(4, AdversarialConfig(width=16))


def test_a_trained_discriminator_tells_two_clouds_apart() -> None:
    net = judge()
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(256, 4, generator=generator) + torch.tensor([2.0, 0.0, 0.0, -2.0])
    fake = torch.randn(256, 4, generator=generator)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    before = float(generator_loss(net, fake).detach())
    for _ in range(40):
        loss = discriminator_loss(net, real, fake)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float((net(real) > 0).float().mean()) > 0.85
    assert float(generator_loss(net, fake).detach()) > before


def test_the_discriminators_loss_reaches_no_feature() -> None:
    feature = torch.randn(3, 4, requires_grad=True)
    discriminator_loss(judge(), feature, feature).backward()  # type: ignore[no-untyped-call]
    assert feature.grad is None


def test_alignment_moves_the_recovered_towards_the_complete() -> None:
    recovered = torch.randn(3, 4, requires_grad=True)
    complete = torch.randn(3, 4, requires_grad=True)
    semantic_loss(recovered, complete).backward()  # type: ignore[no-untyped-call]
    assert recovered.grad is not None
    assert complete.grad is None
    assert float(semantic_loss(complete, complete * 3.0).detach()) < 1e-6
