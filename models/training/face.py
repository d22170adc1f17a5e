"""Training of the face encoder on FER+ soft labels, over the crops that the live system cuts."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..checkpoint import Manifest, save
from ..datasets.ferplus import LICENCE, FerPlus, load_ferplus
from ..face_crop import Grey
from ..face_encoder import KIND, FaceEncoder, FaceEncoderConfig, FaceReader
from ..face_net import FaceNet, FaceNetConfig, normalise
from ..features import Float32
from ..labels import EMOTIONS
from ..metrics import (
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    unweighted_average_recall,
)
from .face_crops import Ints, Jitter, Placement, frame_of, jittered_crop, place_faces, plain_crop

STRENGTHS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
ACCURACY_GIVEN_UP: Final = 0.005
"""How much validation accuracy may be paid for recall on rare classes."""

SPLIT: Final = (
    "FER+ own split: 28,561 train, 3,579 valid, 3,574 test; figures on the faces on which more "
    "than half of all votes agree on one of the seven classes"
)
NOTES: Final = (
    (
        "The faces are grey web images of 48 x 48 px, many of them posed; other cameras, poses and "
        "lights were not evaluated."
    ),
    "No figures per sex, age or skin tone are known: the set does not record them.",
    (
        "Few faces show disgust (7 in the evaluated test part) or fear (50): their recall is "
        "uncertain."
    ),
    (
        "Test figures go from image to class through the reader of the live system; a face that "
        "the mesh does not find counts as wrong in test.accuracy and test.uar and is left out of "
        "the figures named test.found."
    ),
    (
        "Epoch, prior strength and temperature were chosen on the validation part; the test part "
        "is read once in a run, at its end."
    ),
)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FaceTrainingConfig:
    """Settings of one run.

    Attributes:
        net: shape of the net.
        jitter: augmentation.
        epochs: passes over the training part.
        batch: faces per step.
        rate: peak learning rate of SGD with Nesterov momentum, one cosine.
        weight_decay: of weights, not of biases and normalisations.
        average: decay of the running average of weights that is evaluated and kept.
        seed: of everything random.
        bf16: compute in bfloat16, faster on processors that can.
        limit: faces per part at most, for tries; None takes all.
        cache: folder for where the faces lie.
    """

    net: FaceNetConfig = field(default_factory=FaceNetConfig)
    jitter: Jitter = field(default_factory=Jitter)
    epochs: int = 20
    batch: int = 128
    rate: float = 0.1
    weight_decay: float = 5e-4
    average: float = 0.998
    seed: int = 0
    bf16: bool = True
    limit: int | None = None
    cache: Path = Path("runs/cache")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Crops of the validation part with their labels: (N, 48, 48), (N, 7), (N,)."""

    crops: Grey
    soft: Float32
    labels: Ints


def train(root: Path, out: Path, config: FaceTrainingConfig, progress: Progress) -> Manifest:
    """Train on FER+ and write a checkpoint.

    The best epoch so far is in `out` at any time, without test figures; the test part is read
    once, at the end, from images and by the reader that the live system uses.

    Args:
        root: the data folder.
        out: folder of the checkpoint.
        config: settings.
        progress: told one line per epoch.

    Returns:
        the manifest of the checkpoint.

    Raises:
        DatasetError: FER+ is missing or damaged.
    """
    corpus = load_ferplus(root)
    corpus = corpus if config.limit is None else corpus.head(config.limit)
    placement = place_faces(corpus, config.cache, progress)
    valid = gather(corpus, placement, corpus.rows("valid", labelled=True))
    best = -math.inf
    for epoch, net in enumerate(fit(corpus, placement, config), start=1):
        logits = encode_all(net, config, valid.crops)
        figures = score(FaceEncoderConfig(config.net).probabilities(logits), valid.labels)
        quality = figures["accuracy"] + figures["uar"]
        progress(
            f"epoch {epoch}/{config.epochs}: valid accuracy {figures['accuracy']:.4f}, "
            f"UAR {figures['uar']:.4f}{' *' if quality > best else ''}"
        )
        if quality > best:
            best = quality
            kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
            manifest = describe(corpus, config, logits, valid)
            save(out, kept, manifest)
    figures = test_figures(corpus, out)
    return save(out, kept, replace(manifest, metrics={**manifest.metrics, **figures}))


def fit(corpus: FerPlus, placement: Placement, config: FaceTrainingConfig) -> Iterator[FaceNet]:
    """Yield the averaged net after each epoch; it changes with the next one."""
    torch.manual_seed(config.seed)
    rows = corpus.rows("train", labelled=False)
    net = FaceNet(config.net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(net, multi_avg_fn=average, use_buffers=True)
    steps = config.epochs * math.ceil(len(rows) / config.batch)
    optimizer = torch.optim.SGD(
        parameter_groups(net, config), lr=config.rate, nesterov=True, momentum=0.9
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    for epoch in range(config.epochs):
        rng = np.random.default_rng([config.seed, epoch])
        net.train()
        for part in np.array_split(rng.permutation(rows), math.ceil(len(rows) / config.batch)):
            loss = soft_loss(net, *batch_of(corpus, placement, part, rng, config), config.bf16)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            averaged.update_parameters(net)
        current = averaged.module
        assert isinstance(current, FaceNet)
        yield current


def batch_of(
    corpus: FerPlus,
    placement: Placement,
    rows: Ints,
    rng: np.random.Generator,
    config: FaceTrainingConfig,
) -> tuple[Tensor, Tensor]:
    """Augmented crops (B, 48, 48) uint8 and soft labels (B, 7) float32 of some rows."""
    crops = [
        jittered_crop(corpus.faces[row], placement.transforms[row], rng, config.jitter)
        for row in rows
    ]
    return torch.from_numpy(np.stack(crops)), torch.from_numpy(corpus.soft[rows])


def parameter_groups(net: nn.Module, config: FaceTrainingConfig) -> list[dict[str, object]]:
    """Weights with decay, biases and normalisations without."""
    parameters = list(net.parameters())
    return [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def soft_loss(net: FaceNet, crops: Tensor, soft: Tensor, bf16: bool) -> Tensor:
    """Cross-entropy against the shares of the votes."""
    x = normalise(crops).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        _, logits = net(x)
    return functional.cross_entropy(logits.float(), soft)


def gather(corpus: FerPlus, placement: Placement, rows: Ints) -> Examples:
    """Crops as the live system sees them, without augmentation."""
    crops = [plain_crop(corpus.faces[i], placement.transforms[i]) for i in rows]
    return Examples(np.stack(crops), corpus.soft[rows], corpus.labels[rows])


def encode_all(net: FaceNet, config: FaceTrainingConfig, crops: Grey) -> Float32:
    """Logits (N, 7) of many crops."""
    encoder = FaceEncoder(copy.deepcopy(net), FaceEncoderConfig(config.net))
    parts = np.array_split(crops, math.ceil(len(crops) / 256))
    return np.concatenate([encoder.forward(part)[1] for part in parts])


def score(probabilities: Float32, labels: Ints) -> dict[str, float]:
    """Accuracy, UAR and calibration error against the majority labels."""
    predicted = probabilities.argmax(1)
    return {
        "accuracy": accuracy(labels, predicted),
        "uar": unweighted_average_recall(labels, predicted),
        "ece": expected_calibration_error(probabilities, labels),
    }


def choose_reading(base: FaceEncoderConfig, logits: Float32, valid: Examples) -> FaceEncoderConfig:
    """Choose how logits are read: the prior's strength, then the temperature, on validation.

    Takes the strength with the highest UAR among those whose accuracy is at most half a point
    below the best, then the temperature that makes the votes most likely.
    """
    tried = [replace(base, prior_strength=strength) for strength in STRENGTHS]
    figures = [score(config.probabilities(logits), valid.labels) for config in tried]
    floor = max(f["accuracy"] for f in figures) - ACCURACY_GIVEN_UP
    fair = [(f["uar"], i) for i, f in enumerate(figures) if f["accuracy"] >= floor]
    chosen = tried[max(fair)[1]]
    log_p = np.log(chosen.probabilities(logits).clip(1e-9))
    return replace(chosen, temperature=fit_temperature(log_p, valid.soft))


def fit_temperature(logits: Float32, soft: Float32) -> float:
    """Temperature in [0.3, 3] with the least cross-entropy against the shares of the votes."""
    z, target = torch.from_numpy(logits), torch.from_numpy(soft)
    grid = np.exp(np.linspace(np.log(0.3), np.log(3.0), 93))
    losses = [float(functional.cross_entropy(z / t, target)) for t in grid.tolist()]
    return round(float(grid[int(np.argmin(losses))]), 4)


def describe(
    corpus: FerPlus, config: FaceTrainingConfig, logits: Float32, valid: Examples
) -> Manifest:
    """Manifest with everything but test figures; `logits` (N, 7) are those of `valid`."""
    soft = corpus.soft[corpus.rows("train", labelled=False)]
    prior = tuple(round(float(p), 6) for p in (soft.sum(0) + 1) / (soft.sum() + len(EMOTIONS)))
    base = FaceEncoderConfig(config.net, prior=prior)
    reading = choose_reading(base, logits, valid)
    figures = score(reading.probabilities(logits), valid.labels)
    return Manifest(
        kind=KIND,
        config=asdict(reading),
        data=["FER+ (FER2013 faces with ten votes each), training part"],
        licence=LICENCE,
        split=SPLIT,
        seed=config.seed,
        metrics={f"valid.{name}": value for name, value in figures.items()},
        notes=list(NOTES),
    )


def test_figures(corpus: FerPlus, folder: Path) -> dict[str, float]:
    """Figures of a saved checkpoint on the test part, from images, as the live system reads them.

    Args:
        corpus: FER+.
        folder: the checkpoint.

    Returns:
        accuracy and UAR with 95 % bootstrap intervals (low, high), calibration error and the share
        of faces that were found, each named "test.".
    """
    rows = corpus.rows("test", labelled=True)
    labels = corpus.labels[rows]
    probabilities = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float32)
    reader = FaceReader.load(folder, still=True)
    for index, row in enumerate(rows):
        reading = reader.read(frame_of(corpus.faces[row]), index)
        if reading.probabilities is not None:
            probabilities[index] = reading.probabilities
    reader.close()
    found = probabilities.sum(1) > 0
    predicted = np.where(found, probabilities.argmax(1), -1)
    figures = {"test.detection_rate": float(found.mean())}
    for name, metric in (("accuracy", accuracy), ("uar", unweighted_average_recall)):
        value, low, high = bootstrap_interval(metric, labels, predicted, np.arange(len(labels)))
        figures |= {f"test.{name}": value, f"test.{name}_low": low, f"test.{name}_high": high}
        figures[f"test.found_{name}"] = metric(labels[found], predicted[found])
    figures["test.found_ece"] = expected_calibration_error(probabilities[found], labels[found])
    return figures
