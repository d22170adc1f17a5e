"""Training of the fusion on class-paired windows with modality dropout.

What is left of a window answers for its label, and for what the same network makes of the whole
one: distillation from the complete view, in one network and one run.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..calibration import Calibration
from ..checkpoint import SHIPPED, Manifest, save
from ..datasets import ferplus, goemotions, ravdess
from ..errors import ModelError
from ..features import MODALITIES
from ..fusion import Fusion, FusionConfig, FusionOutput
from ..recognizer import KIND
from .fusion_data import Collector, DataConfig, FusionData
from .fusion_evaluate import Judged, calibrate, calibrated_loss, figures, judge
from .fusion_losses import kd_loss
from .gaps import GapConfig, GapPairer, Gaps
from .loop import as_stored
from .pairing import Floats, Pairer, PairingConfig, measured_tokens, shared_prior

Progress = Callable[[str], None]

NOTES: Final = (
    (
        "Class-paired: voice, face and words of a training window come from three unrelated data "
        "sets and share only their class. Figures named `paired` are on such windows; they are no"
        " trimodal benchmark."
    ),
    (
        "How often real channels disagree is not known from these sets; training shows another "
        "class in a modality at the chosen rate of the config. Confidence with several modalities"
        " rests on that choice; confidence with one was calibrated on real samples of it."
    ),
    (
        "One class prior serves all modalities, the flattened mean of the three sets' own. Each "
        "set's own accuracy is therefore a little below, and the recall of rare classes above, "
        "what a model fitted to its frequencies reaches."
    ),
    "`encoder_` figures are those of the encoder's own head on the same samples.",
    "`product_uar` is what multiplying the single readings reaches on the same windows.",
    (
        "Abstains below the threshold of the config, chosen on validation to answer nine samples "
        "of ten; `error_answered` against `error_all` says what that saves, `coverage` what it "
        "costs."
    ),
    "Valence and arousal are derived from the class probabilities, not learned.",
)


@dataclass(frozen=True, slots=True)
class FusionTrainingConfig:
    """Settings of one run.

    Attributes:
        epochs: evaluations on validation; the best is kept.
        steps: batches between them.
        batch: windows per step.
        rate: peak learning rate of AdamW, one cycle.
        weight_decay: of AdamW.
        smoothing: of the labels.
        distilled: weight of the complete view's opinion; 0 leaves it out.
        auxiliary: weight of the loss of each modality's own reading.
        prior_power: flattening of the shared class prior.
        seed: of everything random.
        paired_windows: per pattern, in evaluation.
        rounds: bootstrap resamplings behind each interval.
        width: of the network.
        layers: of the network.
        pairing: how windows are put together and damaged.
        gaps: what is lost in them.
        data: what is drawn from the data sets.
        weights: folder of the encoders.
        cache: folder for tokens.
    """

    epochs: int = 8
    steps: int = 100
    batch: int = 192
    rate: float = 1.5e-3
    weight_decay: float = 0.02
    smoothing: float = 0.02
    distilled: float = 0.4
    auxiliary: float = 0.3
    prior_power: float = 0.7
    seed: int = 0
    paired_windows: int = 1500
    rounds: int = 300
    width: int = 64
    layers: int = 2
    pairing: PairingConfig = field(default_factory=PairingConfig)
    gaps: GapConfig = field(default_factory=GapConfig)
    data: DataConfig = field(default_factory=DataConfig)
    weights: Path = SHIPPED
    cache: Path = Path("runs/cache")


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The best network of a run.

    Attributes:
        net: as it will be stored, in half precision and back.
        epoch: from 1.
        judged: validation samples read by it.
        calibration: fitted to them.
        curve: per epoch, training and validation loss.
    """

    net: Fusion
    epoch: int
    judged: dict[str, Judged]
    calibration: Calibration
    curve: list[tuple[float, float]] = field(default_factory=list)


def train(root: Path, out: Path, config: FusionTrainingConfig, progress: Progress) -> Manifest:
    """Train the fusion on the encoders in `config.weights` and write a checkpoint.

    The epoch, the temperatures and the threshold are chosen on the validation parts; the test
    parts are read once, at the end.

    Args:
        root: the data folder.
        out: folder of the checkpoint.
        config: settings.
        progress: told what happens.

    Returns:
        the manifest as written.

    Raises:
        DatasetError: a data set is missing or malformed.
        CheckpointError: an encoder is missing or damaged.
        ModelError: the training diverged.
    """
    collector = Collector(root, config.weights, config.data, config.cache, progress)
    return train_on(collector.collect(), out, config, progress)


def train_on(
    data: FusionData, out: Path, config: FusionTrainingConfig, progress: Progress
) -> Manifest:
    """Train on tokens that are there already; see `train`."""
    prior = shared_prior([data.priors[m] for m in MODALITIES], config.prior_power)
    return write(out, fit(data, prior, config, progress), data, prior, config)


def write(
    out: Path, fitted: Fitted, data: FusionData, prior: Floats, config: FusionTrainingConfig
) -> Manifest:
    """Judge a network on validation and test, and write its checkpoint to `out`."""
    found = {"valid.best_epoch": float(fitted.epoch)} if fitted.epoch else {}
    found |= figures("valid", fitted.judged, fitted.calibration, prior, config.rounds)
    pairer = Pairer(data.banks["test"], prior, config.pairing, fitted.net.config.bins)
    seen = judge(fitted.net, data.alone["test"], pairer, config.paired_windows, config.seed)
    found |= figures("test", seen, fitted.calibration, prior, config.rounds)
    manifest = describe(fitted, data, prior, config, found)
    return save(out, fitted.net.state_dict(), manifest)


def fit(
    data: FusionData, prior: Floats, config: FusionTrainingConfig, progress: Progress
) -> Fitted:
    """Train and keep the epoch with the best calibrated likelihood on validation."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    bins = config.data.spread.bins
    pairer = Pairer(data.banks["train"], prior, config.pairing, bins)
    valid = Pairer(data.banks["valid"], prior, config.pairing, bins)
    net = untrained(data, config)
    seen = pairer.draw(2048, rng, "audio+face+text")
    net.fit_standardiser({m: torch.from_numpy(measured_tokens(seen, m)) for m in MODALITIES})
    source = GapPairer(pairer, net, config.gaps)
    optimiser = torch.optim.AdamW(net.parameters(), config.rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=config.epochs * config.steps, pct_start=0.15
    )
    best, least = None, math.inf
    curve: list[tuple[float, float]] = []
    for epoch in range(1, config.epochs + 1):
        total = 0.0
        net.train()
        for _ in range(config.steps):
            loss = loss_of(net, source.draw(config.batch, rng), config)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        stored = as_stored(net)
        judged = judge(stored, data.alone["valid"], valid, config.paired_windows, config.seed)
        score = calibrated_loss(judged)
        if score < least:
            least, best = score, Fitted(stored, epoch, judged, calibrate(judged), curve)
        curve.append((total / config.steps, score))
        progress(
            f"epoch {epoch}/{config.epochs}: train loss {total / config.steps:.3f}, "
            f"valid loss {score:.4f}{' *' if best is not None and best.epoch == epoch else ''}"
        )
    if best is None:
        raise ModelError("the validation loss was never a number; lower the learning rate")
    return best


def untrained(data: FusionData, config: FusionTrainingConfig) -> Fusion:
    """A network of the run's shape."""
    dims = {m: data.banks["train"][m].dim for m in MODALITIES}
    return Fusion(FusionConfig(dims, config.data.spread.bins, config.width, config.layers))


def loss_of(net: Fusion, gaps: Gaps, config: FusionTrainingConfig) -> Tensor:
    """Label, opinion of the complete view, and each present modality's own class."""
    condition = gaps.condition
    z = {m: torch.where(condition.measured[m].unsqueeze(-1), v, 0.0)
         for m, v in condition.values.items()}  # fmt: skip
    said: FusionOutput = net.read(z, condition.measured)
    loss = functional.cross_entropy(said.logits, gaps.labels, label_smoothing=config.smoothing)
    if config.distilled:
        with torch.no_grad():
            whole = {m: torch.where(gaps.complete[m].unsqueeze(-1), v, 0.0)
                     for m, v in gaps.truth.items()}  # fmt: skip
            meant: FusionOutput = net.read(whole, gaps.complete)
        distilled = kd_loss(said.logits, meant.logits, 1.0)
        loss = (1.0 - config.distilled) * loss + config.distilled * distilled
    present = torch.stack([condition.measured[m].any(dim=1) for m in MODALITIES], dim=1)
    own = torch.where(present, gaps.own, -1)
    alone = functional.cross_entropy(said.unimodal.flatten(0, 1), own.flatten(), ignore_index=-1)
    return loss + config.auxiliary * alone


def describe(
    fitted: Fitted,
    data: FusionData,
    prior: Floats,
    config: FusionTrainingConfig,
    metrics: dict[str, float],
) -> Manifest:
    """Manifest of a run."""
    settings: dict[str, Any] = asdict(config)
    for machine in ("weights", "cache"):
        del settings[machine]
    return Manifest(
        kind=KIND,
        config={
            "network": fitted.net.config.as_dict(),
            "calibration": fitted.calibration.as_dict(),
            "encoders": dict(data.encoders),
            "prior": [round(float(p), 6) for p in prior],
            "training": settings,
        },
        data=[
            "RAVDESS speech, FER+ and GoEmotions, paired by class",
            "tokens by the encoders whose SHA-256 the config names",
        ],
        licence=f"{ravdess.LICENCE}. {ferplus.LICENCE}. GoEmotions is {goemotions.LICENCE}.",
        split="the parts that the encoders were trained, validated and tested on; faces with a "
        "majority label that the mesh finds, comments with one label, RAVDESS windows of 3 s every "
        "0.5 s with a verdict per clip weighted by speech; test read once in a run",
        seed=config.seed,
        metrics=metrics,
        notes=list(NOTES),
    )
