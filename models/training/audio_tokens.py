"""Audio tokens of RAVDESS: drawn windows to train on, and windows as the live system cuts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import checkpoint
from ..audio_encoder import KIND, StreamingAudioEncoder, config_from
from ..audio_net import AudioNet
from ..datasets.ravdess import Clip, Split, find_clips, read_audio, split_by_actor
from ..features import Bool, FeatureFrame, Float32, TokenGrid, pool_frames
from .audio import AudioConfig
from .audio_corpus import load_corpus
from .audio_evaluate import speech_in_windows, window_ends
from .audio_windows import WindowSampler
from .banks import Ints

BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class DrawnWindows:
    """Training windows.

    Attributes:
        tokens: (N, T, D) float32.
        mask: (N, T) bool.
        labels: (N,) int64.
        actors: (N,) int64.
    """

    tokens: Float32
    mask: Bool
    labels: Ints
    actors: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ClipWindows:
    """Windows that end every 0.5 s of real clips, by the streaming encoder.

    Attributes:
        tokens: (N, T, D) float32.
        mask: (N, T) bool.
        labels: (N,) int64.
        clips: (N,) int64, which clip a window is of.
        actors: (N,) int64.
        speech_s: (N,) float32, seconds of speech in the window.
        probabilities: (N, 7) float32, what the encoder's own head says.
    """

    tokens: Float32
    mask: Bool
    labels: Ints
    clips: Ints
    actors: Ints
    speech_s: Float32
    probabilities: Float32


def audio_split(root: Path) -> Split:
    """The split that the audio encoder is trained with.

    Raises:
        DatasetError: the clips are missing or misnamed.
    """
    config = AudioConfig()
    return split_by_actor(find_clips(root), config.valid_actors, config.test_actors)


def drawn_windows(
    clips: Sequence[Clip],
    folder: Path,
    count: int,
    cache: Path | None,
    progress: Callable[[str], None],
) -> DrawnWindows:
    """Draw augmented windows from clips and encode them.

    Args:
        clips: to draw from, classes equally often.
        folder: the audio checkpoint.
        count: windows; rounded up to whole batches.
        cache: folder for the clips' features.
        progress: told now and then.
    """
    tensors, manifest = checkpoint.load(folder, KIND)
    model = AudioNet(config_from(manifest.config, folder))
    checkpoint.restore(model, tensors, folder)
    config = AudioConfig()
    corpus = load_corpus(clips, config.corpus, cache, progress)
    sampler = WindowSampler(corpus, config.windows, config.augment, config.seed + 1)
    tokens, masks, labels, actors = [], [], [], []
    for step, batch in enumerate(sampler.batches(BATCH, -(-count // BATCH))):
        with torch.inference_mode():
            frames, _ = model.encoder(batch.features, model.encoder.initial_state(BATCH))
            tokens.append(torch.bmm(batch.weights, frames).numpy())
        masks.append(batch.mask.numpy())
        labels.append(batch.labels.numpy())
        actors.append(batch.actors.numpy())
        if step % 50 == 0:
            progress(f"audio windows: {step * BATCH} of {count}")
    return DrawnWindows(
        np.concatenate(tokens),
        np.concatenate(masks),
        np.concatenate(labels),
        np.concatenate(actors),
    )


def clip_windows(
    clips: Sequence[Clip], encoder: StreamingAudioEncoder, grid: TokenGrid
) -> ClipWindows:
    """Encode clips from their samples and cut them; see `ClipWindows`."""
    tokens, masks, said, speech, owner = [], [], [], [], []
    for index, clip in enumerate(clips):
        samples = read_audio(clip.path)
        frames = [
            FeatureFrame("audio", "speaker", k * encoder.frame_ns, encoder.frame_ns, values)
            for k, values in enumerate(encoder.encode(samples))
        ]
        ends = window_ends(len(frames) * encoder.frame_ns)
        speech.append(speech_in_windows(encoder.energy_db(samples), ends, grid))
        for t1_ns in ends:
            pooled, mask = pool_frames(frames, int(t1_ns), encoder.dim, grid)
            tokens.append(pooled)
            masks.append(mask)
            said.append(encoder.classify(pooled, mask))
            owner.append(index)
    clip_of = np.array(owner, dtype=np.int64)
    return ClipWindows(
        np.stack(tokens),
        np.stack(masks),
        np.array([c.label for c in clips], dtype=np.int64)[clip_of],
        clip_of,
        np.array([c.actor for c in clips], dtype=np.int64)[clip_of],
        np.concatenate(speech),
        np.stack(said),
    )
