"""Training of the text encoder on GoEmotions with cross-fitted self-distillation.

Each train comment gets a soft target from a network that never saw it (K folds), mixed with its own
labels: crowd labels of short comments are noisy, and a held-out opinion says how much. The figure
reported is the field's: multi-label macro-F1 over 7 classes, where a comment has a class if its
probability reaches a threshold chosen per class on validation (and, beside it, at .3 for all).
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_recall_curve
from tokenizers import Tokenizer

from ..checkpoint import Manifest, save
from ..datasets import goemotions, meld
from ..datasets.labelled_text import LabelledText
from ..features import Float32
from ..labels import EMOTIONS
from ..text_encoder import KIND, TextConfig, TextNet, as_manifest_config
from ..text_tokens import save_tokenizer, token_ids, train_tokenizer
from .text_fit import FitConfig, FitData, Rows, as_spoken, fit, predict

Progress = Callable[[str], None]

_FIXED_THRESHOLD: Final = 0.3

_NOTES: Final = (
    "macro_f1 is multi-label over 7 classes: a class counts from the threshold tuned on valid.",
    "macro_f1_at_0.3 is the same with the threshold .3 for every class.",
    "macro_f1_no_punctuation reads the same comments without punctuation, emoji and capitals.",
    "accuracy_single_label is over comments with exactly one label.",
    f"MELD ({meld.LICENCE}) is only evaluated, never trained on: what is lost on conversation.",
    "Trained on English comments of one web site; other languages are not readable.",
    "Irony and talk that leans on context are read poorly.",
    "Fear and disgust are rare in the data (under 2 % each) and the least reliable.",
)


@dataclass(frozen=True, slots=True)
class TextTrainingConfig:
    """One run.

    Attributes:
        vocabulary: tokens of the byte-pair vocabulary.
        folds: networks that give the soft targets; 0 trains on the labels alone.
        soft_weight: share of the soft target in the final one.
        teacher: fit of the fold networks.
        student: fit of the network that ships.
        seed: of everything random.
        limit: train and validation sentences used, 0 for all; for quick trials.
        threads: of torch.
    """

    vocabulary: int = 8000
    folds: int = 3
    soft_weight: float = 0.5
    teacher: FitConfig = field(default_factory=lambda: FitConfig(epochs=3))
    student: FitConfig = field(default_factory=lambda: FitConfig(epochs=4))
    seed: int = 20
    limit: int = 0
    threads: int = 1


def train(
    root: Path,
    out: Path,
    config: TextTrainingConfig,
    progress: Progress,
    cache: Path | None = None,
) -> Manifest:
    """Train, choose epoch and thresholds on validation, read the test split once, save.

    Args:
        root: data folder with `text/goemotions`; `text/meld` is evaluated where it is present.
        out: checkpoint folder.
        config: of the run.
        progress: told one line per epoch.
        cache: where the folds' soft targets are kept, so that a stopped run goes on from there.

    Raises:
        DatasetError: GoEmotions is missing or malformed.
    """
    torch.set_num_threads(config.threads)
    train_set = _limited(goemotions.load(root, "train"), config.limit)
    valid_set = _limited(goemotions.load(root, "valid"), config.limit)
    tokenizer = train_tokenizer(train_set.texts, config.vocabulary)
    shape = TextConfig(vocabulary=tokenizer.get_vocab_size())
    data = FitData(
        rows=_rows(tokenizer, train_set.texts, shape),
        spoken=_rows(tokenizer, [as_spoken(t) for t in train_set.texts], shape),
        targets=train_set.targets / train_set.targets.sum(1, keepdims=True),
        fine=train_set.fine,
    )
    valid_rows = _rows(tokenizer, valid_set.texts, shape)
    if config.folds:
        data = dataclasses.replace(data, targets=_softened(shape, config, data, progress, cache))

    def score(epoch: int, net: TextNet) -> float:
        found = predict(net, valid_rows)
        reached = macro_f1(valid_set.targets, found, choose_thresholds(valid_set.targets, found))
        progress(f"epoch {epoch + 1}/{config.student.epochs}: valid macro-F1 {reached:.4f}")
        return reached

    net = fit(shape, config.student, data, config.seed, score)
    thresholds = choose_thresholds(valid_set.targets, predict(net, valid_rows))
    sha256 = save_tokenizer(tokenizer, out)
    shape = dataclasses.replace(shape, tokenizer_sha256=sha256, thresholds=thresholds)
    return save(out, net.state_dict(), _manifest(net, tokenizer, shape, config, root))


def choose_thresholds(targets: Float32, probabilities: Float32) -> tuple[float, ...]:
    """Per class, the threshold of best F1, smoothed over its neighbours against chance peaks.

    Args:
        targets: (N, 7) of 0 and 1.
        probabilities: (N, 7) in [0, 1].
    """
    grid = np.arange(0.05, 0.81, 0.01)
    chosen = []
    for truth, found in zip(targets.T, probabilities.T, strict=True):
        if not truth.any():
            chosen.append(_FIXED_THRESHOLD)
            continue
        precision, recall, at = precision_recall_curve(truth, found)
        f1 = 2.0 * precision * recall / np.maximum(precision + recall, 1e-9)
        curve = f1[np.searchsorted(at, grid)]
        smooth = np.convolve(np.pad(curve, 2, mode="edge"), np.full(5, 0.2), mode="valid")
        chosen.append(round(float(grid[int(smooth.argmax())]), 2))
    return tuple(chosen)


def macro_f1(targets: Float32, probabilities: Float32, thresholds: tuple[float, ...]) -> float:
    """Multi-label macro-F1 in [0, 1] of yes/no decisions at the thresholds."""
    decided = probabilities >= np.array(thresholds, dtype=np.float32)
    return float(f1_score(targets, decided, average="macro", zero_division=0.0))


def _limited(data: LabelledText, limit: int) -> LabelledText:
    if not limit:
        return data
    return LabelledText(data.texts[:limit], data.targets[:limit], data.fine[:limit])


def _rows(tokenizer: Tokenizer, texts: list[str] | tuple[str, ...], shape: TextConfig) -> Rows:
    return token_ids(tokenizer, texts, max_tokens=shape.max_tokens, max_chars=shape.max_chars)


def _softened(
    shape: TextConfig,
    config: TextTrainingConfig,
    data: FitData,
    progress: Progress,
    cache: Path | None,
) -> Float32:
    fold_of = np.random.default_rng(config.seed).permutation(len(data.rows)) % config.folds
    soft = np.zeros_like(data.targets)
    for fold in range(config.folds):
        held = np.flatnonzero(fold_of == fold)
        path = cache / f"text-{_run_id(config)}-{fold}.npy" if cache else None
        if path is not None and path.is_file():
            soft[held] = np.load(path, allow_pickle=False)
            continue
        soft[held] = _fold_opinion(shape, config, data, fold_of, fold)
        progress(f"soft targets: fold {fold + 1}/{config.folds}")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, soft[held])
    mixed: Float32 = config.soft_weight * soft + (1.0 - config.soft_weight) * data.targets
    return mixed


def _fold_opinion(
    shape: TextConfig,
    config: TextTrainingConfig,
    data: FitData,
    fold_of: NDArray[np.int64],
    fold: int,
) -> Float32:
    # The last epoch is kept: a choice on the held fold would leak its labels into its targets.
    seen = data.take(np.flatnonzero(fold_of != fold))
    seed = config.seed + 1 + fold
    net = fit(shape, config.teacher, seen, seed, lambda epoch, _: float(epoch))
    return predict(net, [data.rows[i] for i in np.flatnonzero(fold_of == fold)])


def _run_id(config: TextTrainingConfig) -> str:
    fields = dataclasses.asdict(config)
    for irrelevant in ("student", "soft_weight", "threads"):
        del fields[irrelevant]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]


def _manifest(
    net: TextNet,
    tokenizer: Tokenizer,
    shape: TextConfig,
    config: TextTrainingConfig,
    root: Path,
) -> Manifest:
    metrics: dict[str, float] = {}
    for split in ("valid", "test"):
        data = goemotions.load(root, split)
        found = predict(net, _rows(tokenizer, data.texts, shape))
        plain = predict(net, _rows(tokenizer, [as_spoken(t) for t in data.texts], shape))
        fixed = (_FIXED_THRESHOLD,) * len(EMOTIONS)
        metrics[f"{split}.macro_f1"] = macro_f1(data.targets, found, shape.thresholds)
        metrics[f"{split}.macro_f1_at_0.3"] = macro_f1(data.targets, found, fixed)
        metrics[f"{split}.macro_f1_no_punctuation"] = macro_f1(
            data.targets, plain, shape.thresholds
        )
        metrics[f"{split}.accuracy_single_label"] = _single_label_accuracy(data.targets, found)
    if (root / meld.FOLDER).is_dir():
        metrics |= _meld_figures(net, tokenizer, shape, root)
    return Manifest(
        kind=KIND,
        config=as_manifest_config(shape),
        data=[f"GoEmotions (Demszky et al., 2020), train split, {goemotions.LICENCE}"],
        licence="Apache-2.0: the data allow any use, commercial too",
        split="GoEmotions as published; epoch and thresholds chosen on its dev split",
        seed=config.seed,
        metrics=metrics,
        notes=list(_NOTES),
    )


def _single_label_accuracy(targets: Float32, found: Float32) -> float:
    single = targets.sum(1) == 1
    return float(accuracy_score(targets[single].argmax(1), found[single].argmax(1)))


def _meld_figures(
    net: TextNet, tokenizer: Tokenizer, shape: TextConfig, root: Path
) -> dict[str, float]:
    figures = {}
    for split in ("valid", "test"):
        data = meld.load(root, split)
        truth = data.targets.argmax(1)
        guess = predict(net, _rows(tokenizer, data.texts, shape)).argmax(1)
        figures[f"{split}.meld_weighted_f1"] = float(f1_score(truth, guess, average="weighted"))
        figures[f"{split}.meld_accuracy"] = float(accuracy_score(truth, guess))
    return figures
