"""Batches of sound, tokens and where to listen for each token."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor

from .convert import TIMESTAMP_S
from .heard import heard
from .net import FRAMES
from .speech import Float32, Span, Utterance

IGNORED: Final = -100
POSITION_S: Final = 0.02
"""Time between two positions of the encoder."""
DOUBLED: Final = 0.12
"""Share of the batches in which everybody speaks twice."""
_AFTER_S: Final = 0.3
"""Where to listen for the end of what is said: so long after the last word."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step trains on.

    Attributes:
        mels: (B, 80, F) log-mels, float32.
        tokens: (B, S) int64, given to the decoder.
        target: (B, S) int64, to be told after each; `IGNORED` where nothing is asked.
        guide: (B, S, F / 2) float32, how to spread attention for each; rows sum to 1, or to 0
            where it does not matter.
    """

    mels: Tensor
    tokens: Tensor
    target: Tensor
    guide: Tensor


class Batches:
    """Makes batches; the same for the same seed and step.

    Args:
        tokens: the vocabulary.
        corpus: what is said.
        seed: of all that is random.
    """

    def __init__(self, tokens: list[str], corpus: list[Utterance], seed: int) -> None:
        self._number = {token: i for i, token in enumerate(tokens)}
        self._corpus = corpus
        self._seed = seed
        self._extractor = FeatureExtractor()

    def draw(self, step: int, count: int, *, whole: bool) -> Batch:
        """The batch of a step; if `whole`, as long as Whisper pads its sound to."""
        rng = np.random.default_rng((self._seed, step))
        # All or none, so that few pieces are padded to the length of a much longer one.
        doubled = rng.random() < DOUBLED
        pieces = [self._piece(rng, doubled=doubled) for _ in range(count)]
        mels = [np.asarray(self._extractor(piece.samples), np.float32) for piece in pieces]
        longest = max(mel.shape[1] for mel in mels)
        length = FRAMES if whole else min(FRAMES, longest + int(rng.integers(2, 60)))
        length -= length % 2
        rows = [self._row(piece, rng) for piece in pieces]
        width = max(len(asked) for _, asked, _ in rows)
        given = torch.zeros((count, width), dtype=torch.int64)
        target = torch.full((count, width), IGNORED)
        guide = torch.zeros((count, width, length // 2))
        for row, (known, asked, spans) in enumerate(rows):
            given[row, : len(known)] = torch.tensor(known)
            target[row, : len(asked)] = torch.tensor(asked)
            for place, (start, end) in enumerate(spans, 1):
                first = min(round(start / POSITION_S), length // 2 - 1)
                last = max(round(end / POSITION_S), first + 1)
                guide[row, place, first:last] = 1.0
        guide /= guide.sum(2, keepdim=True).clamp(min=1.0)
        padded = np.stack([_fit(mel, length) for mel in mels])
        return Batch(torch.from_numpy(padded), given, target, guide)

    def _piece(self, rng: np.random.Generator, *, doubled: bool) -> Utterance:
        said = self._corpus[rng.integers(len(self._corpus))]
        if doubled:
            second = self._corpus[rng.integers(len(self._corpus))]
            said = said.then(second, rng.uniform(0.1, 0.5))
        return heard(said, rng)

    def _row(
        self, piece: Utterance, rng: np.random.Generator
    ) -> tuple[list[int], list[int], list[Span]]:
        """Tokens given, tokens asked for, and where to listen for the second and later of these.

        Half the rows are with times, as speech is read, half without, as words are aligned.
        """
        words = [f"Ġ{word}" for word in piece.words]
        spans = list(piece.spans_s)
        if spans:
            spans.append((spans[-1][1], spans[-1][1] + _AFTER_S))
        timed = not words or rng.random() < 0.5
        if timed:
            ends = [f"<|{_stamp(spans[-1][0])}|>"] if words else []
            text = ["<|startoftranscript|>", "<|0.00|>", *words, *ends, "<|endoftext|>"]
        else:
            text = ["<|startoftranscript|>", "<|notimestamps|>", *words, "<|endoftext|>"]
        numbers = [self._number[token] for token in text]
        asked = numbers[1:]
        if not timed:
            asked[0] = IGNORED
        return numbers[:-1], asked, spans


def _stamp(time_s: float) -> str:
    return f"{round(time_s / TIMESTAMP_S) * TIMESTAMP_S:.2f}"


def _fit(mel: Float32, length: int) -> Float32:
    return np.pad(mel[:, :length], ((0, 0), (0, max(0, length - mel.shape[1]))))
