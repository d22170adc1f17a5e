"""MMIN: imagine what is missing from what is there, forwards and back.

Zhao, Li, Jin (ACL 2021): a teacher is trained on complete samples; then the features of what is
available, zeros elsewhere, go through a cascade of residual autoencoders that imagines the
teacher's features of what is missing (forward), and a second one that returns to what was available
(backward). The inner features of the forward cascade are classified. Loss: CE + 4 imagination
+ 2 cycle, the released weights.

Corrected here: the released training keeps the epoch that is best on the *test* part (whenever
`has_test` and `verbose` are set, as in every script) and drops the last test batch; here epochs are
chosen on validation and every sample is read. Different by design: complete samples take part in
training and test, encoders are smaller (see `invariance`), and the training length is that of all
models of the comparison.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Modality
from .backbone import Tokens
from .drop import label_loss
from .fitting import fit_epochs
from .imagination import (
    ImaginationNet,
    Imagined,
    Imagining,
    Targets,
    Weights,
    masks_of,
    rows_of,
)
from .interface import FitConfig
from .invariance import WIDTH, Summary
from .parent import plan_of
from .samples import Samples
from .standard import Standardisers, at_least_two


class SpecificNet(nn.Module):
    """One encoder per modality and a classifier: the teacher."""

    def __init__(self, dims: Mapping[Modality, int], bins: int, config: FitConfig) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.standard = Standardisers(dims)
        self.encoders = nn.ModuleDict(
            {name: Summary(dim, bins, name, config) for name, dim in dims.items()}
        )
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(len(dims) * WIDTH, config.classes)
        )

    def encode(self, x: Tokens, mask: Tokens) -> Tensor:
        """(B, M, WIDTH) of standardised frames; zeros for a modality without any."""
        each = []
        for name in self.names:
            there = mask[name].any(dim=1, keepdim=True)
            each.append(torch.where(there, self.encoders[name](x[name], mask[name]), 0.0))
        return torch.stack(each, dim=1)

    def forward(self, x: Tokens, mask: Tokens) -> Tensor:
        """(B, C) logits of complete samples."""
        logits: Tensor = self.head(self.encode(x, mask).flatten(1))
        return logits


class MminNet(ImaginationNet):
    """Both cascades over the teacher's features."""

    def __init__(self, teacher: SpecificNet, config: FitConfig) -> None:
        super().__init__(teacher, len(teacher.names), config, cycle=True)

    def forward(self, x: Tokens, mask: Tokens) -> Imagined:
        """Imagine and classify standardised frames with zeros where missing."""
        encoder = self.encoder
        assert isinstance(encoder, SpecificNet)
        assert self.backwards is not None
        available = encoder.encode(x, mask).flatten(1)
        imagined, latents = self.forwards(available)
        back, _ = self.backwards(imagined)
        return Imagined(self.head(latents), imagined, back, available, None)

    @property
    def standard(self) -> Standardisers:
        """What standardises the features."""
        encoder = self.encoder
        assert isinstance(encoder, SpecificNet)
        return encoder.standard


class Mmin(Imagining[MminNet]):
    """Missing modality imagination network; see the module's description.

    Args:
        weights: of the losses.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        super().__init__(weights or Weights())

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "MMIN")
        self.config = config
        teacher = fit_specific(train, valid, config)
        net = MminNet(teacher, config)
        with torch.no_grad():
            targets = Targets(teacher.encode(teacher.standard.of(train), masks_of(train)), None)
        self.learn(net, targets, train, valid)


def fit_specific(train: Samples, valid: Samples, config: FitConfig) -> SpecificNet:
    """Train the teacher on complete samples."""
    torch.manual_seed(config.seed)
    net = SpecificNet(train.dims, train.bins, config)
    net.standard.fit(train)
    labels, truth = torch.from_numpy(train.labels), torch.from_numpy(valid.labels)
    (x, mask), (held, held_mask) = (
        (net.standard.of(part), masks_of(part)) for part in (train, valid)
    )

    def loss_of(rows: Tensor) -> Tensor:
        logits = net(rows_of(x, rows), rows_of(mask, rows))
        return label_loss(logits, labels[rows], config.smoothing)

    def valid_loss() -> float:
        return float(functional.cross_entropy(net(held, held_mask), truth))

    fit_epochs(net, train.labelled, loss_of, valid_loss, plan_of(config))
    return net
