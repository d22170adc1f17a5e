"""RoHyDR: recover what is missing by diffusion, then the fused feature by an adversary.

RoHyDR, arXiv 2505.17501 (2025). Numbers in brackets count the relations of the method as its
released code computes them (`rohydr_net` has 1 to 6, 9 and the networks of 10 to 12). After a first
training on complete samples, whose projections are then frozen, every batch takes three separate
steps, because their losses differ by orders of magnitude:

    stage 1 (8):  (sum over missing m of L_gen,m + lambda_g L_rec) / (1 + lambda_g)
    stage 2 (10): L_D = .1 [BCE(D(F_gt), 1) + BCE(D(G(F_lm)), 0)], the discriminator's own step
            (11): L_G = lambda_al BCE(D(G(F_lm)), 1) + (1 - lambda_al) |F_gt - G(F_lm)|_1
    stage 3 (12): L_C = (1 - lambda_c) CE(h(F_gt)) + lambda_c CE(h(G(F_lm)))

F_gt is the fused feature of the complete sample, F_lm that of the sample with recovered parts. A
complete sample takes part in stage 3 alone, and is read by h(F).

Corrected here, each read in the released code: the sampler runs over the levels that were trained
(`diffusion.Ddpm`); the missing pattern is drawn per sample, not per batch, so the realised rate is
the stated one; the optimiser of G no longer moves D towards being fooled, and D's fakes are
G(F_lm), which it is to judge, not F_lm; G is linear at its end, for its target is not bounded; the
projections are trained before they are frozen; the condition of the score network is not noised
(`denoisers.ScoreUnet`) and that of the transformer keeps its time axis (`denoisers.Dit`).

Different by design: classes with cross-entropy where the paper regresses sentiment; F_gt is a fixed
target in stage 2, or it would shrink towards G; recovered parts are fixed in stages 2 and 3, so
each stage trains what is its own; in training a few sampling steps stand for all (released, May
version: 100 without gradient in every step; December: 50 with), in reading there are all of them;
sizes as stated with each network. Epochs are chosen on validation, by readings with the few steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..features import Float32, Modality
from .backbone import Tokens
from .diffusion import Diffusion
from .drop import label_loss
from .fitting import batches, fit_epochs, hide, keep_best
from .imagination import masks_of, rows_of
from .interface import FitConfig
from .parent import Parent, plan_of, views_of
from .rohydr_net import Discriminator, Generator, RohydrNet, Wanted
from .samples import Ints, Samples
from .standard import at_least_two, chunks, noise_of, presence

DISCRIMINATOR_WEIGHT: Final = 0.1
CLIP: Final = 0.6


@dataclass(frozen=True, slots=True)
class RohydrSettings:
    """Weights and steps.

    Attributes:
        generator: "dit" (December) or "score" (May).
        lambda_g: weight of the refinement in stage 1.
        lambda_al: weight of the adversary in stage 2.
        lambda_c: weight of recovered samples in stage 3.
        rate: of Adam, both optimisers.
        draws: times per sample and batch at which the generator's loss is taken.
        training_steps: of the sampler in training.
        steps: of the sampler in reading; None is the released number, 50 or 100.
    """

    generator: Generator = "dit"
    lambda_g: float = 1.0
    lambda_al: float = 0.5
    lambda_c: float = 0.4
    rate: float = 2e-3
    draws: int = 2
    training_steps: int = 3
    steps: int | None = None


class Rohydr(Parent[RohydrNet]):
    """Hybrid diffusion recovery; see the module's description.

    Args:
        settings: weights and steps.
    """

    def __init__(self, settings: RohydrSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or RohydrSettings()
        self._few = False

    def fit(self, train: Samples, valid: Samples, config: FitConfig) -> None:
        """See `Recogniser.fit`."""
        at_least_two(train, "RoHyDR")
        self.config = config
        torch.manual_seed(config.seed)
        net = RohydrNet(train.dims, train.bins, config, self.settings.generator)
        net.standard.fit(train)
        pretrain(net, train, valid, config)
        self._net = net
        stages = Stages(net, train, config, self.settings)
        views = views_of(valid)
        self._few = True
        try:
            self.chosen = keep_best(
                net, stages.run_epoch, lambda: self.valid_loss(views), plan_of(config)
            )
        finally:
            self._few = False

    @property
    def process(self) -> Diffusion:
        """The diffusion with the steps of the moment: few while training, else all."""
        settings, process = self.settings, self.net.process
        if self._few:
            return process.with_steps(settings.training_steps)
        return process if settings.steps is None else process.with_steps(settings.steps)

    def logits(self, batch: Samples) -> Tensor:
        """See `Parent.logits`; h(F) where nothing is missing, h(G(F)) elsewhere."""
        net, there = self.net, presence(batch)
        fused = net.fuse(self._filled(batch, there))
        whole = there.all(dim=1, keepdim=True)
        logits: Tensor = net.head(torch.where(whole, fused, net.reconstructor(fused)))
        return logits

    def recovered(self, batch: Samples) -> Mapping[Modality, Float32]:
        """See `Parent.recovered`; (N, 1, S, d) tokens of the projections, measured ones as such."""
        filled = self._filled(batch, presence(batch))
        return {name: t.transpose(1, 2).unsqueeze(1).numpy() for name, t in filled.items()}

    def _filled(self, batch: Samples, there: Tensor) -> Tokens:
        net = self.net
        tokens = net.project(net.standard.of(batch))
        filled = dict(tokens)
        for asked in net.wanted(tokens, there):
            part = batch.rows(asked.rows.numpy())
            shape = (self.process.draws, *net.shape)
            noise = noise_of(part, shape, self.config.seed + net.names.index(asked.name))
            made = net.refiners[asked.name](net.generate(asked, noise, self.process))
            filled[asked.name] = filled[asked.name].index_copy(0, asked.rows, made)
        return filled


def pretrain(net: RohydrNet, train: Samples, valid: Samples, config: FitConfig) -> None:
    """Train projections, fusion and classifier on complete samples, then freeze the projections."""
    labels, truth = torch.from_numpy(train.labels), torch.from_numpy(valid.labels)
    x, held = net.standard.of(train), net.standard.of(valid)

    def loss_of(rows: Tensor) -> Tensor:
        logits = net.head(net.fuse(net.project(rows_of(x, rows))))
        return label_loss(logits, labels[rows], config.smoothing)

    def valid_loss() -> float:
        return float(functional.cross_entropy(net.head(net.fuse(net.project(held))), truth))

    fit_epochs(net, train.labelled, loss_of, valid_loss, plan_of(config))
    net.projections.requires_grad_(requires_grad=False)
    with torch.no_grad():
        for name, tokens in net.project(x).items():
            projection = net.projections[name]
            projection.settle(tokens)  # type: ignore[operator]


class Stages:
    """The three steps of every batch.

    Args:
        net: after the first training.
        train: complete samples.
        config: settings of all models.
        settings: of this one.
    """

    def __init__(
        self, net: RohydrNet, train: Samples, config: FitConfig, settings: RohydrSettings
    ) -> None:
        self._net, self._config, self._settings = net, config, settings
        net.projections.eval()
        with torch.no_grad():
            self._tokens = {
                name: torch.cat(
                    [net.project(net.standard.of(part))[name] for part in chunks(train)]
                )
                for name in net.names
            }
        self._mask = masks_of(train)
        self._labels = torch.from_numpy(train.labels)
        self._rows: Ints = train.labelled
        self._generator = torch.Generator().manual_seed(config.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed + 1)
            self.judge = Discriminator(net.fusion.width)
        own = [p for p in net.parameters() if p.requires_grad]
        self._optimiser = torch.optim.Adam(own, settings.rate, fused=True)
        self._judging = torch.optim.Adam(
            self.judge.parameters(), settings.rate, weight_decay=1e-5, fused=True
        )
        self._order = config.seed

    def run_epoch(self) -> None:
        """One pass over the labelled rows."""
        self._order += 1000
        self._net.projections.eval()
        rng = np.random.default_rng([self._order, 3])
        for rows in batches(self._rows, self._config.batch, rng):
            self.step(rows)

    def step(self, rows: Tensor) -> None:
        """All three stages for one batch."""
        truth, labels = rows_of(self._tokens, rows), self._labels[rows]
        kept = hide(rows_of(self._mask, rows), self._config.hiding, self._generator)
        there = torch.stack([m.any(dim=1) for m in kept.values()], dim=1)
        recovered = self.recover(truth, there)
        lossy = torch.nonzero(~there.all(dim=1)).squeeze(1)
        if len(lossy):
            self.rebuild(rows_of(truth, lossy), rows_of(recovered, lossy))
        self.classify(truth, recovered, (lossy, labels))

    def recover(self, truth: Tokens, there: Tensor) -> Tokens:
        """Stage 1: generators and refinement; gives the tokens with what was recovered."""
        net, settings = self._net, self._settings
        process = net.process.with_steps(settings.training_steps)
        total, filled = torch.zeros(()), dict(truth)
        hidden = {
            name: torch.where(there[:, place, None, None], truth[name], 0.0)
            for place, name in enumerate(net.names)
        }
        for asked in net.wanted(hidden, there):
            target = truth[asked.name][asked.rows]
            drawn = self._drawn(asked, process)
            refined = net.refiners[asked.name](drawn)
            total = total + self.generator_loss(asked, target)
            total = total + settings.lambda_g * functional.mse_loss(refined, target)
            filled[asked.name] = filled[asked.name].index_copy(0, asked.rows, refined.detach())
        if total.requires_grad:
            self._stepped(total / (1.0 + settings.lambda_g))
        return filled

    def generator_loss(self, asked: Wanted, target: Tensor) -> Tensor:
        """L_gen (4) of the rows that miss one modality, at several times each."""
        generator, draws = self._net.generators[asked.name], self._settings.draws
        condition = asked.condition.repeat(draws, 1, 1)
        return self._net.process.loss(
            lambda x, t: generator(x, t, condition), target.repeat(draws, 1, 1), self._generator
        )

    @torch.no_grad()
    def _drawn(self, asked: Wanted, process: Diffusion) -> Tensor:
        shape = (len(asked.rows), process.draws, *self._net.shape)
        return self._net.generate(asked, torch.randn(shape, generator=self._generator), process)

    def rebuild(self, truth: Tokens, recovered: Tokens) -> None:
        """Stage 2: the discriminator, then the reconstructor of the fused feature."""
        net, weight = self._net, self._settings.lambda_al
        complete = net.fuse(truth).detach()
        rebuilt = net.reconstructor(net.fuse(recovered).detach())
        self._judging.zero_grad()
        real, fake = self.judge(complete), self.judge(rebuilt.detach())
        loss = DISCRIMINATOR_WEIGHT * (adversarial(real, real=True) + adversarial(fake, real=False))
        loss.backward()  # type: ignore[no-untyped-call]
        self._judging.step()
        fooled = adversarial(self.judge(rebuilt), real=True)
        self._stepped(weight * fooled + (1.0 - weight) * functional.l1_loss(rebuilt, complete))

    def classify(self, truth: Tokens, recovered: Tokens, aims: tuple[Tensor, Tensor]) -> None:
        """Stage 3: fusion, reconstructor and classifier.

        Args:
            truth: complete tokens of the batch.
            recovered: the same with what was recovered.
            aims: rows in which something was missing, and the labels of all.
        """
        net, weight, smoothing = self._net, self._settings.lambda_c, self._config.smoothing
        lossy, labels = aims
        loss = label_loss(net.head(net.fuse(truth)), labels, smoothing)
        if len(lossy):
            read = net.head(net.reconstructor(net.fuse(rows_of(recovered, lossy))))
            loss = (1.0 - weight) * loss + weight * label_loss(read, labels[lossy], smoothing)
        self._stepped(loss)

    def _stepped(self, loss: Tensor) -> None:
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_value_(self._net.parameters(), CLIP)
        self._optimiser.step()


def adversarial(logits: Tensor, *, real: bool) -> Tensor:
    """Binary cross-entropy of (B,) logits against one answer for all."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
