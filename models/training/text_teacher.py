"""Teachers of the text encoder: what models that never saw a sentence say about it.

Crowd labels of short comments are noisy, and a held-out opinion says how much (self-distillation
with cross-fitting). One teacher counts words and pieces of words (tf-idf and a multinomial logistic
regression on soft labels), one reads sentence vectors of MiniLM with a small network, and networks
like the student can be asked too; they err differently, and their mean is better than any.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn
from torch.nn import functional

from ..features import Float32
from .text_fit import FitConfig

Ints = NDArray[np.int64]
Opinions = Callable[[Any], Float32]

JudgeName = Literal["words", "MiniLM", "networks"]

WORDS: Final = r"(?u)\w[\w']*|[^\w\s]"


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """How opinions are formed.

    Attributes:
        judges: who is asked; their mean is the opinion.
        folds: K models, each not shown one K-th of the sentences.
        inverse_penalty: of the logistic regression.
        iterations: of L-BFGS.
        hidden: width of the network over sentence vectors.
        epochs: of that network.
        rate: its peak learning rate.
        dropout: of its input and its hidden layer.
        reader_vocabulary: tokens of the small networks that read as the student does.
        reader_width: of their embeddings and convolutions.
        reader: how they are fitted.
    """

    judges: tuple[JudgeName, ...] = ("words", "MiniLM")
    folds: int = 3
    inverse_penalty: float = 2.0
    iterations: int = 60
    hidden: int = 256
    epochs: int = 6
    rate: float = 1e-3
    dropout: float = 0.3
    reader_vocabulary: int = 8000
    reader_width: int = 96
    reader: FitConfig = field(default_factory=lambda: FitConfig(epochs=2, average=0.99))


def fold_of(count: int, folds: int, seed: int) -> Ints:
    """(N,) which fold each sentence is held out in."""
    return np.random.default_rng(seed).permutation(count) % folds


@dataclass(frozen=True, slots=True, eq=False)
class WordCounts:
    """Turns sentences into sparse tf-idf rows of words, word pairs and pieces of words."""

    words: TfidfVectorizer
    pieces: TfidfVectorizer

    @classmethod
    def of(cls, texts: Sequence[str]) -> "WordCounts":
        """Learn the vocabulary."""
        words = TfidfVectorizer(
            ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=WORDS
        )
        pieces = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), min_df=5, sublinear_tf=True
        )
        return cls(words.fit(texts), pieces.fit(texts))

    def rows(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(N, V) float32."""
        both = [self.words.transform(texts), self.pieces.transform(texts)]
        return sparse.hstack(both).tocsr().astype(np.float32)


def fit_regression(
    rows: sparse.csr_matrix, targets: Float32, inverse_penalty: float, iterations: int
) -> Opinions:
    """Multinomial logistic regression on soft targets (N, 7) by L-BFGS.

    Minimises the cross entropy summed over sentences plus |W|^2 / (2 inverse_penalty).
    """
    width, classes = rows.shape[1], targets.shape[1]
    turned = rows.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight = flat.reshape(width + 1, classes)
        scores = log_softmax(rows @ weight[:-1] + weight[-1], axis=1)
        error = np.exp(scores) - targets
        value = -(targets * scores).sum() + (weight[:-1] ** 2).sum() / (2.0 * inverse_penalty)
        slope = turned @ error + weight[:-1] / inverse_penalty
        return float(value), np.concatenate([slope, error.sum(0, keepdims=True)]).ravel()

    start = np.zeros((width + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    weight = found.x.reshape(width + 1, classes).astype(np.float32)

    def opinions(new: sparse.csr_matrix) -> Float32:
        return np.asarray(softmax(new @ weight[:-1] + weight[-1], axis=1), dtype=np.float32)

    return opinions


def fit_network(vectors: Float32, targets: Float32, config: TeacherConfig, seed: int) -> Opinions:
    """A network with one hidden layer on sentence vectors (N, D) and soft targets (N, 7)."""
    torch.manual_seed(seed)
    mean, spread = vectors.mean(0, dtype=np.float64), vectors.std(0, dtype=np.float64) + 1e-6
    mean, spread = mean.astype(np.float32), spread.astype(np.float32)
    net = nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(vectors.shape[1], config.hidden),
        nn.GELU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, targets.shape[1]),
    )
    optimizer = torch.optim.AdamW(net.parameters(), config.rate, weight_decay=0.05)
    batch = 256
    steps = -(-len(vectors) // batch) * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, total_steps=steps, pct_start=0.2
    )
    random = np.random.default_rng(seed)
    for _ in range(config.epochs):
        order = random.permutation(len(vectors))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            inputs = torch.from_numpy((vectors[rows] - mean) / spread)
            loss = functional.cross_entropy(net(inputs), torch.from_numpy(targets[rows]))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    net.eval()

    def opinions(new: Float32) -> Float32:
        with torch.inference_mode():
            logits = [
                net(torch.from_numpy((new[k : k + 4096] - mean) / spread))
                for k in range(0, len(new), 4096)
            ]
        return np.asarray(torch.cat(logits).softmax(1).numpy(), dtype=np.float32)

    return opinions


def cross_fitted(
    own: Any, folds: Ints, others: Sequence[Any], fit: Callable[[Ints, int], Opinions]
) -> tuple[Float32, list[Float32]]:
    """Held-out opinions about the sentences trained on, and mean opinions about others.

    Args:
        own: (N, D) rows of the sentences to train on, dense or sparse.
        folds: (N,) fold in which each is held out.
        others: rows of other sentences.
        fit: trains on the given row numbers; told the fold's number.

    Returns:
        (N, 7) float32, and one such array per item of `others`.
    """
    count = int(folds.max()) + 1
    held: Float32 | None = None
    means: list[Any] = [0.0] * len(others)
    for fold in range(count):
        opinions = fit(np.flatnonzero(folds != fold), fold)
        away = np.flatnonzero(folds == fold)
        said = opinions(own[away])
        if held is None:
            held = np.zeros((len(folds), said.shape[1]), dtype=np.float32)
        held[away] = said
        means = [mean + opinions(rows) / count for mean, rows in zip(means, others, strict=True)]
    assert held is not None
    return held, means
