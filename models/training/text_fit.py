"""One fit of a text network: batches of like length, soft targets, the best epoch kept."""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..features import Float32
from ..text_encoder import TextConfig, TextNet
from ..text_tokens import pad_rows

Rows = list[NDArray[np.int64]]

_NAMES: Final = re.compile(r"\[[A-Z]+\]")
_MARKS: Final = re.compile(r"[^\w\s']+")


def as_spoken(text: str) -> str:
    """The text as a recogniser without punctuation would write it: words alone, no emoji."""
    return _MARKS.sub(" ", _NAMES.sub(" ", text.replace("\u2019", "'"))).lower()


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How one network is fitted.

    Attributes:
        epochs: passes over the data.
        batch: sentences per step.
        rate: peak learning rate of AdamW under a one-cycle schedule.
        decay: weight decay.
        dropout: of embeddings and pooled features.
        token_dropout: share of tokens hidden.
        fine_weight: weight of the auxiliary loss on the finer labels.
        spoken: share of sentences shown without punctuation, as speech recognisers may write them.
        average: decay per step of the running mean of the weights that is kept; 0 keeps the last.
    """

    epochs: int = 4
    batch: int = 128
    rate: float = 3e-3
    decay: float = 0.02
    dropout: float = 0.3
    token_dropout: float = 0.1
    fine_weight: float = 0.5
    spoken: float = 0.2
    average: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FitData:
    """What one network learns from; H heads, the shared one first.

    Attributes:
        rows: token ids per sentence.
        spoken: the same for `as_spoken` of each sentence.
        targets: (N, H, 7) float32, rows summing to 1 where they have a weight.
        weights: (N, H) float32 >= 0; 0 where nobody knows what that head should say.
        fine: (N, F) float32 of 0 and 1.
        has_fine: (N,) bool, sentences with finer labels.
    """

    rows: Rows
    spoken: Rows
    targets: Float32
    weights: Float32
    fine: Float32
    has_fine: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.int64]) -> "FitData":
        """The chosen sentences."""
        return FitData(
            [self.rows[i] for i in chosen],
            [self.spoken[i] for i in chosen],
            self.targets[chosen],
            self.weights[chosen],
            self.fine[chosen],
            self.has_fine[chosen],
        )


def fit(
    shape: TextConfig,
    config: FitConfig,
    data: FitData,
    seed: int,
    score: Callable[[int, TextNet], float],
    embedding: Float32 | None = None,
) -> TextNet:
    """Fit one network and give back the epoch that scored highest.

    Args:
        shape: of the network.
        config: of the fit.
        data: to learn from.
        seed: of weights, order and dropout.
        score: called with epoch and network after each epoch; higher is better.
        embedding: (vocabulary, width) to begin with; None begins with noise.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = TextNet(shape, config.dropout, config.token_dropout)
    _initialise(net, embedding)
    fine_head = nn.Linear(shape.dim, data.fine.shape[1])
    parameters = [*net.parameters(), *fine_head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=config.decay)
    steps = -(-len(data.rows) // config.batch) * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, total_steps=steps, pct_start=0.1
    )
    shadow = copy.deepcopy(net).eval()
    best, kept = -np.inf, net.state_dict()
    for epoch in range(config.epochs):
        net.train()
        for batch in _batches(data, config, random):
            loss = _loss(net, fine_head, batch, config.fine_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            _follow(shadow, net, config.average)
        reached = score(epoch, shadow)
        if reached > best:
            best, kept = reached, {k: v.clone() for k, v in shadow.state_dict().items()}
    shadow.load_state_dict(kept)
    return shadow


def predict(
    net: TextNet, rows: Sequence[NDArray[np.int64]], head: int = 0, batch: int = 512
) -> Float32:
    """Probabilities (N, 7) float32 that a head of a network in evaluation mode gives."""
    out = np.zeros((len(rows), net.head.out_features), dtype=np.float32)
    order = np.argsort([len(row) for row in rows], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            logits = net.all_logits(torch.from_numpy(pad_rows([rows[i] for i in chosen])))
            out[chosen] = logits[:, head].softmax(1).numpy()
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    ids: Tensor
    targets: Tensor
    weights: Tensor
    fine: Tensor
    has_fine: Tensor


def _initialise(net: TextNet, embedding: Float32 | None) -> None:
    with torch.no_grad():
        # Unit-variance embeddings, torch's default, drown what 43 000 sentences can teach.
        net.embedding.weight.mul_(0.1)
        if embedding is not None:
            net.embedding.weight.copy_(torch.from_numpy(embedding))
        if net.pairs is not None:
            net.pairs.embedding.weight.mul_(0.1)


@torch.no_grad()
def _follow(shadow: TextNet, net: TextNet, average: float) -> None:
    for slow, fast in zip(shadow.parameters(), net.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - average)


def _loss(net: TextNet, fine_head: nn.Linear, batch: _Batch, fine_weight: float) -> Tensor:
    vectors = net.vectors(batch.ids)
    heads = [net.head, *net.domain_heads.values()]
    logits = torch.stack([head(vectors) for head in heads], 1)
    each = -(batch.targets * logits.log_softmax(2)).sum(2) * batch.weights
    loss = each.sum() / len(batch.ids)
    if batch.fine.shape[1] and bool(batch.has_fine.any()):
        apart = functional.binary_cross_entropy_with_logits(
            fine_head(vectors[batch.has_fine]), batch.fine[batch.has_fine]
        )
        # Times 10 brings a mean over 28 mostly absent labels to the size of the cross entropy.
        loss = loss + fine_weight * 10.0 * apart
    return loss


def _batches(data: FitData, config: FitConfig, random: np.random.Generator) -> Iterator[_Batch]:
    count = len(data.rows)
    lengths = np.array([len(row) for row in data.rows])
    # Like lengths share a batch, with some noise so that the company changes between epochs.
    order = np.argsort(lengths + random.uniform(0.0, 4.0, count), kind="stable")
    starts: NDArray[Any] = np.arange(0, count, config.batch)
    random.shuffle(starts)
    for start in starts:
        chosen = order[start : start + config.batch]
        spoken = random.random(len(chosen)) < config.spoken
        rows = [
            data.spoken[i] if plain else data.rows[i]
            for i, plain in zip(chosen, spoken, strict=True)
        ]
        yield _Batch(
            torch.from_numpy(pad_rows(rows)),
            torch.from_numpy(data.targets[chosen]),
            torch.from_numpy(data.weights[chosen]),
            torch.from_numpy(data.fine[chosen]),
            torch.from_numpy(data.has_fine[chosen]),
        )
