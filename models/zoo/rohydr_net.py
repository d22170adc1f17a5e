"""The networks of RoHyDR: tokens, generators, refinement, fusion and recovery of the fused feature.

Numbers in brackets are the relations of the method as its released code computes them:
1 projection, 2 condition, 3 to 5 diffusion (`diffusion`, `denoisers`), 6 refinement (`refine`),
9 fusion (`crossmodal`), 10 discriminator, 11 fused reconstructor, 12 classifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from ..features import Modality
from .backbone import Tokens
from .crossmodal import CrossModalFusion
from .denoisers import Dit, ScoreUnet
from .diffusion import Ddpm, Diffusion, VarianceExploding
from .interface import FitConfig
from .refine import Refiner
from .standard import Standardisers

Generator = Literal["dit", "score"]

WIDTH: Final = 24
LENGTH: Final = 4
LONGEST: Final = 24
"""d and S of a sample without time, and the most tokens of one with time; 32 and 48 in the
released code, whose samples have 50 frames."""
PAIR: Final = 2


class Projection(nn.Module):
    """Features of one modality to (B, d, S) of unit spread (relation 1).

    A convolution over three frames where there is time; where there is none, a linear layer that
    spreads the one vector over S tokens, since all that follows works on sequences. After the
    first training it is frozen, as in the released code, but never left untrained; `settle` then
    brings its output to unit spread, which the diffusion assumes.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, bins: int, config: FitConfig) -> None:
        super().__init__()
        self.noise = config.input_noise
        self.drop = nn.Dropout(config.dropout)
        self.length = LENGTH if bins == 1 else min(bins, LONGEST)
        self.spread = nn.Linear(dim, WIDTH * LENGTH) if bins == 1 else None
        self.convolve = None if bins == 1 else nn.Conv1d(dim, WIDTH, 3, padding=1, bias=False)
        self.register_buffer("mean", torch.zeros(WIDTH, 1))
        self.register_buffer("scale", torch.ones(WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) standardised frames, 0 where missing, to (B, d, S)."""
        if self.training and self.noise > 0.0:
            x = x + self.noise * torch.randn_like(x)
        x = self.drop(x)
        if self.spread is not None:
            tokens = self.spread(x[:, 0]).reshape(-1, WIDTH, LENGTH)
        else:
            assert self.convolve is not None
            tokens = self.convolve(x.transpose(1, 2))
            tokens = nn.functional.adaptive_avg_pool1d(tokens, self.length)
        out: Tensor = (tokens - self.mean) * self.scale
        return out

    @torch.no_grad()
    def settle(self, tokens: Tensor) -> None:
        """Take mean and spread of each channel from (N, d, S) tokens of training rows."""
        self.mean.copy_(tokens.mean(dim=(0, 2)).unsqueeze(1))
        self.scale.copy_(1.0 / tokens.std(dim=(0, 2)).clamp(min=1e-4).unsqueeze(1))


class Reconstructor(nn.Module):
    """G: the fused feature of a recovered sample to that of the complete one (relation 11).

    The released one ends in a tanh although its target is not bounded; this one is linear. Norms
    are over features, not over the batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow, middle = max(8, width * 80 // 192), max(8, width * 96 // 192)
        self.layers = nn.Sequential(
            nn.Linear(width, narrow),
            nn.LeakyReLU(0.2),
            nn.Linear(narrow, middle),
            nn.LayerNorm(middle),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.4),
            nn.Linear(middle, width),
        )

    def forward(self, fused: Tensor) -> Tensor:
        """(B, W) to (B, W)."""
        out: Tensor = self.layers(fused)
        return out


class Discriminator(nn.Module):
    """D: logit that a fused feature is of a complete sample (relation 10)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 128),
            nn.LeakyReLU(0.2),
            nn.Linear(128, 64),
            nn.Tanh(),
            nn.Linear(64, 1),
        )

    def forward(self, fused: Tensor) -> Tensor:
        """(B, W) to (B,)."""
        out: Tensor = self.layers(fused).squeeze(1)
        return out


class Classifier(nn.Module):
    """h(F) = W_o (W_2 drop(relu(W_1 F)) + F) (relation 12)."""

    def __init__(self, width: int, config: FitConfig) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, width)
        )
        self.out = nn.Linear(width, config.classes)

    def forward(self, fused: Tensor) -> Tensor:
        """(B, W) to (B, C)."""
        logits: Tensor = self.out(self.inner(fused) + fused)
        return logits


class Conditioner(nn.Module):
    """What a generator knows of the available modalities (relation 2).

    One available: its tokens. Several: a 1x1 convolution over them side by side. Which it is may
    differ from sample to sample.

    Args:
        others: how many modalities there are beside the target, 1 or 2.
    """

    def __init__(self, others: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(PAIR * WIDTH, WIDTH, 1) if others == PAIR else None

    def forward(self, others: list[Tensor], there: Tensor) -> Tensor:
        """(B, d, S) of the others' tokens (B, d, S) each and (B, others) bool."""
        if self.mix is None:
            return others[0]
        first, second = there[:, 0, None, None], there[:, 1, None, None]
        both: Tensor = self.mix(torch.cat(others, dim=1))
        alone = torch.where(first, others[0], others[1])
        return torch.where(first & second, both, alone)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One modality that is missing in some samples of a batch.

    Attributes:
        name: which.
        rows: (R,) int64 of those samples.
        condition: (R, d, S).
    """

    name: Modality
    rows: Tensor
    condition: Tensor


class RohydrNet(nn.Module):
    """Everything that is trained but the discriminator, which has its own optimiser.

    Args:
        dims: feature length of each modality, 2 or 3 of them.
        bins: T.
        config: settings.
        generator: which diffusion.
    """

    def __init__(
        self, dims: Mapping[Modality, int], bins: int, config: FitConfig, generator: Generator
    ) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.standard = Standardisers(dims)
        self.projections = nn.ModuleDict(
            {name: Projection(dim, bins, config) for name, dim in dims.items()}
        )
        length = LENGTH if bins == 1 else min(bins, LONGEST)
        self.shape = (WIDTH, length)
        self.process: Diffusion = Ddpm()
        if generator == "dit":
            made: dict[str, nn.Module] = {name: Dit(WIDTH, length) for name in dims}
        else:
            exploding = VarianceExploding()
            self.process = exploding
            made = {name: ScoreUnet(WIDTH, exploding.std) for name in dims}
        self.generators = nn.ModuleDict(made)
        self.conditioners = nn.ModuleDict({name: Conditioner(len(dims) - 1) for name in dims})
        self.refiners = nn.ModuleDict({name: Refiner(WIDTH) for name in dims})
        self.fusion = CrossModalFusion(len(dims), WIDTH, length, config.dropout)
        self.reconstructor = Reconstructor(self.fusion.width)
        self.head = Classifier(self.fusion.width, config)

    def project(self, x: Tokens) -> Tokens:
        """Standardised frames to tokens (B, d, S)."""
        return {name: self.projections[name](x[name]) for name in self.names}

    def fuse(self, tokens: Tokens) -> Tensor:
        """F (B, W) of tokens."""
        fused: Tensor = self.fusion([tokens[name] for name in self.names])
        return fused

    def wanted(self, tokens: Tokens, there: Tensor) -> list[Wanted]:
        """Which modalities are missing where, and what the others tell."""
        found = []
        for place, name in enumerate(self.names):
            rows = torch.nonzero(~there[:, place]).squeeze(1)
            if len(rows):
                others = [tokens[other][rows] for other in self.names if other != name]
                known = torch.cat([there[rows, :place], there[rows, place + 1 :]], dim=1)
                found.append(Wanted(name, rows, self.conditioners[name](others, known)))
        return found

    def generate(self, asked: Wanted, noise: Tensor, process: Diffusion) -> Tensor:
        """Draw what is missing: (R, d, S), not refined, from noise (R, draws, d, S)."""
        generator = self.generators[asked.name]
        return process.sample(lambda x, t: generator(x, t, asked.condition), noise)
