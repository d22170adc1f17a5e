"""A plain training loop: AdamW, warm-up and cosine decay, clipped gradients."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import ModelError

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Settings of a loop.

    Attributes:
        steps: how many.
        rate: peak learning rate.
        weight_decay: of AdamW.
        clip: greatest norm of the gradient.
        warmup: share of the steps in which the rate rises.
    """

    steps: int
    rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: float = 0.1


def fit_steps(
    modules: Iterable[nn.Module],
    loss_of: Callable[[int], Tensor],
    config: FitConfig,
    progress: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Minimise a loss.

    Args:
        modules: whose parameters are trained; put into training mode by the caller.
        loss_of: loss of the step, counted from 0.
        config: settings.
        progress: told step and loss after each.

    Returns:
        the loss of each step.

    Raises:
        ModelError: the loss is not finite.
    """
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, config.rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: rate_share(k, config))
    losses = []
    for step in range(config.steps):
        loss = loss_of(step)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"the loss of step {step} is {value}; lower the learning rate")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, config.clip)
        optimiser.step()
        schedule.step()
        losses.append(value)
        if progress is not None:
            progress(step, value)
    return losses


def rate_share(step: int, config: FitConfig) -> float:
    """Share of the peak rate in a step: up in a line, down along a cosine to a hundredth."""
    rise = max(1, round(config.warmup * config.steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, config.steps - rise)
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def as_stored(net: Module) -> Module:
    """A copy with the weights that a checkpoint will give back, so that figures are its own."""
    copied = copy.deepcopy(net).eval()
    copied.load_state_dict(
        {
            name: t.half().float() if t.is_floating_point() else t
            for name, t in net.state_dict().items()
        }
    )
    return copied


def frozen(net: Module) -> Module:
    """The network itself, in evaluation mode and without gradients."""
    net.eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net
