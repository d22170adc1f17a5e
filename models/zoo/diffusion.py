"""Diffusion in two forms: DDPM with a DDIM sampler, and a variance-exploding SDE.

Ho et al. 2020 and Song, Meng, Ermon 2021 (DDIM, equation 12 with sigma = 0) for the first; Song et
al. 2021 (score-based SDE, section 3.4) for the second. RoHyDR's later code uses the first, its
earlier one the second. Both are pure functions of a network, so that a closed-form network can test
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""Of x_t (B, ...) and its time (B,): the noise in it (DDPM), or the score there (SDE)."""


class Diffusion(Protocol):
    """A forward process, its loss and its sampler."""

    @property
    def draws(self) -> int:
        """Noise tensors that the sampler takes for one sample."""

    def loss(self, net: Predict, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Mean training loss of a batch (B, ...) of clean data of unit scale."""

    def sample(self, net: Predict, noise: Tensor) -> Tensor:
        """Clean data (B, ...) from standard normal noise (B, draws, ...)."""

    def with_steps(self, steps: int) -> "Diffusion":
        """The same process with another number of sampling steps."""


LEVELS: Final = 1000


def alpha_bars() -> Tensor:
    """abar_t (1000,): product of 1 - beta up to t, beta linear from 1e-4 to .02."""
    beta = torch.linspace(1e-4, 0.02, LEVELS, dtype=torch.float64)
    return (1.0 - beta).cumprod(dim=0).to(torch.float32)


ALPHA_BARS: Final = alpha_bars()


@dataclass(frozen=True, slots=True)
class Ddpm:
    """Discrete diffusion; x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps (relation 3, December).

    The released sampler was built with 50 training levels instead of 1000, so that it starts where
    it believes abar to be .60 while the network learned .97 there, and is fed pure noise. Here the
    steps are spaced evenly over all levels that were trained.

    Attributes:
        steps: of the sampler.
    """

    steps: int = 50

    @property
    def draws(self) -> int:
        """One: DDIM is deterministic after its start."""
        return 1

    def times(self) -> list[int]:
        """Levels that the sampler visits, falling from 999 to 0."""
        return [int(t) for t in np.linspace(LEVELS - 1, 0, self.steps).round()]

    def loss(self, net: Predict, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """E |eps - eps_net(x_t, t)|^2 (relation 4, December)."""
        t = torch.randint(LEVELS, (len(x_0),), generator=generator)
        eps = torch.randn(x_0.shape, generator=generator)
        abar = ALPHA_BARS[t].reshape(-1, *(1,) * (x_0.ndim - 1))
        x_t = abar.sqrt() * x_0 + (1.0 - abar).sqrt() * eps
        return (net(x_t, t.to(torch.float32) / LEVELS) - eps).square().mean()

    def sample(self, net: Predict, noise: Tensor) -> Tensor:
        """DDIM: x_s = sqrt(abar_s) x_0 + sqrt(1 - abar_s) eps, both as the network sees them."""
        x = noise[:, 0]
        times = self.times()
        for now, after in zip(times, [*times[1:], -1], strict=True):
            abar = ALPHA_BARS[now]
            t = torch.full((len(x),), now / LEVELS)
            eps = net(x, t)
            x_0 = (x - (1.0 - abar).sqrt() * eps) / abar.sqrt()
            left = ALPHA_BARS[after] if after >= 0 else torch.ones(())
            x = left.sqrt() * x_0 + (1.0 - left).sqrt() * eps
        return x

    def with_steps(self, steps: int) -> "Ddpm":
        """See `Diffusion.with_steps`."""
        return Ddpm(steps)


@dataclass(frozen=True, slots=True)
class VarianceExploding:
    """dx = sigma^t dw (relation 3, May): std(t)^2 = (sigma^(2t) - 1) / (2 ln sigma).

    Attributes:
        steps: of the Euler-Maruyama sampler, from 1 down to `last`.
        sigma: 25.
        first: least time in training.
        last: where sampling ends.
    """

    steps: int = 100
    sigma: float = 25.0
    first: float = 1e-5
    last: float = 1e-3

    @property
    def draws(self) -> int:
        """The start, and one for each step."""
        return self.steps + 1

    def std(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise at time t in (0, 1]."""
        log = float(np.log(self.sigma))
        return ((torch.exp(2.0 * log * t) - 1.0) / (2.0 * log)).sqrt()

    def loss(self, net: Predict, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """E |std(t) score(x_0 + std z, t) + z|^2, mean over numbers (relation 4, May)."""
        t = torch.rand(len(x_0), generator=generator) * (1.0 - self.first) + self.first
        z = torch.randn(x_0.shape, generator=generator)
        std = self.std(t).reshape(-1, *(1,) * (x_0.ndim - 1))
        return (net(x_0 + std * z, t) * std + z).square().mean()

    def sample(self, net: Predict, noise: Tensor) -> Tensor:
        """Euler-Maruyama on the reverse SDE; the last step adds no noise (relation 5, May)."""
        times = np.linspace(1.0, self.last, self.steps)
        size = float(times[0] - times[1]) if self.steps > 1 else 1.0
        x = noise[:, 0] * self.std(torch.ones(()))
        mean = x
        for turn, now in enumerate(times, 1):
            diffusion = self.sigma ** float(now)
            score = net(x, torch.full((len(x),), float(now)))
            mean = x + diffusion**2 * size * score
            x = mean + diffusion * size**0.5 * noise[:, turn]
        return mean

    def with_steps(self, steps: int) -> "VarianceExploding":
        """See `Diffusion.with_steps`."""
        return VarianceExploding(steps, self.sigma, self.first, self.last)
