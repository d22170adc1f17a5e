"""The cascaded residual autoencoder of MMIN and IF-MMIN, and the stage that trains it.

Zhao, Li, Jin: Missing modality imagination network for emotion recognition with uncertain missing
modalities (ACL 2021), section 3.2; Tran et al. (CVPR 2017) for the autoencoder.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Float32, Modality
from .backbone import Tokens, tensors_of
from .drop import label_loss
from .fitting import fit_epochs, hide
from .interface import FitConfig
from .invariance import WIDTH
from .parent import Parent, plan_of, views_of
from .samples import Samples
from .standard import Standardisers

HIDDEN: Final = (96, 64, 32)
"""Widths of an encoder; the papers have 256, 128 and 64 for three modalities of 128 numbers."""
BLOCKS: Final = 5


def mirrored(sizes: tuple[int, ...]) -> nn.Sequential:
    """An encoder with leaky units, as the papers have it."""
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(sizes):
        layers += [nn.Linear(wide, narrow), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)


def decoder(sizes: tuple[int, ...]) -> nn.Sequential:
    """The way back; its last layer is linear.

    The released code ends every decoder in a rectifier, so that negative parts of a target can
    only be met by the linear layers after the cascade.
    """
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(sizes):
        layers += [nn.Linear(narrow, wide), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Cascade(nn.Module):
    """B residual autoencoders in a row.

    Without a condition, block k reads x_k = x_{k-1} + AE_{k-1}(x_{k-1}) with x_1 = f (MMIN). With a
    condition c it reads x_k = AE_{k-1}(x_{k-1}) + c with x_1 = f + c (IF-MMIN, section 2.2).

    Args:
        width: of what it reads and gives.
        hidden: widths of the encoder.
        blocks: B.
    """

    def __init__(self, width: int, hidden: tuple[int, ...] = HIDDEN, blocks: int = BLOCKS) -> None:
        super().__init__()
        sizes = (width, *hidden)
        self.encoders = nn.ModuleList(mirrored(sizes) for _ in range(blocks))
        self.decoders = nn.ModuleList(decoder(sizes[::-1]) for _ in range(blocks))
        self.out = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.latent = blocks * hidden[-1]

    def forward(self, f: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Imagine.

        Args:
            f: (B, W).
            condition: (B, W), or None.

        Returns:
            imagined (B, W), and all blocks' inner features (B, blocks * hidden[-1]).
        """
        latents = []
        x = f if condition is None else f + condition
        out = x
        for encode, decode in zip(self.encoders, self.decoders, strict=True):
            latents.append(encode(x))
            out = decode(latents[-1])
            x = x + out if condition is None else out + condition
        return self.out(out), torch.cat(latents, dim=1)


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the losses beside the cross-entropy, whose weight is 1.

    Attributes:
        imagination: squared error between what is imagined and the teacher's features of what is
            missing.
        cycle: squared error of the way back, from what is imagined to what is available.
        invariance: squared error between the invariant features and those of the complete sample.
    """

    imagination: float = 4.0
    cycle: float = 2.0
    invariance: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Imagined:
    """What stage 2 makes of a batch.

    Attributes:
        logits: (B, C).
        imagined: (B, M * WIDTH).
        back: (B, M * WIDTH) of the way back, or None without one.
        available: (B, M * WIDTH) features of what is there.
        invariant: (B, M, WIDTH), or None.
    """

    logits: Tensor
    imagined: Tensor
    back: Tensor | None
    available: Tensor
    invariant: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a frozen teacher says of complete samples.

    Attributes:
        specific: (N, M, WIDTH).
        invariant: (N, M, WIDTH), or None.
    """

    specific: Tensor
    invariant: Tensor | None

    def of(self, rows: Tensor) -> "Targets":
        """Those of some samples."""
        invariant = None if self.invariant is None else self.invariant[rows]
        return Targets(self.specific[rows], invariant)


def imagination_loss(made: Imagined, targets: Targets, there: Tensor, weights: Weights) -> Tensor:
    """Losses of the imagination, without the cross-entropy.

    The target is the teacher's features of the missing modalities with the available ones at zero,
    so a modality that is there is imagined as nothing. Complete samples have nothing to imagine
    and are left out, where the papers have none.

    Args:
        made: of the incomplete samples (B).
        targets: of the same samples complete.
        there: (B, M) bool.
        weights: of the parts.
    """
    lossy = ~there.all(dim=1)
    if not bool(lossy.any()):
        return made.logits.sum() * 0.0
    missing = (~there).unsqueeze(-1)
    wanted = (targets.specific * missing).flatten(1)
    loss = weights.imagination * functional.mse_loss(made.imagined[lossy], wanted[lossy])
    if made.back is not None and weights.cycle > 0.0:
        available = made.available[lossy].detach()
        loss = loss + weights.cycle * functional.mse_loss(made.back[lossy], available)
    if made.invariant is not None and targets.invariant is not None and weights.invariance > 0.0:
        gap = functional.mse_loss(made.invariant[lossy], targets.invariant[lossy])
        loss = loss + weights.invariance * gap
    return loss


def hidden_rows(
    x: Tokens, mask: Tokens, shares: tuple[float, float], generator: torch.Generator
) -> tuple[Tokens, Tokens, Tensor]:
    """Take whole modalities from standardised samples.

    Returns:
        frames with zeros where missing, their masks, and (B, M) bool of what is left.
    """
    kept = hide(mask, shares, generator)
    there = torch.stack([m.any(dim=1) for m in kept.values()], dim=1)
    left = {name: torch.where(kept[name].unsqueeze(-1), x[name], 0.0) for name in x}
    return left, kept, there


def frozen(net: nn.Module) -> nn.Module:
    """A copy that is never trained."""
    teacher = copy.deepcopy(net).eval()
    teacher.requires_grad_(requires_grad=False)
    return teacher


def by_modality(imagined: Tensor, batch: Samples) -> Mapping[Modality, Float32]:
    """(B, M * WIDTH) as (B, 1, 1, WIDTH) for each modality."""
    parts = imagined.reshape(len(batch), len(batch.names), WIDTH)
    return {name: parts[:, place, None, None].numpy() for place, name in enumerate(batch.names)}


def rows_of(x: Tokens, rows: Tensor) -> Tokens:
    """Some rows of every modality."""
    return {name: t[rows] for name, t in x.items()}


def masks_of(batch: Samples) -> Tokens:
    """Masks (N, T) as tensors."""
    return tensors_of(batch)[1]


class ImaginationNet(nn.Module, ABC):
    """Encoders that start as the first stage left them, the cascade, a way back, the classifier.

    Called with standardised frames and their masks, zeros where missing, it gives `Imagined`.

    Args:
        first: of the first stage; it is copied.
        modalities: M.
        config: settings.
        cycle: whether there is a way back.
    """

    def __init__(self, first: nn.Module, modalities: int, config: FitConfig, cycle: bool) -> None:
        super().__init__()
        width = modalities * WIDTH
        self.encoder = frozen(first).requires_grad_(requires_grad=True)
        self.forwards = Cascade(width)
        self.backwards = Cascade(width) if cycle else None
        self.head = nn.Sequential(
            nn.Linear(self.forwards.latent, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.classes),
        )

    @property
    @abstractmethod
    def standard(self) -> Standardisers:
        """What standardises the features."""


Net = TypeVar("Net", bound=ImaginationNet)


class Imagining(Parent[Net]):
    """A method whose second stage imagines what a frozen first stage says of complete samples.

    Args:
        weights: of the losses.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights

    def learn(self, net: Net, targets: Targets, train: Samples, valid: Samples) -> None:
        """The second stage; keeps the network of the best epoch.

        Args:
            net: to be trained.
            targets: of the train samples.
            train: complete samples, from which modalities are hidden.
            valid: chooses the epoch.
        """
        self._net, config = net, self.config
        x, mask, labels = net.standard.of(train), masks_of(train), torch.from_numpy(train.labels)
        generator = torch.Generator().manual_seed(config.seed)
        views = views_of(valid)

        def loss_of(rows: Tensor) -> Tensor:
            left, kept, there = hidden_rows(
                rows_of(x, rows), rows_of(mask, rows), config.hiding, generator
            )
            made = net(left, kept)
            loss = label_loss(made.logits, labels[rows], config.smoothing)
            return loss + imagination_loss(made, targets.of(rows), there, self._weights)

        self.chosen = fit_epochs(
            net, train.labelled, loss_of, lambda: self.valid_loss(views), plan_of(config)
        )

    def logits(self, batch: Samples) -> Tensor:
        """See `Parent.logits`."""
        return self._imagined(batch).logits

    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """See `Parent.recovered`; in the feature space of the first stage."""
        return by_modality(self._imagined(batch).imagined, batch)

    def _imagined(self, batch: Samples) -> Imagined:
        made: Imagined = self.net(self.net.standard.of(batch), masks_of(batch))
        return made
