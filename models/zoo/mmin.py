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

from ..features import Float32, Modality
from .backbone import Tokens
from .drop import label_loss
from .fitting import fit_epochs
from .imagination import (
    Cascade,
    Imagined,
    Targets,
    Weights,
    by_modality,
    frozen,
    hidden_rows,
    imagination_loss,
    masks_of,
    rows_of,
)
from .interface import FitConfig
from .invariance import WIDTH, Summary
from .parent import Parent, plan_of, views_of
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


class MminNet(nn.Module):
    """Encoders that start as the teacher's, both cascades and the classifier."""

    def __init__(self, teacher: SpecificNet, config: FitConfig) -> None:
        super().__init__()
        width = len(teacher.names) * WIDTH
        self.encoder = frozen(teacher).requires_grad_(requires_grad=True)
        self.forwards = Cascade(width)
        self.backwards = Cascade(width)
        self.head = nn.Sequential(
            nn.Linear(self.forwards.latent, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.classes),
        )

    def forward(self, x: Tokens, mask: Tokens) -> Imagined:
        """Imagine and classify standardised frames with zeros where missing."""
        encoder = self.encoder
        assert isinstance(encoder, SpecificNet)
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


class Mmin(Parent[MminNet]):
    """Missing modality imagination network; see the module's description.

    Args:
        weights: of the losses.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        super().__init__()
        self._weights = weights or Weights()

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "MMIN")
        self.config = config
        teacher = fit_specific(train, valid, config)
        self._net = net = MminNet(teacher, config)
        x, mask, labels = (
            teacher.standard.of(train),
            masks_of(train),
            torch.from_numpy(train.labels),
        )
        with torch.no_grad():
            targets = Targets(teacher.encode(x, mask), None)
        generator = torch.Generator().manual_seed(config.seed)
        views = views_of(valid)

        def loss_of(rows: Tensor) -> Tensor:
            left, kept, there = hidden_rows(
                rows_of(x, rows), rows_of(mask, rows), config.hiding, generator
            )
            made = net(left, kept)
            loss = label_loss(made.logits, labels[rows], config.smoothing)
            wanted = Targets(targets.specific[rows], None)
            return loss + imagination_loss(made, wanted, there, self._weights)

        self.chosen = fit_epochs(
            net, train.labelled, loss_of, lambda: self.valid_loss(views), plan_of(config)
        )

    def logits(self, batch: Samples) -> Tensor:
        """See `Parent.logits`."""
        made: Imagined = self.net(self.net.standard.of(batch), masks_of(batch))
        return made.logits

    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """See `Parent.recovered`; in the teacher's feature space."""
        made: Imagined = self.net(self.net.standard.of(batch), masks_of(batch))
        return by_modality(made.imagined, batch)


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
