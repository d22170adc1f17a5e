"""Stage 1 of IF-MMIN and NMER: features that are specific to a modality, and invariant ones.

Zuo, Liu, Zhao, Gao, Li: Exploiting modality-invariant feature for robust multimodal emotion
recognition with missing modalities (ICASSP 2023, arXiv 2210.15359), section 2.1. Each modality has
a specific encoder and an invariance encoder; the latter is followed by one network that all
modalities share. The loss is cross-entropy plus the central moment discrepancy (Zellinger et al.
2017, equation 6) between the invariant features, averaged over pairs of modalities.

Sizes follow the data: 48 numbers per modality where the paper has 128. The paper's encoders for
sequences (LSTM with a maximum over time for audio and vision, a convolution over words for text)
are used where samples have a time axis, a linear layer where they have none.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Modality
from .backbone import Tokens, tensors_of
from .drop import label_loss
from .fitting import Chosen, fit_epochs
from .interface import FitConfig
from .parent import plan_of
from .samples import Samples
from .standard import Standardisers

WIDTH: Final = 48
MOMENTS: Final = 5
KERNELS: Final = (3, 4, 5)
CMD_WEIGHT: Final = 0.1
"""The paper's weight is 1; with features that are not bounded, moments of order 5 then rule."""


def central_moment_discrepancy(x: Tensor, y: Tensor, moments: int = MOMENTS) -> Tensor:
    """CMD between two sets of vectors (Zellinger et al. 2017, equation 6, without its scaling).

    ||E x - E y|| + sum over k = 2..K of ||C_k(x) - C_k(y)||, C_k the k-th central moment of each
    coordinate.

    Args:
        x: (N, E).
        y: (N', E).
        moments: K.

    Returns:
        scalar, 0 where both have the same moments.
    """
    mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)
    total = torch.linalg.vector_norm(mean_x - mean_y)
    for order in range(2, moments + 1):
        gap = ((x - mean_x) ** order).mean(dim=0) - ((y - mean_y) ** order).mean(dim=0)
        total = total + torch.linalg.vector_norm(gap)
    return torch.as_tensor(total)


class Summary(nn.Module):
    """Frames of one modality to one vector.

    Args:
        dim: D.
        bins: T; 1 is an utterance without time.
        name: text is read by a convolution, the others by an LSTM.
        config: settings.
    """

    def __init__(self, dim: int, bins: int, name: Modality, config: FitConfig) -> None:
        super().__init__()
        self.noise = config.input_noise
        self.drop = nn.Dropout(config.dropout)
        self.recurrent = nn.LSTM(dim, WIDTH, batch_first=True) if bins > 1 else None
        self.convolutions = nn.ModuleList()
        if bins > 1 and name == "text":
            self.recurrent = None
            self.convolutions.extend(nn.Conv1d(dim, WIDTH, k, padding=k // 2) for k in KERNELS)
        self.project = nn.Linear(len(KERNELS) * WIDTH if self.convolutions else WIDTH, WIDTH)
        if bins == 1:
            self.project = nn.Linear(dim, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D) standardised frames and (B, T) bool to (B, WIDTH)."""
        if self.training and self.noise > 0.0:
            x = x + self.noise * torch.randn_like(x) * mask.unsqueeze(-1)
        x = self.drop(x)
        if self.convolutions:
            found = [c(x.transpose(1, 2)).relu().amax(dim=2) for c in self.convolutions]
            pooled = torch.cat(found, dim=1)
        elif self.recurrent is not None:
            states, _ = self.recurrent(x)
            barred = states.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)
            pooled = torch.where(mask.any(dim=1, keepdim=True), barred, 0.0)
        else:
            pooled = x[:, 0]
        out: Tensor = functional.leaky_relu(self.project(pooled), 0.1)
        return out


class Pair(NamedTuple):
    """What stage 1 makes of a batch; modalities lie in the second axis.

    Attributes:
        specific: (B, M, WIDTH).
        invariant: (B, M, WIDTH).
    """

    specific: Tensor
    invariant: Tensor

    def flat(self) -> Tensor:
        """(B, 2 * M * WIDTH)."""
        return torch.cat([self.specific.flatten(1), self.invariant.flatten(1)], dim=1)


class InvarianceNet(nn.Module):
    """Encoders of both kinds, and a classifier on all their features."""

    def __init__(self, dims: Mapping[Modality, int], bins: int, config: FitConfig) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.standard = Standardisers(dims)
        self.specific = nn.ModuleDict(
            {name: Summary(dim, bins, name, config) for name, dim in dims.items()}
        )
        self.invariant = nn.ModuleDict(
            {name: Summary(dim, bins, name, config) for name, dim in dims.items()}
        )
        self.shared = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.1), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.1)
        )
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(2 * len(dims) * WIDTH, config.classes)
        )

    def encode(self, x: Tokens, mask: Tokens) -> Pair:
        """Encode standardised frames (B, T, D) of each modality."""
        specific = torch.stack([self.specific[n](x[n], mask[n]) for n in self.names], dim=1)
        own = torch.stack([self.invariant[n](x[n], mask[n]) for n in self.names], dim=1)
        return Pair(specific, self.shared(own))

    def forward(self, x: Tokens, mask: Tokens) -> Tensor:
        """(B, C) logits of standardised frames."""
        logits: Tensor = self.head(self.encode(x, mask).flat())
        return logits


def pairwise_discrepancy(invariant: Tensor) -> Tensor:
    """Mean CMD over all pairs of modalities of (B, M, E)."""
    pairs = list(combinations(range(invariant.shape[1]), 2))
    total = torch.zeros(())
    for first, second in pairs:
        total = total + central_moment_discrepancy(invariant[:, first], invariant[:, second])
    return total / max(1, len(pairs))


def fit_invariance(
    train: Samples, valid: Samples, config: FitConfig, cmd_weight: float = CMD_WEIGHT
) -> tuple[InvarianceNet, Chosen]:
    """Train stage 1 on complete samples: cross-entropy + weight * CMD.

    Args:
        train: complete samples.
        valid: complete labelled samples; the epoch with the least loss on them is kept.
        config: settings.
        cmd_weight: of the discrepancy.
    """
    torch.manual_seed(config.seed)
    net = InvarianceNet(train.dims, train.bins, config)
    net.standard.fit(train)
    labels = torch.from_numpy(train.labels)
    (x, mask), (held, held_mask) = (
        (net.standard.of(part), tensors_of(part)[1]) for part in (train, valid)
    )
    truth = torch.from_numpy(valid.labels)

    def loss_of(rows: Tensor) -> Tensor:
        pair = net.encode(
            {name: v[rows] for name, v in x.items()}, {name: m[rows] for name, m in mask.items()}
        )
        loss = label_loss(net.head(pair.flat()), labels[rows], config.smoothing)
        return loss + cmd_weight * pairwise_discrepancy(pair.invariant)

    def valid_loss() -> float:
        return float(functional.cross_entropy(net(held, held_mask), truth))

    return net, fit_epochs(net, train.labelled, loss_of, valid_loss, plan_of(config))
