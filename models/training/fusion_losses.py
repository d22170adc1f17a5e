"""Losses of a fusion that has to do without some of its modalities."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..features import Modality
from ..fusion import Fusion, FusionOutput


@dataclass(frozen=True, slots=True)
class KdConfig:
    """Distillation of the complete view into a masked one.

    Attributes:
        weight: of the distillation, the labels get the rest.
        temperature: softens both sides.
        smoothing: of the labels.
    """

    weight: float = 0.5
    temperature: float = 2.0
    smoothing: float = 0.02


def kd_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Divergence of softened predictions (Hinton et al. 2015), logits (B, C) each."""
    return temperature**2 * functional.kl_div(
        (student / temperature).log_softmax(dim=-1),
        (teacher.detach() / temperature).log_softmax(dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def drop_kd_loss(
    student: Fusion,
    teacher: Fusion,
    z: Mapping[Modality, Tensor],
    masks: tuple[Mapping[Modality, Tensor], Mapping[Modality, Tensor]],
    labels: Tensor,
    config: KdConfig,
) -> Tensor:
    """Labels and the complete view's opinion, for a masked view.

    Args:
        student: in training.
        teacher: frozen, sees everything.
        z: standardised tokens (B, T, D) per modality.
        masks: what the student may see, and all there is.
        labels: (B,) int64; -1 where unknown, which leaves the teacher's opinion alone.
        config: settings.
    """
    kept, everything = masks
    hidden = {name: torch.where(kept[name].unsqueeze(-1), z[name], 0.0) for name in kept}
    said: FusionOutput = student.read(hidden, kept)
    with torch.no_grad():
        meant: FusionOutput = teacher.read(z, everything)
    loss = config.weight * kd_loss(said.logits, meant.logits, config.temperature)
    if bool((labels >= 0).any()):
        loss = loss + (1.0 - config.weight) * functional.cross_entropy(
            said.logits, labels, ignore_index=-1, label_smoothing=config.smoothing
        )
    return loss
