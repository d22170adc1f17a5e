"""IF-MMIN: MMIN whose imagination is helped by modality-invariant features.

Zuo, Liu, Zhao, Gao, Li (ICASSP 2023, arXiv 2210.15359). Stage 1 (`invariance`) learns specific and
invariant features of complete samples. Stage 2 (section 2.2): the specific features of what is
available, zeros elsewhere, enter the cascade; the invariant features, predicted from the incomplete
sample, are added to the input of every block. Loss: CE + imagination + invariance.

Corrected here: the epoch is chosen on validation (the released script overwrites the validation
figures by those of the test part); the weight of the invariance loss is an
argument that exists (the released script passes a name that the parser does not know; the code's
default of 1 is kept here). The original has no cycle; `Weights.cycle` adds MMIN's.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

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
from .invariance import WIDTH, InvarianceNet, fit_invariance
from .parent import Parent, plan_of, views_of
from .samples import Samples
from .standard import Standardisers, at_least_two

PAPER: Final = Weights(imagination=4.0, cycle=0.0, invariance=1.0)
WITH_CYCLE: Final = Weights(imagination=4.0, cycle=2.0, invariance=1.0)


class IfmminNet(nn.Module):
    """Encoders that start as stage 1 left them, the cascade and the classifier.

    Args:
        first: stage 1.
        config: settings.
        cycle: whether there is a way back.
    """

    def __init__(self, first: InvarianceNet, config: FitConfig, cycle: bool) -> None:
        super().__init__()
        width = len(first.names) * WIDTH
        self.encoder = frozen(first).requires_grad_(requires_grad=True)
        self.forwards = Cascade(width)
        self.backwards = Cascade(width) if cycle else None
        self.head = nn.Sequential(
            nn.Linear(self.forwards.latent, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.classes),
        )

    def forward(self, x: Tokens, mask: Tokens) -> Imagined:
        """Imagine and classify standardised frames with zeros where missing."""
        encoder = self.encoder
        assert isinstance(encoder, InvarianceNet)
        pair = encoder.encode(x, mask)
        there = torch.stack([mask[n].any(dim=1) for n in encoder.names], dim=1).unsqueeze(-1)
        available = torch.where(there, pair.specific, 0.0).flatten(1)
        imagined, latents = self.forwards(available, pair.invariant.flatten(1))
        back = None if self.backwards is None else self.backwards(imagined)[0]
        return Imagined(self.head(latents), imagined, back, available, pair.invariant)

    @property
    def standard(self) -> Standardisers:
        """What standardises the features."""
        encoder = self.encoder
        assert isinstance(encoder, InvarianceNet)
        return encoder.standard


class Ifmmin(Parent[IfmminNet]):
    """Invariant features in the imagination; see the module's description.

    Args:
        weights: of the losses; a cycle of 0 leaves the way back out.
    """

    def __init__(self, weights: Weights = PAPER) -> None:
        super().__init__()
        self._weights = weights

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "IF-MMIN")
        self.config = config
        first, _ = fit_invariance(train, valid, config)
        self._net = net = IfmminNet(first, config, self._weights.cycle > 0.0)
        x, mask, labels = first.standard.of(train), masks_of(train), torch.from_numpy(train.labels)
        with torch.no_grad():
            pair = first.encode(x, mask)
        generator = torch.Generator().manual_seed(config.seed)
        views = views_of(valid)

        def loss_of(rows: Tensor) -> Tensor:
            left, kept, there = hidden_rows(
                rows_of(x, rows), rows_of(mask, rows), config.hiding, generator
            )
            made = net(left, kept)
            loss = label_loss(made.logits, labels[rows], config.smoothing)
            wanted = Targets(pair.specific[rows], pair.invariant[rows])
            return loss + imagination_loss(made, wanted, there, self._weights)

        self.chosen = fit_epochs(
            net, train.labelled, loss_of, lambda: self.valid_loss(views), plan_of(config)
        )

    def logits(self, batch: Samples) -> Tensor:
        """See `Parent.logits`."""
        made: Imagined = self.net(self.net.standard.of(batch), masks_of(batch))
        return made.logits

    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """See `Parent.recovered`; in the feature space of stage 1."""
        made: Imagined = self.net(self.net.standard.of(batch), masks_of(batch))
        return by_modality(made.imagined, batch)
