"""Fine-tuning of the fusion on a user's own labelled windows.

A few dozen clips can move where classes meet, not teach a transformer: only the linear readings
(each modality's own, and the head) and the last normalisation are trained, at a small rate and held
near where they were (L2-SP, Li et al., 2018). Modalities are dropped at random, as in training, so
that windows with less are still read. The untouched network is the first candidate; what is kept is
what reads the validation clips best, each clip counting once.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from torch.nn import functional

from ..calibration import PATTERNS, Calibration, fit_temperature, pattern_name
from ..errors import ModelError
from ..features import MODALITIES, Bool, Float32, Modality
from ..fusion import Fusion
from ..labels import EMOTIONS
from ..metrics import accuracy, expected_calibration_error, unweighted_average_recall

Ints = NDArray[np.int64]
Progress = Callable[[str], None]

LEAST_CLIPS: Final = 2
LEAST_CLASSES: Final = 2
CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class FineTuneConfig:
    """Settings of one run.

    Attributes:
        epochs: at most.
        patience: epochs without a better validation loss after which it ends.
        batch: windows per step.
        rate: learning rate of AdamW.
        anchor: strength of the pull towards the weights as they were.
        drop_modality: chance that a present modality is hidden from a training window.
        smoothing: of the labels.
        least_calibration_clips: validation clips of a pattern from which its temperature is fitted
            anew; with fewer the one as it was is kept.
        seed: of everything random.
    """

    epochs: int = 40
    patience: int = 8
    batch: int = 64
    rate: float = 1e-3
    anchor: float = 0.01
    drop_modality: float = 0.3
    smoothing: float = 0.05
    least_calibration_clips: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch) < 1 or not 0.0 < self.rate < 1.0:
            raise ModelError("fine-tuning: epochs, patience, batch >= 1 and rate in (0, 1) wanted")
        if not 0.0 <= self.drop_modality < 1.0 or not 0.0 <= self.smoothing < 1.0:
            raise ModelError("fine-tuning: drop_modality and smoothing in [0, 1) wanted")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledWindows:
    """Windows of labelled clips.

    Attributes:
        values: per modality (N, T, D) float32.
        mask: per modality (N, T) bool; each window has something.
        labels: (N,) int64.
        clips: (N,) int64, which clip a window is from.
    """

    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    labels: Ints
    clips: Ints

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def joined(cls, parts: Sequence["LabelledWindows"]) -> "LabelledWindows":
        """All windows of several, in order."""
        return cls(
            {m: np.concatenate([p.values[m] for p in parts]) for m in MODALITIES},
            {m: np.concatenate([p.mask[m] for p in parts]) for m in MODALITIES},
            np.concatenate([p.labels for p in parts]),
            np.concatenate([p.clips for p in parts]),
        )

    @property
    def patterns(self) -> list[str]:
        """Name of the pattern of present modalities of each window."""
        present = {m: self.mask[m].any(axis=1) for m in MODALITIES}
        return [pattern_name([m for m in MODALITIES if present[m][i]]) for i in range(len(self))]

    def counts(self) -> dict[str, int]:
        """Clips per class that has any."""
        _, first = np.unique(self.clips, return_index=True)
        found = np.bincount(self.labels[first], minlength=len(EMOTIONS))
        return {name: int(n) for name, n in zip(EMOTIONS, found, strict=True) if n}


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What came of it.

    Attributes:
        net: in half precision and back, as a checkpoint will give it.
        calibration: of its logits.
        epoch: the one kept; 0 is the network as it was.
        metrics: "valid." and, with test clips, "test." figures, before and after.
        recalibrated: patterns whose temperature was fitted anew.
    """

    net: Fusion
    calibration: Calibration
    epoch: int
    metrics: Mapping[str, float]
    recalibrated: tuple[str, ...]


def refuse_too_few(windows: Mapping[str, LabelledWindows]) -> None:
    """Check that there is something to learn from and to judge by.

    Raises:
        ModelError: says what is missing.
    """
    train = windows.get("train")
    counts = {} if train is None else train.counts()
    enough = [name for name, n in counts.items() if n >= LEAST_CLIPS]
    if len(enough) < LEAST_CLASSES:
        seen = ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"
        raise ModelError(
            f"fine-tuning needs at least {LEAST_CLIPS} training clips in each of at least "
            f"{LEAST_CLASSES} classes; training clips with something to measure: {seen}"
        )
    if "valid" not in windows:
        raise ModelError(
            "fine-tuning needs at least one validation clip with something to measure: add clips, "
            "or mark some as valid in a column named split"
        )


def tune(
    fusion: Fusion,
    calibration: Calibration,
    windows: Mapping[str, LabelledWindows],
    config: FineTuneConfig,
    progress: Progress,
) -> Tuned:
    """Fine-tune a copy of a fusion.

    Args:
        fusion: as shipped; not changed.
        calibration: of its logits.
        windows: by part: "train", "valid" and perhaps "test".
        config: settings.
        progress: told one line per epoch.

    Raises:
        ModelError: too few clips or classes, or no epoch gave a finite loss.
    """
    refuse_too_few(windows)
    valid = windows["valid"]
    kept, best, best_epoch = as_stored(fusion), clip_loss(fusion, calibration, valid), 0
    if not math.isfinite(best):
        raise ModelError("the validation loss is not a number before fine-tuning began")
    progress(f"epoch 0/{config.epochs}: valid loss {best:.4f} (as it was)")
    for epoch, net in enumerate(_epochs(fusion, windows["train"], config), start=1):
        stored = as_stored(net)
        loss = clip_loss(stored, calibration, valid)
        better = loss < best - 1e-4
        progress(f"epoch {epoch}/{config.epochs}: valid loss {loss:.4f}{' *' if better else ''}")
        if better:
            kept, best, best_epoch = stored, loss, epoch
        elif epoch - best_epoch >= config.patience:
            break
    fresh, changed = recalibrate(kept, calibration, valid, config)
    metrics: dict[str, float] = {"valid.best_epoch": float(best_epoch)}
    for part in ("valid", "test"):
        if part in windows:
            before = clip_figures(fusion, calibration, windows[part])
            after = clip_figures(kept, fresh, windows[part])
            metrics |= {f"{part}.before_{name}": value for name, value in before.items()}
            metrics |= {f"{part}.{name}": value for name, value in after.items()}
    return Tuned(kept, fresh, best_epoch, metrics, changed)


def tuned_parameters(net: Fusion) -> list[nn.Parameter]:
    """What fine-tuning may change: linear readings and the last normalisation."""
    names = ("head.", "norm.")
    return [
        parameter
        for name, parameter in net.named_parameters()
        if name.startswith(names) or ".alone." in name
    ]


def _epochs(fusion: Fusion, train: LabelledWindows, config: FineTuneConfig) -> Iterator[Fusion]:
    """Yield the network after each epoch; it changes with the next one."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    # In evaluation mode: with so few clips, dropout in layers that don't learn only adds noise.
    net = copy.deepcopy(fusion).eval().requires_grad_(False)
    learned = tuned_parameters(net)
    for parameter in learned:
        parameter.requires_grad_(True)
    start = [parameter.detach().clone() for parameter in learned]
    optimiser = torch.optim.AdamW(learned, config.rate, weight_decay=0.0)
    weight = torch.from_numpy(window_weights(train))
    while True:
        order = rng.permutation(len(train))
        for k in range(0, len(order), config.batch):
            rows = order[k : k + config.batch]
            tokens, mask = _batch(train, rows)
            mask = hidden_at_random(mask, config.drop_modality, rng)
            logits = net(tokens, mask).logits
            labels = torch.from_numpy(train.labels[rows])
            each = functional.cross_entropy(
                logits, labels, label_smoothing=config.smoothing, reduction="none"
            )
            pull = sum(
                ((parameter - old) ** 2).sum()
                for parameter, old in zip(learned, start, strict=True)
            )
            loss = (each * weight[rows]).mean() + config.anchor * pull
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        yield net


def window_weights(windows: LabelledWindows) -> Float32:
    """Weight per window, mean 1: each clip counts once in its class, each class once."""
    per_clip = np.bincount(windows.clips)[windows.clips]
    share = 1.0 / per_clip
    per_class = np.bincount(windows.labels, weights=share)[windows.labels]
    weight = share / per_class
    return np.asarray(weight / weight.mean(), dtype=np.float32)


def hidden_at_random(
    mask: Mapping[Modality, Tensor], rate: float, rng: np.random.Generator
) -> dict[Modality, Tensor]:
    """Hide whole modalities of (B, T) masks; a window that would lose all keeps what it has."""
    names = list(mask)
    present = torch.stack([mask[m].any(dim=1) for m in names], dim=1)
    keep = torch.from_numpy(rng.random(present.shape) >= rate)
    keep |= ~(present & keep).any(dim=1, keepdim=True)
    return {m: mask[m] & keep[:, i : i + 1] for i, m in enumerate(names)}


def logits_of(net: Fusion, windows: LabelledWindows) -> Float32:
    """Logits (N, C) before calibration."""
    parts = []
    with torch.inference_mode():
        for k in range(0, len(windows), CHUNK):
            rows = np.arange(k, min(k + CHUNK, len(windows)))
            parts.append(net(*_batch(windows, rows)).logits.numpy())
    return np.asarray(np.concatenate(parts), dtype=np.float32)


def clip_loss(net: Fusion, calibration: Calibration, windows: LabelledWindows) -> float:
    """Mean over clips of the mean negative log-likelihood of their windows, in nats."""
    scores = log_softmax(_scaled(logits_of(net, windows), calibration, windows), axis=1)
    losses = -scores[np.arange(len(windows)), windows.labels]
    return float(np.mean([losses[windows.clips == clip].mean() for clip in set(windows.clips)]))


def clip_figures(
    net: Fusion, calibration: Calibration, windows: LabelledWindows
) -> dict[str, float]:
    """Figures of the mean reading of each clip, and the calibration error of its windows."""
    probabilities = softmax(_scaled(logits_of(net, windows), calibration, windows), axis=1)
    clips, first = np.unique(windows.clips, return_index=True)
    verdicts = np.stack([probabilities[windows.clips == c].mean(axis=0) for c in clips])
    labels = windows.labels[first]
    return {
        "clips": float(len(clips)),
        "loss": clip_loss(net, calibration, windows),
        "accuracy": accuracy(labels, verdicts.argmax(axis=1)),
        "uar": unweighted_average_recall(labels, verdicts.argmax(axis=1)),
        "ece": expected_calibration_error(probabilities.astype(np.float32), windows.labels),
    }


def recalibrate(
    net: Fusion, calibration: Calibration, valid: LabelledWindows, config: FineTuneConfig
) -> tuple[Calibration, tuple[str, ...]]:
    """Fit the temperature of each pattern that enough validation clips show, or can be cut to.

    A pattern is judged on every window that has at least its modalities, the others hidden.

    Returns:
        the calibration, and the patterns that were fitted anew.
    """
    temperatures = dict(calibration.temperatures)
    changed = []
    present = {m: valid.mask[m].any(axis=1) for m in MODALITIES}
    for name, wanted in PATTERNS.items():
        rows = np.flatnonzero(np.all([present[m] for m in wanted], axis=0))
        if len(np.unique(valid.clips[rows])) < config.least_calibration_clips:
            continue
        cut = _cut(valid, rows, wanted)
        fitted = fit_temperature(logits_of(net, cut), cut.labels)
        # The few clips of one user say less than the data sets: half way between, on a log scale.
        temperatures[name] = round(math.sqrt(fitted * temperatures[name]), 4)
        changed.append(name)
    return Calibration(temperatures, calibration.abstain_below), tuple(changed)


def as_stored(net: Fusion) -> Fusion:
    """A copy with the weights that a checkpoint will give back, so that figures are its own."""
    copied = copy.deepcopy(net).eval().requires_grad_(False)
    copied.load_state_dict({name: t.half().float() for name, t in net.state_dict().items()})
    return copied


def _cut(windows: LabelledWindows, rows: Ints, names: Sequence[Modality]) -> LabelledWindows:
    """Some windows with nothing but some modalities."""
    return LabelledWindows(
        {m: windows.values[m][rows] for m in MODALITIES},
        {m: windows.mask[m][rows] & (m in names) for m in MODALITIES},
        windows.labels[rows],
        windows.clips[rows],
    )


def _batch(
    windows: LabelledWindows, rows: Ints
) -> tuple[dict[Modality, Tensor], dict[Modality, Tensor]]:
    values = {m: torch.from_numpy(windows.values[m][rows]) for m in MODALITIES}
    masks = {m: torch.from_numpy(windows.mask[m][rows]) for m in MODALITIES}
    return values, masks


def _scaled(logits: Float32, calibration: Calibration, windows: LabelledWindows) -> Float32:
    temperature = np.array([calibration.temperatures[p] for p in windows.patterns])
    return np.asarray(logits / temperature[:, None], dtype=np.float32)
