"""The training loop of the zoo: shuffled batches, one learning-rate cycle, the best epoch kept."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import Modality
from .samples import Ints

MaskDraw = dict[Modality, Tensor]

SHORTEST: Final = 16
"""Steps of the shortest learning-rate cycle; a shorter training stops within it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast.

    Attributes:
        epochs: passes over the rows.
        batch: rows per step.
        rate: peak learning rate.
        weight_decay: of AdamW.
        seed: of the order of rows.
    """

    epochs: int
    batch: int
    rate: float
    weight_decay: float
    seed: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """The epoch that was kept.

    Attributes:
        epoch: from 0, which is the state before training.
        loss: on validation, in nats.
    """

    epoch: int
    loss: float


def batches(rows: Ints, size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """All rows once in random order; a last batch of one row is left out."""
    order = rng.permutation(rows)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        if len(part) > 1:
            yield torch.from_numpy(part)


def fit_epochs(
    net: nn.Module,
    rows: Ints,
    loss_of: Callable[[Tensor], Tensor],
    valid_loss: Callable[[], float],
    plan: Plan,
) -> Chosen:
    """Train a network in place and leave it as it was after its best epoch, in evaluation mode.

    Args:
        net: trained; parameters that want no gradient stay.
        rows: training rows.
        loss_of: loss of a batch given its rows (B,) int64.
        valid_loss: figure to minimise, computed in evaluation mode after every epoch.
        plan: settings.

    Raises:
        ModelError: the validation loss was never a number.
    """
    parameters = [p for p in net.parameters() if p.requires_grad]
    rng = np.random.default_rng([plan.seed, 3])
    optimiser = torch.optim.AdamW(parameters, plan.rate, weight_decay=plan.weight_decay, fused=True)
    steps = plan.epochs * max(1, sum(1 for _ in batches(rows, plan.batch, rng)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=max(steps + 1, SHORTEST), pct_start=0.2
    )

    def run_epoch() -> None:
        for part in batches(rows, plan.batch, rng):
            optimiser.zero_grad()
            loss_of(part).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()

    return keep_best(net, run_epoch, valid_loss, plan)


def keep_best(
    net: nn.Module, run_epoch: Callable[[], None], valid_loss: Callable[[], float], plan: Plan
) -> Chosen:
    """Run epochs and leave a network as it was after the best of them, in evaluation mode.

    What is drawn while it runs depends on the plan's seed alone, not on what was trained before.

    Args:
        net: trained in place.
        run_epoch: one pass over the training rows, called in training mode.
        valid_loss: figure to minimise, computed in evaluation mode after every epoch.
        plan: settings.

    Raises:
        ModelError: the validation loss was never a number.
    """

    def judged() -> float:
        net.eval()
        with torch.no_grad():
            return valid_loss()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        best, chosen = copy.deepcopy(net.state_dict()), Chosen(0, judged())
        for epoch in range(1, plan.epochs + 1):
            net.train()
            run_epoch()
            loss = judged()
            if loss < chosen.loss or not math.isfinite(chosen.loss):
                best, chosen = copy.deepcopy(net.state_dict()), Chosen(epoch, loss)
    if not math.isfinite(chosen.loss):
        raise ModelError("the validation loss was never a number; lower the learning rate")
    net.load_state_dict(best)
    return chosen


def hide(
    mask: MaskDraw, shares: float | tuple[float, float], generator: torch.Generator
) -> MaskDraw:
    """Modality dropout: each sample keeps all its modalities or a random part of them, never none.

    Args:
        mask: per modality (B, T) bool.
        shares: share of samples that lose nothing; and, if two, of the others the share that keeps
            just one modality, where the rest keeps any number.
        generator: source of randomness.

    Returns:
        masks with whole modalities set to False.
    """
    keep_all, keep_one = shares if isinstance(shares, tuple) else (shares, 0.0)
    names = list(mask)
    batch = len(mask[names[0]])
    kept_count = torch.randint(1, max(2, len(names)), (batch, 1), generator=generator)
    if keep_one > 0.0:
        alone = torch.rand(batch, 1, generator=generator) < keep_one
        kept_count = torch.where(alone, 1, kept_count)
    ranks = torch.rand(batch, len(names), generator=generator).argsort(dim=1).argsort(dim=1)
    whole = torch.rand(batch, 1, generator=generator) < keep_all
    kept = whole | (ranks < kept_count)
    return {name: mask[name] & kept[:, place, None] for place, name in enumerate(names)}
