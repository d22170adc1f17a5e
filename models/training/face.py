"""Training of the face encoder on FER+ soft labels, over the crops that the live system cuts."""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from ..checkpoint import Manifest, load, read_manifest, save
from ..datasets.ferplus import LICENCE, FerPlus, load_ferplus
from ..face_crop import Grey
from ..face_encoder import KIND, FaceEncoder, FaceEncoderConfig, FaceReader
from ..face_net import FaceNet
from ..features import Float32
from ..labels import EMOTIONS
from ..metrics import (
    accuracy,
    bootstrap_interval,
    expected_calibration_error,
    unweighted_average_recall,
)
from .face_crops import Ints, Placement, frame_of, place_faces, plain_crop
from .face_fit import FaceTrainingConfig, Fitting, Lessons, lessons_of

STRENGTHS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
POINTS: Final = {"accurate": 0.0, "balanced": 0.015}
"""Operating points of one net: how much validation accuracy each may pay for rare classes.

The live system reads at the balanced one: a face that shows fear should not be called surprised
because fear is rare on the web. Its prior strength is in the config; the other's is among the
figures.
"""
DEFAULT_POINT: Final = "balanced"

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
        "Epoch, prior strengths and temperature were chosen on the validation part; the test part "
        "is read once in a run, at its end. The accurate point takes the prior strength with the "
        "highest validation accuracy, the balanced one that with the highest UAR within 1.5 points "
        "of it; the live system reads at the balanced one, test.accuracy and test.uar too. Faces "
        "that the mesh does not find are cropped where faces usually lie for validation figures."
    ),
)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Crops of the validation part with their labels: (N, 48, 48), (N, 7), (N,)."""

    crops: Grey
    soft: Float32
    labels: Ints


def train(root: Path, out: Path, config: FaceTrainingConfig, progress: Progress) -> Manifest:
    """Train on FER+ and write a checkpoint.

    The best epoch so far is in `out` at any time, without test figures; the test part is read
    once, at the end, from images and by the reader that the live system uses. A run that was cut
    goes on after its last whole epoch when it is started again with the same settings.

    Args:
        root: the data folder.
        out: folder of the checkpoint.
        config: settings.
        progress: told one line per epoch.

    Returns:
        the manifest of the checkpoint.

    Raises:
        DatasetError: FER+ is missing or damaged.
        CheckpointError: `config.start` is no face checkpoint.
    """
    corpus = load_ferplus(root)
    corpus = corpus if config.limit is None else corpus.head(config.limit)
    placement = place_faces(corpus, config.cache, progress)
    valid = gather(corpus, placement, corpus.rows("valid", labelled=True))
    best = config.start
    last = len(config.courses) - 1
    for index in range(0 if best is None else 1, last + 1):
        place = out if index == last else config.cache / f"face-{config.digest(index)}"
        if index == last or not finished(place, config, index):
            fitting = Fitting(config, index, None if best is None else load(best, KIND)[0])
            teacher = None if best is None else FaceEncoder.load(best)
            lessons = lessons_of(corpus, placement, teacher, fitting.course.teacher)
            run_course(fitting, lessons, valid, place, progress)
        best = place
    return finish(corpus, out, config)


def finish(corpus: FerPlus, out: Path, config: FaceTrainingConfig) -> Manifest:
    """Read the test part and write its figures into the checkpoint in `out`."""
    manifest = read_manifest(out)
    metrics = {**manifest.metrics, **test_figures(corpus, out)}
    metrics.pop("valid.quality", None)
    notes = list(manifest.notes)
    if config.start is not None:
        first = read_manifest(config.start).sha256[:12]
        notes.append(f"The run went on from weights {first}…, which the first course had made.")
    return save(out, load(out, KIND)[0], replace(manifest, metrics=metrics, notes=notes))


def finished(folder: Path, config: FaceTrainingConfig, index: int) -> bool:
    """Whether a course that is not the last has been run to its end in an earlier, cut run."""
    return (folder / "manifest.json").exists() and not config.resumable(folder, index).exists()


def run_course(
    fitting: Fitting, lessons: Lessons, valid: Examples, out: Path, progress: Progress
) -> None:
    """Train one course to its end; the best epoch by validation is then in `out`."""
    config, course = fitting.config, fitting.course
    out.mkdir(parents=True, exist_ok=True)
    resumable = config.resumable(out, fitting.index)
    best = -math.inf
    if resumable.exists():
        fitting.resume(resumable)
        best = read_manifest(out).metrics["valid.quality"]
        progress(f"going on after epoch {fitting.done}")
    for net in fitting.epochs(lessons):
        logits = encode_all(net, config, valid.crops)
        figures = score(FaceEncoderConfig(config.net).probabilities(logits), valid.labels)
        quality = figures["accuracy"] + figures["uar"]
        progress(
            f"epoch {fitting.done}/{course.epochs}: valid accuracy {figures['accuracy']:.4f}, "
            f"UAR {figures['uar']:.4f}{' *' if quality > best else ''}"
        )
        if quality > best:
            best = quality
            manifest = describe(lessons.corpus, config, logits, valid)
            metrics = {**manifest.metrics, "valid.quality": quality}
            save(out, net.state_dict(), replace(manifest, metrics=metrics))
        fitting.save(resumable)
    resumable.unlink()


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


def choose_strength(
    base: FaceEncoderConfig, logits: Float32, labels: Ints, given_up: float
) -> float:
    """Strength of the prior with the highest UAR among those that cost at most so much accuracy."""
    tried = [replace(base, prior_strength=strength) for strength in STRENGTHS]
    figures = [score(config.probabilities(logits), labels) for config in tried]
    floor = max(f["accuracy"] for f in figures) - given_up
    fair = [(f["uar"], i) for i, f in enumerate(figures) if f["accuracy"] >= floor]
    return STRENGTHS[max(fair)[1]]


def choose_reading(base: FaceEncoderConfig, logits: Float32, valid: Examples) -> FaceEncoderConfig:
    """Choose how logits are read by default, on validation.

    The prior's strength is that of the default point; the temperature makes the votes most likely.
    """
    strength = choose_strength(base, logits, valid.labels, POINTS[DEFAULT_POINT])
    chosen = replace(base, prior_strength=strength)
    log_p = np.log(chosen.probabilities(logits).clip(1e-9))
    return replace(chosen, temperature=fit_temperature(log_p, valid.soft))


def point_figures(base: FaceEncoderConfig, logits: Float32, labels: Ints) -> dict[str, float]:
    """Strength, accuracy and UAR of each operating point, chosen on these very logits."""
    figures: dict[str, float] = {}
    for point, given_up in POINTS.items():
        strength = choose_strength(base, logits, labels, given_up)
        read = score(replace(base, prior_strength=strength).probabilities(logits), labels)
        figures |= {
            f"valid.{point}.strength": strength,
            f"valid.{point}.accuracy": read["accuracy"],
            f"valid.{point}.uar": read["uar"],
        }
    return figures


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
    figures = {
        f"valid.{name}": value
        for name, value in score(reading.probabilities(logits), valid.labels).items()
    }
    return Manifest(
        kind=KIND,
        config=asdict(reading),
        data=["FER+ (FER2013 faces with ten votes each), training part"],
        licence=LICENCE,
        split=SPLIT,
        seed=config.seed,
        metrics=figures | point_figures(base, logits, valid.labels),
        notes=list(NOTES),
    )


def test_figures(corpus: FerPlus, folder: Path) -> dict[str, float]:
    """Figures of a saved checkpoint on the test part, from images, as the live system reads them.

    Args:
        corpus: FER+.
        folder: the checkpoint; its manifest names the strengths of the operating points.

    Returns:
        for each operating point accuracy and UAR with 95 % bootstrap intervals (low, high), named
        "test.POINT."; those of the default point again, with calibration error and figures on the
        faces that were found, named "test.".
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
    manifest = read_manifest(folder)
    config = FaceEncoderConfig.from_mapping(manifest.config)
    figures = {"test.detection_rate": float(found.mean())}
    for point in POINTS:
        strength = manifest.metrics[f"valid.{point}.strength"]
        read = config.reread(probabilities, strength)
        figures |= _with_intervals(f"test.{point}", labels, np.where(found, read.argmax(1), -1))
    prefix = f"test.{DEFAULT_POINT}."
    figures |= {n.replace(prefix, "test."): v for n, v in figures.items() if n.startswith(prefix)}
    predicted = probabilities.argmax(1)
    figures["test.found_accuracy"] = accuracy(labels[found], predicted[found])
    figures["test.found_uar"] = unweighted_average_recall(labels[found], predicted[found])
    figures["test.found_ece"] = expected_calibration_error(probabilities[found], labels[found])
    return figures


def _with_intervals(prefix: str, labels: Ints, predicted: Ints) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, metric in (("accuracy", accuracy), ("uar", unweighted_average_recall)):
        value, low, high = bootstrap_interval(metric, labels, predicted, np.arange(len(labels)))
        figures |= {
            f"{prefix}.{name}": value,
            f"{prefix}.{name}_low": low,
            f"{prefix}.{name}_high": high,
        }
    return figures
