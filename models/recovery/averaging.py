"""How a fusion uses several samples: it reads each, and the probabilities are averaged.

One sample is a guess and makes the fusion over-confident; the average over samples is what the
fusion would say if it knew the distribution of what is lost.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..features import Modality
from ..fusion import SOURCES, Fusion, FusionOutput
from .condition import Condition, Tensors


class Views(NamedTuple):
    """Filled windows as a fusion takes them; rows are windows times samples.

    Attributes:
        z: per modality (B * K, T, D).
        mask: per modality (B * K, T) bool.
        sources: per modality (B * K, T) int64.
    """

    z: dict[Modality, Tensor]
    mask: dict[Modality, Tensor]
    sources: dict[Modality, Tensor]


class Sampled(NamedTuple):
    """What a fusion says to the samples.

    Attributes:
        probabilities: (B, C), mean over the samples.
        each: (B, K, C).
        logits: (B, K, C) before the softmax.
        feature: (B, K, W).
        spread: per modality (B,), standard deviation over the samples, in units of a standardised
            token, mean over wanted positions; 0 where nothing is wanted.
    """

    probabilities: Tensor
    each: Tensor
    logits: Tensor
    feature: Tensor
    spread: dict[Modality, Tensor]


def as_views(recovered: Tensors, condition: Condition) -> Views:
    """Samples (B, K, T, D) per modality as rows for `Fusion.read`."""
    samples = next(iter(recovered.values())).shape[1]
    present = condition.present()
    z, mask, sources = {}, {}, {}
    for name in condition.names:
        z[name] = recovered[name].flatten(0, 1)
        mask[name] = present[name].repeat_interleave(samples, dim=0)
        source = torch.where(condition.wanted[name], SOURCES["recovered"], SOURCES["measured"])
        sources[name] = source.repeat_interleave(samples, dim=0)
    return Views(z, mask, sources)


def read_samples(
    fusion: Fusion, recovered: Tensors, condition: Condition, temperature: float = 1.0
) -> Sampled:
    """Let a fusion read every sample.

    Args:
        fusion: of the same modalities and bins.
        recovered: per modality (B, K, T, D), as `flow.recover` gives them.
        condition: that they were recovered under.
        temperature: divides the logits before the softmax.
    """
    output: FusionOutput = fusion.read(*as_views(recovered, condition))
    batch, samples = condition.batch, next(iter(recovered.values())).shape[1]
    logits = output.logits.reshape(batch, samples, -1)
    each = (logits / temperature).softmax(dim=-1)
    feature = output.feature.reshape(batch, samples, -1)
    return Sampled(each.mean(dim=1), each, logits, feature, spread_of(recovered, condition))


def spread_of(recovered: Tensors, condition: Condition) -> dict[Modality, Tensor]:
    """See `Sampled.spread`."""
    found = {}
    for name in condition.names:
        wanted = condition.wanted[name].to(torch.float32)
        deviation = recovered[name].std(dim=1, correction=0).mean(dim=-1)
        found[name] = (deviation * wanted).sum(dim=1) / wanted.sum(dim=1).clamp(min=1.0)
    return found
