"""Clip-wise evaluation: windows over a clip as a live system cuts them, then one verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from ..audio_blocks import SAMPLE_RATE_HZ
from ..audio_encoder import StreamingAudioEncoder
from ..audio_net import AudioNet, pooling_weights
from ..datasets.ravdess import Clip, read_audio
from ..degradations import Degradation, damage_sound
from ..features import FeatureFrame, Float32, TokenGrid, pool_frames
from ..labels import EMOTIONS
from ..metrics import accuracy, bootstrap_interval, unweighted_average_recall
from .audio_corpus import raw_features
from .audio_windows import ENERGY, FRAME_NS, HOP_NS, speech_hops

Rule = Literal["mean", "speech", "fullest"]

STRIDE_NS: Final = 500_000_000
FIRST_END_NS: Final = 1_000_000_000
ROUNDS: Final = 400
NOISES: Final = ("audio:noise", "audio:pink", "audio:babble")
BABBLERS: Final = 3
RULES: Final[tuple[Rule, ...]] = ("mean", "speech", "fullest")


def window_ends(length_ns: int) -> NDArray[np.int64]:
    """Ends of the windows of a clip: every 0.5 s from 1 s on, and the end of the clip."""
    ends = np.arange(FIRST_END_NS, length_ns, STRIDE_NS, dtype=np.int64)
    return np.append(ends, np.int64(length_ns))


def speech_in_windows(energy_db: Float32, ends: NDArray[np.int64], grid: TokenGrid) -> Float32:
    """Seconds of speech inside each window, (W,) float32.

    Args:
        energy_db: (hops,) loudness of the clip at 10 ms.
        ends: (W,) ns.
        grid: length of the windows.
    """
    total = np.concatenate([[0], np.cumsum(speech_hops(energy_db))])
    last = np.minimum(ends // HOP_NS, len(energy_db))
    first = np.maximum(last - grid.window_ns // HOP_NS, 0)
    return np.asarray((total[last] - total[first]) / 100.0, np.float32)


def verdict(probabilities: Float32, speech_s: Float32, rule: Rule) -> Float32:
    """One distribution for a clip.

    Args:
        probabilities: (W, 7) of its windows.
        speech_s: (W,) seconds of speech in each.
        rule: "mean" of all windows; "speech" weighs them by their speech; "fullest" averages the
            windows that hold at least nine tenths of the most speech that any holds.

    Returns:
        (7,) float32.
    """
    weights = np.ones_like(speech_s)
    if rule == "speech":
        weights = speech_s + 1e-3
    elif rule == "fullest":
        weights = (speech_s >= 0.9 * speech_s.max()).astype(np.float32)
    return np.asarray(weights @ probabilities / weights.sum(), np.float32)


@torch.inference_mode()
def read_features(model: AudioNet, features: Float32, grid: TokenGrid) -> tuple[Float32, Float32]:
    """Windows of one clip from stored features, without the streaming encoder.

    Returns:
        probabilities (W, 7) and seconds of speech (W,).
    """
    hops = len(features) // 4 * 4
    x = torch.from_numpy(features[None, :hops].astype(np.float32))
    frames, _ = model.encoder(x, model.encoder.initial_state())
    ends = window_ends(hops * HOP_NS)
    start = torch.arange(frames.shape[1]) * FRAME_NS
    frame_ns = start[None] - torch.from_numpy(ends - grid.window_ns)[:, None]
    weights = pooling_weights(frame_ns, FRAME_NS, grid.bins, grid.bin_ns)
    logits = model.head(weights @ frames[0], weights.sum(dim=2) > 0)
    speech_s = speech_in_windows(features[:hops, ENERGY].astype(np.float32), ends, grid)
    return logits.softmax(dim=1).numpy(), speech_s


def read_stream(
    encoder: StreamingAudioEncoder, samples: Float32, grid: TokenGrid, chunk: int = 3200
) -> tuple[Float32, NDArray[np.int64]]:
    """Windows of one clip as the live system reads them, chunk by chunk.

    Returns:
        probabilities (W, 7) and the windows' ends (W,) ns.
    """
    state = encoder.initial_state()
    frames: list[FeatureFrame] = []
    for start in range(0, len(samples), chunk):
        values, state = encoder.step(samples[start : start + chunk], state)
        for row in values:
            t_ns = len(frames) * encoder.frame_ns
            frames.append(FeatureFrame("audio", "speaker", t_ns, encoder.frame_ns, row))
    ends = window_ends(len(frames) * encoder.frame_ns)
    tokens = [pool_frames(frames, int(t1_ns), encoder.dim, grid) for t1_ns in ends]
    return np.stack([encoder.classify(t, m) for t, m in tokens]), ends


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Verdicts over a set of clips.

    Attributes:
        labels: (N,) int64.
        probabilities: (N, 7) float32.
    """

    labels: NDArray[np.int64]
    probabilities: Float32

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) leading class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def uar(self) -> float:
        """Unweighted average recall over the classes present."""
        return unweighted_average_recall(self.labels, self.predicted)

    @property
    def accuracy(self) -> float:
        """Share of right verdicts."""
        return accuracy(self.labels, self.predicted)

    @property
    def loss(self) -> float:
        """Mean negative log likelihood of the right class."""
        right = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(np.maximum(right, 1e-7)).mean())

    def part(self, chosen: NDArray[np.bool_]) -> "Scored":
        """The clips where `chosen` (N,) is True."""
        return Scored(self.labels[chosen], self.probabilities[chosen])

    def recalls(self) -> dict[str, float]:
        """Recall per emotion."""
        classes = list(range(len(EMOTIONS)))
        each = recall_score(
            self.labels, self.predicted, labels=classes, average=None, zero_division=0.0
        )
        return {name: float(r) for name, r in zip(EMOTIONS, each, strict=True)}


def noisy(clips: Sequence[Clip], snr_db: float) -> Callable[[Clip, Float32], Float32]:
    """Background noise that depends on the clip alone: white, pink and babble in turn.

    Babble is made of three clips of other actors of the same part.

    Args:
        clips: of the part that is judged.
        snr_db: ratio to the level of active speech, dB.
    """
    number = {clip.path.name: index for index, clip in enumerate(sorted(clips, key=str))}

    def change(clip: Clip, samples: Float32) -> Float32:
        index = number[clip.path.name]
        how = Degradation(NOISES[index % len(NOISES)], snr_db, seed=index)
        voices: list[Float32] = []
        if how.name == "audio:babble":
            others = [c for c in clips if c.actor != clip.actor] or list(clips)
            chosen = np.random.default_rng(index).choice(len(others), BABBLERS)
            voices = [read_audio(others[i].path) for i in chosen]
        return damage_sound(samples, how, SAMPLE_RATE_HZ, voices)

    return change


def score_stream(
    encoder: StreamingAudioEncoder, clips: Sequence[Clip], rule: Rule, grid: TokenGrid
) -> Scored:
    """Judge clips from their samples through the streaming path."""
    rows = []
    for clip in clips:
        samples = read_audio(clip.path)
        probabilities, ends = read_stream(encoder, samples, grid)
        energy_db = encoder.energy_db(samples)
        rows.append(verdict(probabilities, speech_in_windows(energy_db, ends, grid), rule))
    return Scored(np.array([c.label for c in clips], np.int64), np.stack(rows))


def score_whole(
    model: AudioNet,
    clips: Sequence[Clip],
    rule: Rule,
    grid: TokenGrid,
    change: Callable[[Clip, Float32], Float32] | None = None,
) -> Scored:
    """As `score_stream` within rounding, many times faster: whole clips at once.

    Args:
        model: in eval mode.
        clips: to be judged.
        rule: how windows make a verdict.
        grid: of the windows.
        change: damages the samples of a clip, or None.
    """
    rows = []
    for clip in clips:
        samples = read_audio(clip.path)
        if change is not None:
            samples = change(clip, samples)
        rows.append(verdict(*read_features(model, raw_features(samples), grid), rule))
    return Scored(np.array([c.label for c in clips], np.int64), np.stack(rows))


def summarise(part: str, scored: Scored, clips: Sequence[Clip], seed: int) -> Mapping[str, float]:
    """Figures of one part by name: UAR with interval, accuracy, by sex, recall per emotion.

    The interval resamples actors; with two or four of them it is coarse.
    """
    actors = np.array([c.actor for c in clips], np.int64)
    uar = bootstrap_interval(
        unweighted_average_recall, scored.labels, scored.predicted, actors, ROUNDS, seed
    )
    figures = {
        f"{part}.uar": uar.value,
        f"{part}.uar_low": uar.low,
        f"{part}.uar_high": uar.high,
        f"{part}.accuracy": scored.accuracy,
        f"{part}.loss": scored.loss,
    }
    for sex in ("female", "male"):
        figures[f"{part}.uar_{sex}"] = scored.part(np.array([c.sex == sex for c in clips])).uar
    return figures | {f"{part}.recall_{name}": r for name, r in scored.recalls().items()}
