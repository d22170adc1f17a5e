"""Trains the tests' speech recogniser: `python -m tools.tiny_whisper.train [--steps N]`.

It knows twelve sentences by synthetic voices and is no product model. It lets the tests take the
whole road from a microphone to words with real sound, without fetching anything.
"""

import argparse
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor
from torch.nn import functional

from .convert import TIMESTAMP_S, save, vocabulary
from .net import FRAMES, Shape, TinyWhisper
from .speech import (
    SENTENCES,
    UNHEARD,
    WORDS,
    Float32,
    Utterance,
    Voice,
    corpus,
    fluent,
    heard,
    spelled,
)

OUT: Final = Path(__file__).resolve().parent.parent.parent / "tests" / "fixtures" / "whisper"
IGNORED: Final = -100
WHOLE_EVERY: Final = 8
"""One batch of so many is as long as Whisper pads its sound to, the others only as need be."""


class Batches:
    """Makes batches of mels and tokens.

    Args:
        tokens: the vocabulary.
        seed: of all that is random.
    """

    def __init__(self, tokens: list[str], seed: int) -> None:
        self._number = {token: i for i, token in enumerate(tokens)}
        self._rng = np.random.default_rng(seed)
        self._corpus = corpus(self._rng)
        self._extractor = FeatureExtractor()

    def draw(self, count: int, *, whole: bool) -> tuple[Tensor, Tensor]:
        """(B, 80, F) log-mels and (B, S) tokens, padded with `IGNORED`."""
        picked = self._rng.choice(len(self._corpus), count)
        pieces = [heard(self._corpus[i], self._rng) for i in picked]
        mels = [np.asarray(self._extractor(piece.samples), np.float32) for piece in pieces]
        longest = max(mel.shape[1] for mel in mels)
        length = FRAMES if whole else min(FRAMES, longest + int(self._rng.integers(2, 300)))
        length -= length % 2
        padded = np.stack([_fit(mel, length) for mel in mels])
        rows = [self._row(piece) for piece in pieces]
        width = max(map(len, rows))
        target = torch.full((count, width), IGNORED)
        for row, numbers in enumerate(rows):
            target[row, : len(numbers)] = torch.tensor(numbers)
        return torch.from_numpy(padded), target

    def _row(self, piece: Utterance) -> list[int]:
        end = f"<|{round(min(piece.ends_s[-1:] or (0.0,)) / TIMESTAMP_S) * TIMESTAMP_S:.2f}|>"
        body = [*(f"Ġ{word}" for word in piece.words), end] if piece.words else []
        text = ["<|startoftranscript|>", "<|0.00|>", *body, "<|endoftext|>"]
        return [self._number[token] for token in text]


def _fit(mel: Float32, length: int) -> Float32:
    return np.pad(mel[:, :length], ((0, 0), (0, max(0, length - mel.shape[1]))))


def fit(net: TinyWhisper, batches: Batches, steps: int) -> None:
    """Train."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    began = time.monotonic()
    for step in range(steps):
        whole = step % WHOLE_EVERY == WHOLE_EVERY - 1
        mels, target = batches.draw(4 if whole else 16, whole=whole)
        scores = net(mels, target[:, :-1].clamp(min=0))
        loss = functional.cross_entropy(
            scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            took = time.monotonic() - began
            print(f"step {step} of {steps}: loss {loss.item():.4f}, {took:.0f} s", flush=True)


def judge(folder: Path) -> tuple[float, float]:
    """Share of sentences that a new voice gets across, and the mean error of word ends in s."""
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    right, errors = 0, []
    rng = np.random.default_rng(1)
    for sentence in SENTENCES:
        right += _words(model, fluent(sentence, Voice(UNHEARD)))[0] == tuple(sentence.split())
        slow = spelled(sentence, Voice(UNHEARD), rng)
        words, ends = _words(model, slow)
        if words == slow.words:
            errors += [abs(a - b) for a, b in zip(ends, slow.ends_s, strict=True)]
    return right / len(SENTENCES), float(np.mean(errors)) if errors else float("inf")


def _words(model: WhisperModel, said: Utterance) -> tuple[tuple[str, ...], list[float]]:
    segments, _ = model.transcribe(
        said.samples, beam_size=1, temperature=0.0, word_timestamps=True, vad_filter=False
    )
    words = [word for segment in segments for word in segment.words or ()]
    return tuple(word.word.strip() for word in words), [word.end for word in words]


def choose_heads(net: TinyWhisper, tokens: list[str], folder: Path) -> tuple[int, int]:
    """The decoder head whose attention times the words best."""
    shape = net.shape
    found: dict[tuple[int, int], float] = {}
    for layer in range(shape.layers):
        for head in range(shape.heads):
            save(net, tokens, [(layer, head)], folder)
            found[layer, head] = judge(folder)[1]
    return min(found, key=lambda place: found[place])


def main() -> None:
    """Train, choose the timing head, write the fixture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    tokens = vocabulary(WORDS)
    net = TinyWhisper(Shape(len(tokens)))
    fit(net, Batches(tokens, given.seed), given.steps)
    net.eval()
    head = choose_heads(net, tokens, given.out)
    save(net, tokens, [head], given.out)
    right, error_s = judge(given.out)
    print(f"head {head}: {right:.0%} of sentences right, word ends off by {error_s * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
