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

from typing import Final

import torch

from .backbone import Tokens
from .imagination import ImaginationNet, Imagined, Imagining, Targets, Weights, masks_of
from .interface import FitConfig
from .invariance import InvarianceNet, fit_invariance
from .samples import Samples
from .standard import Standardisers, at_least_two

PAPER: Final = Weights(imagination=4.0, cycle=0.0, invariance=1.0)
WITH_CYCLE: Final = Weights(imagination=4.0, cycle=2.0, invariance=1.0)


class IfmminNet(ImaginationNet):
    """Invariant features are added to the input of every block.

    Args:
        first: stage 1.
        config: settings.
        cycle: whether there is a way back.
    """

    def __init__(self, first: InvarianceNet, config: FitConfig, cycle: bool) -> None:
        super().__init__(first, len(first.names), config, cycle)

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


class Ifmmin(Imagining[IfmminNet]):
    """Invariant features in the imagination; see the module's description.

    Args:
        weights: of the losses; a cycle of 0 leaves the way back out.
    """

    def __init__(self, weights: Weights = PAPER) -> None:
        super().__init__(weights)

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "IF-MMIN")
        self.config = config
        first, _ = fit_invariance(train, valid, config)
        net = IfmminNet(first, config, self._weights.cycle > 0.0)
        with torch.no_grad():
            pair = first.encode(first.standard.of(train), masks_of(train))
        self.learn(net, Targets(pair.specific, pair.invariant), train, valid)
