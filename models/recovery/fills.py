"""Simple ways to fill what is lost: the baselines that recovery has to beat.

Each gives what `flow.recover` gives, with one sample: per modality (B, 1, T, D), measured tokens as
they came, 0 where nothing is wanted.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..features import Modality
from .condition import Condition, Tensors
from .flow import LIMIT
from .network import RecoveryConfig


def fill_with(condition: Condition, tokens: Tensors) -> dict[Modality, Tensor]:
    """Put tokens (B, T, D) per modality where something is wanted."""
    filled = {}
    for name in condition.names:
        wanted = condition.wanted[name].unsqueeze(-1)
        measured = condition.measured[name].unsqueeze(-1)
        made = torch.where(wanted, tokens[name], 0.0)
        filled[name] = torch.where(measured, condition.values[name], made).unsqueeze(1)
    return filled


def zero_fill(condition: Condition) -> dict[Modality, Tensor]:
    """Zeros, which is the mean over the training set, since tokens are standardised."""
    return fill_with(condition, {m: torch.zeros_like(v) for m, v in condition.values.items()})


def mean_fill(condition: Condition, means: Tensors) -> dict[Modality, Tensor]:
    """The mean (T, D) of each bin over the training set."""
    return fill_with(condition, {m: means[m].expand_as(v) for m, v in condition.values.items()})


def hold_last(condition: Condition, bin_s: float) -> dict[Modality, Tensor]:
    """The newest known token before each position, measured or past; zero where there is none."""
    held = {}
    for name in condition.names:
        values, measured = condition.values[name], condition.measured[name]
        batch, bins, dim = values.shape
        middle_s = (bins - 0.5 - torch.arange(bins, device=values.device)) * bin_s
        times, tokens, known = -middle_s.expand(batch, bins), values, measured
        if condition.past is not None:
            times = torch.cat([times, -condition.past.age_s[name]], dim=1)
            tokens = torch.cat([tokens, condition.past.values[name]], dim=1)
            known = torch.cat([known, condition.past.mask[name]], dim=1)
        usable = known[:, None] & (times[:, None] < -middle_s[None, :, None] + 1e-6)
        newest = torch.where(usable, times[:, None], -torch.inf).argmax(dim=-1)
        taken = tokens.gather(1, newest.unsqueeze(-1).expand(-1, -1, dim))
        held[name] = torch.where(usable.any(dim=-1, keepdim=True), taken, 0.0)
    return fill_with(condition, held)


def from_donors(
    condition: Condition, donors: Mapping[Modality, Tensor], rows: Tensor
) -> dict[Modality, Tensor]:
    """Tokens of complete windows (N, T, D) per modality; `rows` (B,) says whose."""
    return fill_with(condition, {name: donors[name][rows] for name in condition.names})


def nearest_donor(condition: Condition, donors: Mapping[Modality, Tensor]) -> Tensor:
    """(B,) the complete window nearest to what is measured, by mean squared distance."""
    total = torch.zeros(condition.batch, len(next(iter(donors.values()))))
    for name in condition.names:
        mask = condition.measured[name].unsqueeze(-1)
        here = torch.where(mask, condition.values[name], 0.0)
        weight = mask.expand_as(here).to(here.dtype).flatten(1)
        flat = donors[name].flatten(1)
        total = total + weight @ flat.square().T - 2.0 * here.flatten(1) @ flat.T
    return total.argmin(dim=1)


class MlpRegressor(nn.Module):
    """A plain regressor: everything known in one vector, everything lost out of another.

    Args:
        config: dims, bins and past are used.
        hidden: inner width.
    """

    def __init__(self, config: RecoveryConfig, hidden: int = 256) -> None:
        super().__init__()
        self.config = config
        tokens = sum((config.dims[m] + 1) * config.bins for m in config.names)
        past = sum((config.dims[m] + 2) * config.past for m in config.names)
        self.layers = nn.Sequential(
            nn.Linear(tokens + past, hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, sum(config.dims[m] * config.bins for m in config.names)),
        )

    def forward(self, condition: Condition) -> dict[Modality, Tensor]:
        """Per modality (B, 1, T, D), see the module's description.

        Raises:
            ModelError: another number of past tokens than the config's.
        """
        seen = [self._seen(condition, name) for name in self.config.names]
        made = self.layers(torch.cat(seen, dim=1)).clamp(-LIMIT, LIMIT)
        sizes = [self.config.dims[m] * self.config.bins for m in self.config.names]
        parts = dict(zip(self.config.names, made.split(sizes, dim=1), strict=True))
        shaped = {
            m: p.reshape(condition.batch, self.config.bins, self.config.dims[m])
            for m, p in parts.items()
        }
        return fill_with(condition, shaped)

    @torch.no_grad()
    def centred(self, condition: Condition) -> Condition:
        """The same windows with what is predicted as the centre of what is generated."""
        made = self.forward(condition)
        return condition.around({name: tokens[:, 0] for name, tokens in made.items()})

    def _seen(self, condition: Condition, name: Modality) -> Tensor:
        mask = condition.measured[name]
        here = torch.where(mask.unsqueeze(-1), condition.values[name], 0.0)
        parts = [here.flatten(1), mask.to(here.dtype)]
        count, dim = self.config.past, self.config.dims[name]
        if condition.past is None:
            parts.append(here.new_zeros(condition.batch, count * (dim + 2)))
        else:
            known = condition.past.mask[name]
            if known.shape[1] != count:
                raise ModelError(f"{name}: {known.shape[1]} past tokens, {count} wanted")
            earlier = torch.where(known.unsqueeze(-1), condition.past.values[name], 0.0)
            age_s = torch.where(known, condition.past.age_s[name], 0.0)
            parts += [earlier.flatten(1), known.to(here.dtype), torch.log1p(age_s)]
        return torch.cat(parts, dim=1)


def mlp_loss(net: MlpRegressor, condition: Condition, truth: Tensors) -> Tensor:
    """Mean squared error at wanted positions."""
    made = net(condition)
    total, count = torch.zeros(()), torch.zeros(())
    for name in condition.names:
        wanted = condition.wanted[name].unsqueeze(-1)
        error = torch.where(wanted, made[name][:, 0] - truth[name], 0.0)
        total = total + error.square().sum()
        count = count + wanted.sum() * truth[name].shape[-1]
    return total / count.clamp(min=1.0)
