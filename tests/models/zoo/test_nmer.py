import numpy as np
import pytest
import torch

from tacit.models.zoo.invariance import WIDTH
from tacit.models.zoo.nmer import (
    LATENT,
    OCCURRENCE,
    ConditionalVae,
    Nmer,
    NoiseScheduler,
    Rebuilt,
    negative_elbo,
)
from tests.fakes.parents import check_parent


def test_it_reads_what_is_left() -> None:
    check_parent(Nmer(), single=0.5, whole=0.7)


def test_more_than_half_of_the_hundred_levels_leave_almost_nothing() -> None:
    kept = NoiseScheduler(100).kept
    assert float((kept < 0.05).float().mean()) == pytest.approx(0.55, abs=0.01)
    assert float(NoiseScheduler(20).kept.sqrt().mean()) == pytest.approx(0.61, abs=0.01)
    assert float(kept[0]) == pytest.approx(0.99)


def test_corruption_keeps_the_stated_share() -> None:
    scheduler = NoiseScheduler(100)
    x, noise = torch.full((2, 3), 2.0), torch.ones(2, 3)
    level = torch.tensor([0, 99])
    made = scheduler(x, level, noise)
    kept = scheduler.kept[level]
    expected = kept.sqrt() * 2.0 + (1.0 - kept).sqrt()
    assert torch.allclose(made[:, 0], expected)


def test_impulses_hit_their_share_with_both_signs() -> None:
    noise = NoiseScheduler(10, "impulse").noise((200, 100), torch.Generator().manual_seed(0))
    assert set(noise.flatten().tolist()) == {-1.0, 0.0, 1.0}
    assert float((noise != 0).float().mean()) == pytest.approx(OCCURRENCE, abs=0.01)
    assert abs(float(noise.mean())) < 0.02


def test_the_bound_by_hand() -> None:
    target = torch.full((1, 4), 1.0)
    prior = Rebuilt(torch.zeros(1, LATENT), torch.zeros(1, LATENT), torch.zeros(1, 4))
    # Nothing learned of z, and an error of 1 in each of 4 numbers: 4 * .5 / 4.
    assert float(negative_elbo(prior, target)) == pytest.approx(0.5)
    moved = Rebuilt(torch.full((1, LATENT), 1.0), torch.zeros(1, LATENT), target)
    # KL of a mean of 1 in every latent number: .5 each.
    assert float(negative_elbo(moved, target)) == pytest.approx(0.5 * LATENT / 4)


def test_the_bound_rises_in_training() -> None:
    torch.manual_seed(0)
    vae = ConditionalVae(2, 0.0)
    condition = torch.randn(64, 2, WIDTH)
    # What is to be rebuilt follows from the condition and from what the encoder sees.
    target = (condition + 0.5 * torch.roll(condition, 1, dims=2)).flatten(1)
    optimiser = torch.optim.Adam(vae.parameters(), 3e-3)
    losses = []
    for _ in range(80):
        loss = negative_elbo(vae(condition, condition, torch.randn(64, LATENT)), target)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])


def test_samples_do_not_attend_to_each_other() -> None:
    vae = ConditionalVae(2, 0.1).eval()
    one, others = torch.randn(1, 2, WIDTH), torch.randn(5, 2, WIDTH)
    together = vae(torch.cat([one, others]), torch.cat([one, others]), None).out[0]
    assert torch.allclose(together, vae(one, one, None).out[0], atol=1e-5)


def test_the_decoder_reaches_beyond_the_unit_interval() -> None:
    vae = ConditionalVae(2, 0.0).eval()
    out = vae(10.0 * torch.randn(50, 2, WIDTH), 10.0 * torch.randn(50, 2, WIDTH), None).out
    assert out.min().item() < 0.0
    assert out.max().item() > 1.0
