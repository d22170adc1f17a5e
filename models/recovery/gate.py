"""A soft gate between recovering what is lost and leaving it out.

Recovery helps in some windows and hurts in others. The gate mixes the two readings, by what can be
known at run time. It starts closed: without evidence, what is lost is left out.
"""

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from ..features import Modality
from .averaging import Sampled
from .condition import Condition
from .network import LONGEST_AGE_S

CLOSED_LOGIT: Final = -2.0
"""Where the gate starts: an eighth of the way."""

LEAST: Final = 1e-6

PER_MODALITY: Final = 4
OVERALL: Final = 8


def feature_count(names: Sequence[Modality]) -> int:
    """F, length of a row of `gate_features`."""
    return PER_MODALITY * len(names) + OVERALL


def gate_features(condition: Condition, sampled: Sampled, drop: Tensor) -> Tensor:
    """What the gate goes by.

    Args:
        condition: B windows.
        sampled: the fusion's reading of their recovered samples.
        drop: (B, C) probabilities of leaving out what is lost.

    Returns:
        (B, F): per modality the shares measured and wanted, the spread over the samples and the
        age of the newest past token; then confidence and entropy of either reading, how far the
        samples disagree, and how far the two readings do.
    """
    columns = []
    for name in condition.names:
        measured = condition.measured[name].float().mean(dim=1)
        wanted = condition.wanted[name].float().mean(dim=1)
        columns += [measured, wanted, sampled.spread[name], _freshness(condition, name)]
    mean, each = sampled.probabilities, sampled.each
    classes = math.log(drop.shape[1])
    within = (_entropy(mean) - _entropy(each).mean(dim=1)) / classes
    between = (_entropy(0.5 * (mean + drop)) - 0.5 * (_entropy(mean) + _entropy(drop))) / classes
    columns += [
        mean.amax(dim=1),
        drop.amax(dim=1),
        _entropy(mean) / classes,
        _entropy(drop) / classes,
        within,
        between,
        (mean.argmax(dim=1) == drop.argmax(dim=1)).float(),
        (mean - drop).abs().sum(dim=1),
    ]
    return torch.stack(columns, dim=1)


class Gate(nn.Module):
    """Share in (0, 1) that recovery gets.

    Args:
        names: modalities of the windows.
        hidden: inner width.
    """

    def __init__(self, names: Sequence[Modality], hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(feature_count(names), hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, CLOSED_LOGIT)

    def forward(self, features: Tensor) -> Tensor:
        """(B,) of features (B, F)."""
        return torch.sigmoid(self.layers(features).squeeze(-1))


def mix(share: Tensor, recovered: Tensor, drop: Tensor) -> Tensor:
    """Probabilities (B, C) between `drop` (share 0) and `recovered` (share 1); share is (B,)."""
    return share[:, None] * recovered + (1.0 - share[:, None]) * drop


def gate_loss(
    gate: Gate, features: Tensor, recovered: Tensor, drop: Tensor, labels: Tensor
) -> Tensor:
    """Mean negative log-likelihood of the mixed reading, nats."""
    mixed = mix(gate(features), recovered, drop)
    right = mixed.gather(1, labels[:, None]).squeeze(1)
    return -right.clamp(min=LEAST).log().mean()


def _entropy(p: Tensor) -> Tensor:
    """Entropy over the last axis, nats."""
    return -(p * p.clamp(min=LEAST).log()).sum(dim=-1)


def _freshness(condition: Condition, name: Modality) -> Tensor:
    """(B,) from 1 (a token of just now) to 0 (none)."""
    if condition.past is None:
        return condition.degradation[name].new_zeros(condition.batch)
    age_s = torch.where(condition.past.mask[name], condition.past.age_s[name], torch.inf)
    if age_s.shape[1] == 0:
        return condition.degradation[name].new_zeros(condition.batch)
    youngest = age_s.amin(dim=1).clamp(max=LONGEST_AGE_S)
    return 1.0 - torch.log1p(youngest) / math.log1p(LONGEST_AGE_S)
