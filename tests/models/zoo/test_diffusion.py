from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from tacit.models.zoo.diffusion import ALPHA_BARS, LEVELS, Ddpm, VarianceExploding

MEAN, SPREAD = 0.7, 0.5
"""Of the Gaussian that the exact networks below know."""


def exact_noise(x: Tensor, t: Tensor) -> Tensor:
    """E[eps | x_t] when x_0 is Gaussian."""
    abar = ALPHA_BARS[(t * LEVELS).round().long()].reshape(-1, 1)
    variance = abar * SPREAD**2 + 1.0 - abar
    return (1.0 - abar).sqrt() * (x - abar.sqrt() * MEAN) / variance


@pytest.mark.parametrize(("steps", "tolerance"), [(50, 0.035), (500, 0.01)])
def test_ddim_with_the_exact_noise_gives_the_gaussian_back(steps: int, tolerance: float) -> None:
    noise = torch.randn((4000, 1, 3), generator=torch.Generator().manual_seed(0))
    made = Ddpm(steps).sample(exact_noise, noise)
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.02)
    # What is left at 50 steps is the error of the first-order solver: ten times the steps end it.
    assert float(made.std()) == pytest.approx(SPREAD, abs=tolerance)
    # The map is deterministic, and rises: DDIM transports the Gaussian linearly.
    slope = np.corrcoef(noise[:, 0, 0].numpy(), made[:, 0].numpy())[0, 1]
    assert slope == pytest.approx(1.0, abs=1e-4)


def test_the_sampler_spans_all_levels_that_were_trained() -> None:
    times = Ddpm(50).times()
    assert (times[0], times[-1], len(times)) == (LEVELS - 1, 0, 50)
    assert all(a > b for a, b in pairwise(times))
    # The released sampler's first level would be 49, where hardly any noise was ever seen.
    assert float(ALPHA_BARS[times[0]]) < 1e-4
    assert float(ALPHA_BARS[49]) == pytest.approx(0.971, abs=1e-3)


def test_the_loss_of_the_exact_network_is_the_least() -> None:
    generator = torch.Generator().manual_seed(1)
    x_0 = MEAN + SPREAD * torch.randn((20_000, 1), generator=generator)
    exact = Ddpm().loss(exact_noise, x_0, torch.Generator().manual_seed(2))
    for wrong in (0.9, 1.1):

        def scaled(x: Tensor, t: Tensor, by: float = wrong) -> Tensor:
            return by * exact_noise(x, t)

        assert float(exact) < float(Ddpm().loss(scaled, x_0, torch.Generator().manual_seed(2)))
    # Predicting nothing costs the noise's own variance.
    nothing = Ddpm().loss(lambda x, t: x * 0.0, x_0, torch.Generator().manual_seed(2))
    assert float(nothing) == pytest.approx(1.0, abs=0.03)


def exact_score(process: VarianceExploding, x: Tensor, t: Tensor) -> Tensor:
    variance = SPREAD**2 + process.std(t).square().reshape(-1, 1)
    return (MEAN - x) / variance


def test_euler_maruyama_with_the_exact_score_gives_the_gaussian_back() -> None:
    process = VarianceExploding(steps=400)
    shape = (3000, process.draws, 1)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = process.sample(lambda x, t: exact_score(process, x, t), noise)
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.3)
    assert float(made.std()) == pytest.approx(SPREAD, abs=0.06)


def test_the_noise_of_the_exploding_process_has_its_closed_form() -> None:
    process = VarianceExploding()
    assert float(process.std(torch.tensor(1.0))) == pytest.approx(
        np.sqrt((25.0**2 - 1.0) / (2.0 * np.log(25.0))), rel=1e-5
    )
    assert float(process.std(torch.tensor(1e-6))) < 0.01


def test_the_score_loss_of_a_known_network() -> None:
    # score = -z / std, exactly what was added, costs nothing; score 0 costs E z^2 = 1.
    process = VarianceExploding()
    x_0 = torch.zeros(5000, 2)
    perfect = process.loss(
        lambda x, t: -x / process.std(t).reshape(-1, 1) ** 2, x_0, torch.Generator().manual_seed(0)
    )
    assert float(perfect) == pytest.approx(0.0, abs=1e-5)
    nothing = process.loss(lambda x, t: x * 0.0, x_0, torch.Generator().manual_seed(0))
    assert float(nothing) == pytest.approx(1.0, abs=0.05)


def test_steps_can_be_changed_and_set_the_number_of_draws() -> None:
    assert Ddpm().with_steps(7).times()[0] == LEVELS - 1
    assert VarianceExploding().with_steps(7).draws == 8
    assert Ddpm().draws == 1
