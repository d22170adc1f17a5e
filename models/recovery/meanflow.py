"""MeanFlow: few-step flows without a teacher, as the ablation of distillation.

After Geng et al. 2025, Mean Flows for One-step Generative Modeling. The network learns the average
velocity u over the stretch from time t to its end e = t + d. In this package's direction of time
(noise at 0, tokens at 1) d/dt[(e - t) u] = -v along the path with e held, hence u = v + d du/dt.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jvp

from .condition import Condition, Tensors
from .flow import draw_noise, target_latents, weights
from .network import Context, RecoveryNet


@dataclass(frozen=True, slots=True)
class MeanFlowConfig:
    """How a network is trained without a teacher.

    Attributes:
        draws: noises and stretches per window.
        instant: share of stretches of length 0, where the target is the plain velocity.
        power: of the adaptive weight 1 / (error + 1e-3) ^ power.
        drop_past: chance that a window's past is hidden.
    """

    draws: int = 4
    instant: float = 0.75
    power: float = 0.5
    drop_past: float = 0.15


def average_velocity_target(
    net: RecoveryNet, x: Tensor, moment: tuple[Tensor, Tensor], v: Tensor, context: Context
) -> tuple[Tensor, Tensor]:
    """The network's average velocity and what it ought to be.

    Args:
        net: the network.
        x: (B, K, N, L) latents at the stretch's beginning.
        moment: beginning t and length d, (B, K) each.
        v: (B, K, N, L) velocity of the path there.
        context: of the windows.

    Returns:
        u with gradient and its target v + d du/dt without, both (B, K, N, L). du/dt is the total
        derivative along the path with the stretch's end held: dx = v, dt = 1, dd = -1.
    """

    def u_of(x: Tensor, t: Tensor, d: Tensor) -> Tensor:
        return net.velocity(x, (t, d), context)

    t, d = moment
    ones = torch.ones_like(t)
    with torch.no_grad():
        slope = jvp(u_of, (x, t, d), (v, ones, -ones))[1]
    return u_of(x, t, d), v + d[..., None, None] * slope


def meanflow_loss(
    net: RecoveryNet,
    condition: Condition,
    truth: Tensors,
    config: MeanFlowConfig,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Adaptively weighted squared error of the average velocity at wanted positions."""
    device = condition.device

    def chance(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    condition = condition.without_past(chance(condition.batch) < config.drop_past)
    target = target_latents(net, condition, truth)[:, None]
    noise = draw_noise(net.config, condition.batch, config.draws, generator, device)
    first, second = chance(condition.batch, config.draws), chance(condition.batch, config.draws)
    t = torch.minimum(first, second)
    d = torch.where(chance(*t.shape) < config.instant, 0.0, torch.maximum(first, second) - t)
    mixed = t[..., None, None] * target + (1.0 - t[..., None, None]) * noise
    context = net.encode(condition)
    u, goal = average_velocity_target(net, mixed, (t, d), target - noise, context)
    weight = weights(net, context.wanted).expand_as(u)
    error = ((u - goal).square() * weight).sum(dim=(2, 3))
    error = error / weight.sum(dim=(2, 3)).clamp(min=1.0)
    return (error / (error.detach() + 1e-3) ** config.power).mean()
