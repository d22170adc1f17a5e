"""Conditional flow matching on lost tokens, and the solvers that draw from it.

Rectified-flow path (Liu et al. 2023, Flow Straight and Fast; Lipman et al. 2023, Flow Matching for
Generative Modeling): x_t = (1 - t) eps + t x with eps ~ N(0, I), velocity x - eps. Only positions
that are wanted count in the loss and move in a solver.
"""

from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from ..errors import ModelError
from ..features import Modality
from .condition import Condition, Tensors
from .network import Context, RecoveryConfig, RecoveryNet

Method = Literal["euler", "heun"]
LIMIT: Final = 8.0
"""Generated tokens are cut here, like measured ones (`fusion.CLAMP`)."""


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """How the teacher is trained.

    Attributes:
        draws: noises and times per window, all on one context.
        drop_condition: chance that a window's condition is hidden, for guidance.
        drop_past: chance that a window's past is hidden.
    """

    draws: int = 4
    drop_condition: float = 0.0
    drop_past: float = 0.15


@dataclass(frozen=True, slots=True)
class Solver:
    """How samples are drawn.

    Attributes:
        steps: equal steps from noise to tokens.
        method: Euler takes one evaluation per step, Heun two.
        student: tell the network the size of its step; False for a teacher, whose velocity is that
            of an infinitesimal one.
        guidance: 1 takes the conditional velocity as it is; more moves it further away from the
            unconditional one.
    """

    steps: int = 50
    method: Method = "euler"
    student: bool = False
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1 or (self.student and self.method != "euler"):
            raise ModelError(
                f"solver with {self.steps} {self.method} steps: one step or more wanted, "
                "Euler for a student"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """A network and what it may look at, as a velocity of latents.

    Attributes:
        net: the network.
        context: of the windows.
        solver: how it is used.
        plain: context that knows nothing, for guidance.
        where: (N,) positions that the latents hold, None for all.
    """

    net: RecoveryNet
    context: Context
    solver: Solver
    plain: Context | None = None
    where: Tensor | None = None

    def __call__(self, x: Tensor, t: float) -> Tensor:
        """Velocity (B, K, N, L) at one time for all samples."""
        size = 1.0 / self.solver.steps if self.solver.student else 0.0
        moment = (x.new_full(x.shape[:2], t), x.new_full(x.shape[:2], size))
        v = self.net.velocity(x, moment, self.context, self.where)
        if self.plain is None:
            return v
        without = self.net.velocity(x, moment, self.plain, self.where)
        return without + self.solver.guidance * (v - without)


def draw_noise(
    config: RecoveryConfig,
    batch: int,
    samples: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normal latents (B, K, N, L)."""
    shape = (batch, samples, config.positions, config.latent)
    return torch.randn(shape, generator=generator, device=device)


def flow_loss(
    net: RecoveryNet,
    condition: Condition,
    truth: Tensors,
    config: FlowConfig,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean squared error of the velocity at wanted positions.

    Args:
        net: in training.
        condition: B windows.
        truth: per modality (B, T, D) standardised tokens; anything where nothing is wanted.
        config: settings.
        generator: source of noise, times and droppings.
    """
    device = condition.device

    def chance(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    condition = condition.without_past(chance(condition.batch) < config.drop_past)
    hidden = chance(condition.batch) < config.drop_condition if config.drop_condition else None
    target = target_latents(net, condition, truth)[:, None]
    noise = draw_noise(net.config, condition.batch, config.draws, generator, device)
    t = chance(condition.batch, config.draws)
    mixed = t[..., None, None] * target + (1.0 - t[..., None, None]) * noise
    context = net.encode(condition, hidden)
    v = net.velocity(mixed, (t, torch.zeros_like(t)), context)
    return mean_where((v - (target - noise)).square(), weights(net, context.wanted))


def regress_loss(net: RecoveryNet, condition: Condition, truth: Tensors) -> Tensor:
    """Mean squared error of one step from zero noise: the same network as a plain regressor."""
    target = target_latents(net, condition, truth)[:, None]
    context = net.encode(condition)
    start = torch.zeros_like(target)
    none = target.new_zeros(target.shape[:2])
    v = net.velocity(start, (none, torch.ones_like(none)), context)
    return mean_where((v - target).square(), weights(net, context.wanted))


def target_latents(net: RecoveryNet, condition: Condition, truth: Tensors) -> Tensor:
    """(B, N, L) latents of the truth, or of its deviation; zero where nothing is wanted."""
    centre = condition.centre
    clean = {
        name: torch.where(
            condition.wanted[name].unsqueeze(-1),
            truth[name] if centre is None else truth[name] - centre[name],
            0.0,
        )
        for name in condition.names
    }
    return net.space.encode(clean)


def weights(net: RecoveryNet, wanted: Tensor) -> Tensor:
    """(B, 1, N, L) of 0 and 1: wanted positions, and latents that stand for something."""
    active = net.space.active().repeat_interleave(net.config.bins, dim=0)
    return (wanted.unsqueeze(-1) & active).to(torch.float32).unsqueeze(1)


def mean_where(error: Tensor, weight: Tensor) -> Tensor:
    """Mean of (B, K, N, L) over where the weight is 1; 0 where it is nowhere."""
    total = (error * weight).sum()
    return total / (weight.expand_as(error).sum().clamp(min=1.0))


def integrate(velocity: Guided, noise: Tensor) -> list[Tensor]:
    """Follow the flow.

    Args:
        velocity: of the latents.
        noise: (B, K, N, L) at time 0.

    Returns:
        latents after each step, the noise first: steps + 1 of them.
    """
    steps, x = velocity.solver.steps, noise
    path = [x]
    for k in range(steps):
        t, size = k / steps, 1.0 / steps
        v = velocity(x, t)
        if velocity.solver.method == "heun":
            v = 0.5 * (v + velocity(x + size * v, t + size))
        x = x + size * v
        path.append(x)
    return path


def recover(
    net: RecoveryNet, condition: Condition, noise: Tensor, solver: Solver
) -> dict[Modality, Tensor]:
    """Fill what is wanted.

    Positions that no window of the batch wants are not computed at all.

    Args:
        net: teacher, student or regressor.
        condition: B windows.
        noise: (B, K, M * T, L) as `draw_noise` gives it.
        solver: how.

    Returns:
        per modality (B, K, T, D): measured tokens as they came, wanted ones generated within
        +-`LIMIT`, 0 elsewhere.
    """
    context = net.encode(condition)
    where = context.wanted.any(dim=0).nonzero().squeeze(1)
    latents = torch.zeros_like(noise)
    if len(where):
        plain = None
        if solver.guidance != 1.0:
            everything = torch.ones(condition.batch, dtype=torch.bool, device=noise.device)
            plain = net.encode(condition, everything)
        velocity = Guided(net, context, solver, plain, where)
        latents[:, :, where] = integrate(velocity, noise[:, :, where])[-1]
    return put_in_place(net, condition, latents)


def put_in_place(net: RecoveryNet, condition: Condition, latents: Tensor) -> dict[Modality, Tensor]:
    """Generated latents (B, K, M * T, L) as tokens, around the measured ones; see `recover`."""
    made = net.space.decode(latents, net.config.bins)
    if condition.centre is not None:
        made = {name: t + condition.centre[name].unsqueeze(1) for name, t in made.items()}
    filled = {}
    for name in net.config.names:
        wanted = condition.wanted[name][:, None, :, None]
        measured = condition.measured[name][:, None, :, None]
        tokens = torch.where(wanted, made[name].clamp(-LIMIT, LIMIT), 0.0)
        filled[name] = torch.where(measured, condition.values[name].unsqueeze(1), tokens)
    return filled
