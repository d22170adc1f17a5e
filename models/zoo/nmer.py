"""NMER: what is missing is noise, and a conditional variational autoencoder takes it away.

Lee, Suh, Lee, Hwang: Noise-robust multimodal emotion recognition (MRAC at ACM MM 2024, arXiv
2311.16114). A noise scheduler corrupts unavailable modalities, x' = sqrt(abar_t) x + sqrt(1 -
abar_t) n; the encoders of stage 1 (`invariance`) read the corrupted sample; a conditional VAE
rebuilds the teacher's specific features of the clean sample from [specific; invariant], and the
rebuilt features are classified. Loss: CE + |c - c_teacher|^2 + MSE + KL.

Corrected here, all measured or read in the released code: its encoder took a (batch, feature)
tensor for a sequence, so that samples attended to each other, and the answer to one depended on its
neighbours: here the sequence is that of one sample's own 2 M features. One noise level was drawn
for a whole batch: here one per sample. KL was summed over batch and latent while the squared error
was averaged: here both belong to one evidence lower bound per sample, and are scaled together. The
decoder ended in a sigmoid though its target is not in (0, 1): here it is linear. Its class is
missing from the released head altogether. Epochs are chosen on validation, not on test.

Different by design: in our protocols a missing modality is not there at all, not even noisily. So
half of the corrupted training samples, and all test samples, have pure noise in its place, the
scheduler's limit; the noise of a test sample follows from its content and is the same in every run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Float32, Modality
from .backbone import Tokens
from .drop import label_loss
from .fitting import fit_epochs, hide
from .imagination import by_modality, frozen, masks_of, rows_of
from .interface import FitConfig
from .invariance import WIDTH, InvarianceNet, fit_invariance
from .parent import Parent, plan_of, views_of
from .samples import Samples
from .standard import Standardisers, at_least_two, noise_of, presence

LATENT: Final = 24
HEADS: Final = 4
LAYERS: Final = 2
PURE: Final = 0.5
OCCURRENCE: Final = 0.3
NoiseKind = Literal["gaussian", "impulse"]


class NoiseScheduler(nn.Module):
    """Corrupts features to a random degree (paper, section 3.1).

    beta runs from .01 to .5, evenly in its square root, over `intensity` levels, and abar_t is the
    product of 1 - beta up to t: at 100 levels more than half of the draws leave almost nothing.

    Args:
        intensity: number of levels, 20 to 100 in the paper.
        kind: Gaussian noise, or impulses of height 1 that hit 30 % of the values.
    """

    kept: Tensor

    def __init__(self, intensity: int = 100, kind: NoiseKind = "gaussian") -> None:
        super().__init__()
        beta = torch.linspace(0.01**0.5, 0.5**0.5, intensity) ** 2
        self.register_buffer("kept", (1.0 - beta).cumprod(dim=0))
        self.kind = kind

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.kept)

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Noise of the scheduler's kind."""
        gauss = torch.randn(shape, generator=generator)
        if self.kind == "gaussian":
            return gauss
        return gauss.sign() * (torch.rand(shape, generator=generator) < OCCURRENCE)

    def forward(self, x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """Corrupt.

        Args:
            x: (B, ...).
            level: (B,) int64 in [0, levels).
            noise: like x.
        """
        kept = self.kept[level].reshape(-1, *(1,) * (x.ndim - 1))
        return kept.sqrt() * x + (1.0 - kept).sqrt() * noise


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """What the autoencoder makes of a batch.

    Attributes:
        mean: (B, LATENT) of the latent.
        log_variance: (B, LATENT).
        out: (B, M * WIDTH).
    """

    mean: Tensor
    log_variance: Tensor
    out: Tensor


class ConditionalVae(nn.Module):
    """Conditional variational autoencoder over the features of one sample (paper, section 3.3).

    Args:
        modalities: M.
        dropout: in training.
    """

    def __init__(self, modalities: int, dropout: float) -> None:
        super().__init__()
        width = modalities * WIDTH
        self.place = nn.Parameter(torch.randn(2 * modalities, WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout, batch_first=True, norm_first=True
        )
        self.mix = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.mean = nn.Linear(WIDTH, LATENT)
        self.log_variance = nn.Linear(WIDTH, LATENT)
        self.decode = nn.Sequential(
            nn.Linear(LATENT + width, width), nn.LeakyReLU(0.1), nn.Linear(width, width)
        )

    def forward(self, specific: Tensor, invariant: Tensor, noise: Tensor | None) -> Rebuilt:
        """Rebuild.

        Args:
            specific: (B, M, WIDTH) of the corrupted sample.
            invariant: (B, M, WIDTH), the condition.
            noise: (B, LATENT) of the latent, or None for its mean.
        """
        tokens = torch.cat([specific, invariant], dim=1) + self.place
        mixed = self.mix(tokens).mean(dim=1)
        mean, log_variance = self.mean(mixed), self.log_variance(mixed).clamp(-8.0, 8.0)
        z = mean if noise is None else mean + (0.5 * log_variance).exp() * noise
        out = self.decode(torch.cat([z, invariant.flatten(1)], dim=1))
        return Rebuilt(mean, log_variance, out)


def negative_elbo(made: Rebuilt, target: Tensor) -> Tensor:
    """Minus the evidence lower bound, nats per number of the target, up to a constant.

    (|x - target|^2 / 2 + KL(N(mean, variance) || N(0, 1))) / W: a Gaussian decoder of unit
    variance (Kingma and Welling 2014, equation 10 and appendix B).

    Args:
        made: of a batch.
        target: (B, W).
    """
    error = 0.5 * (made.out - target).square().sum(dim=1)
    variance = made.log_variance.exp()
    divergence = 0.5 * (made.mean.square() + variance - 1.0 - made.log_variance).sum(dim=1)
    return (error + divergence).mean() / target.shape[1]


class NmerNet(nn.Module):
    """Encoders that start as stage 1 left them, the autoencoder and the classifier."""

    def __init__(self, first: InvarianceNet, config: FitConfig) -> None:
        super().__init__()
        modalities = len(first.names)
        self.encoder = frozen(first).requires_grad_(requires_grad=True)
        self.vae = ConditionalVae(modalities, config.dropout)
        self.head = nn.Sequential(
            nn.Linear(modalities * WIDTH, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.classes),
        )

    @property
    def first(self) -> InvarianceNet:
        """The encoders."""
        encoder = self.encoder
        assert isinstance(encoder, InvarianceNet)
        return encoder

    @property
    def standard(self) -> Standardisers:
        """What standardises the features."""
        return self.first.standard


class Nmer(Parent[NmerNet]):
    """Noise-robust recognition; see the module's description.

    Args:
        intensity: levels of the noise scheduler.
        kind: of its noise.
    """

    def __init__(self, intensity: int = 100, kind: NoiseKind = "gaussian") -> None:
        super().__init__()
        self.scheduler = NoiseScheduler(intensity, kind)

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "NMER")
        self.config = config
        first, _ = fit_invariance(train, valid, config)
        self._net = net = NmerNet(first, config)
        x, mask, labels = first.standard.of(train), masks_of(train), torch.from_numpy(train.labels)
        with torch.no_grad():
            teacher = first.encode(x, mask)
        generator = torch.Generator().manual_seed(config.seed)
        views = views_of(valid)

        def loss_of(rows: Tensor) -> Tensor:
            part, whole = self._corrupted(rows_of(x, rows), rows_of(mask, rows), generator)
            pair = net.first.encode(part, whole)
            noise = torch.randn((len(rows), LATENT), generator=generator)
            made = net.vae(pair.specific, pair.invariant, noise)
            loss = label_loss(net.head(made.out), labels[rows], config.smoothing)
            held = functional.mse_loss(pair.invariant, teacher.invariant[rows])
            return loss + held + 2.0 * negative_elbo(made, teacher.specific[rows].flatten(1))

        self.chosen = fit_epochs(
            net, train.labelled, loss_of, lambda: self.valid_loss(views), plan_of(config)
        )

    def _corrupted(
        self, x: Tokens, mask: Tokens, generator: torch.Generator
    ) -> tuple[Tokens, Tokens]:
        """Training samples whose hidden modalities are noisy, and masks that hide nothing."""
        kept = hide(mask, self.config.hiding, generator)
        batch = len(next(iter(x.values())))
        part: Tokens = {}
        for name, values in x.items():
            noise = self.scheduler.noise(tuple(values.shape), generator)
            level = torch.randint(self.scheduler.levels, (batch,), generator=generator)
            pure = torch.rand((batch, 1, 1), generator=generator) < PURE
            corrupted = torch.where(pure, noise, self.scheduler(values, level, noise))
            there = kept[name].any(dim=1)[:, None, None]
            part[name] = torch.where(there, values, corrupted)
        return part, {name: torch.ones_like(m) for name, m in mask.items()}

    def _noisy(self, batch: Samples) -> tuple[Tokens, Tokens]:
        """Test samples with pure noise where a modality is missing."""
        net, there = self.net, presence(batch)
        x, mask = net.standard.of(batch), masks_of(batch)
        for place, name in enumerate(batch.names):
            lost = ~there[:, place]
            if bool(lost.any()):
                noise = noise_of(batch, tuple(x[name].shape[1:]), self.config.seed + place)
                x[name] = torch.where(lost[:, None, None], noise, x[name])
                mask[name] = mask[name] | lost[:, None]
        return x, mask

    def _rebuilt(self, batch: Samples) -> Rebuilt:
        pair = self.net.first.encode(*self._noisy(batch))
        made: Rebuilt = self.net.vae(pair.specific, pair.invariant, None)
        return made

    def logits(self, batch: Samples) -> Tensor:
        """See `Parent.logits`."""
        logits: Tensor = self.net.head(self._rebuilt(batch).out)
        return logits

    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """See `Parent.recovered`; in the feature space of stage 1."""
        return by_modality(self._rebuilt(batch).out, batch)
