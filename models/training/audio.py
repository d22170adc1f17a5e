"""Trains the audio encoder and its head on RAVDESS, speaker-disjoint throughout.

The epoch is chosen by the loss on the validation actors, with averaged weights; the test actors are
read once, at the end, through the streaming path from the stored checkpoint.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import checkpoint
from ..audio_encoder import KIND, StreamingAudioEncoder
from ..audio_net import AudioNet, AudioNetConfig
from ..datasets.ravdess import LICENCE, TEST_ACTORS, Clip, Split, find_clips, split_by_actor
from ..labels import EMOTIONS
from ..manifest import Manifest
from .audio_augment import FeatureAugment
from .audio_corpus import CorpusConfig, Utterance, load_corpus
from .audio_evaluate import Rule, Scored, read_features, score_stream, summarise, verdict
from .audio_windows import Batch, WindowConfig, WindowSampler

NOTES: Final = (
    (
        "Acted speech: 16 professional actors for training and validation, two fixed sentences, "
        "North American English, studio sound. Expect much lower accuracy on spontaneous speech, "
        "other languages, children and noisy rooms."
    ),
    "Calm counts as neutral, so neutral has half as many clips again as any other class.",
    "Four test actors only: the interval, which resamples them, is coarse.",
    "Probabilities of the head are not calibrated; the fusion calibrates its own.",
    "The level of a stream is taken out, so how loud someone speaks overall tells it nothing.",
)


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """Everything that decides a run.

    Attributes:
        valid_actors: held out to choose the epoch.
        test_actors: never trained on, read once at the end.
        epochs: passes over as many streams as there are training clips.
        batch: streams per step.
        per_stream: windows cut from each of them.
        rate: highest learning rate of the one-cycle schedule.
        decay: weight decay.
        smoothing: share of each label spread over all classes.
        mixup: parameter of the Beta distribution of mixed tokens, 0 for none.
        average: decay of the running average of the weights per step.
        check_every: epochs between validations.
        rule: how windows make a verdict over a clip.
        seed: of everything random.
        net: shape of the network.
        corpus: waveform variants.
        windows: how windows are drawn.
        augment: feature changes.
    """

    valid_actors: tuple[int, ...] = (15, 16)
    test_actors: tuple[int, ...] = TEST_ACTORS
    epochs: int = 45
    batch: int = 24
    per_stream: int = 4
    rate: float = 1.5e-3
    decay: float = 0.05
    smoothing: float = 0.05
    mixup: float = 0.0
    average: float = 0.99
    check_every: int = 3
    rule: Rule = "speech"
    seed: int = 0
    net: AudioNetConfig = field(default_factory=AudioNetConfig)
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    augment: FeatureAugment = field(default_factory=FeatureAugment)


def fit_scale(model: AudioNet, corpus: Sequence[Utterance]) -> None:
    """Set the fixed normalisation from the training clips, in place."""
    net = model.encoder
    raw = [torch.from_numpy(v.astype(np.float32)) for u in corpus for v in u.variants[:2]]
    start = net.initial_state()[0]
    plain = torch.cat([net.normalise(x[None], start)[0][0] for x in raw])
    net.get_buffer("mean").copy_(plain.mean(dim=0))
    net.get_buffer("scale").copy_(1.0 / plain.std(dim=0).clamp(min=1e-3))


def loss_of(model: AudioNet, batch: Batch, config: AudioConfig, rng: np.random.Generator) -> Tensor:
    """Cross-entropy of one batch, with label smoothing and, if asked for, mixed tokens."""
    state = model.encoder.initial_state(len(batch.labels))
    frames, _ = model.encoder(batch.features, state)
    mask = batch.mask
    tokens = torch.bmm(batch.weights, frames.float()).view(*mask.shape, -1)
    labels = batch.labels.repeat_interleave(len(mask) // len(batch.labels))
    targets = F.one_hot(labels, len(EMOTIONS)).float()
    if config.mixup > 0.0:
        share = float(rng.beta(config.mixup, config.mixup))
        order = torch.from_numpy(rng.permutation(len(tokens)))
        both = mask & mask[order]
        usable = both.any(dim=1)[:, None]
        mixed = share * tokens + (1.0 - share) * tokens[order]
        tokens = torch.where(usable[..., None], mixed * both[..., None], tokens)
        mask = torch.where(usable, both, mask)
        targets = torch.where(usable, share * targets + (1 - share) * targets[order], targets)
    logits = model.head(tokens, mask)
    return F.cross_entropy(logits.float(), targets, label_smoothing=config.smoothing)


def validate(model: AudioNet, corpus: Sequence[Utterance], config: AudioConfig) -> Scored:
    """Judge clips from stored features."""
    model.eval()
    rows = []
    for item in corpus:
        features = item.variants[0].astype(np.float32)
        probabilities, speech_s = read_features(model, features, config.windows.grid)
        rows.append(verdict(probabilities, speech_s, config.rule))
    return Scored(np.array([u.clip.label for u in corpus], np.int64), np.stack(rows))


class WeightAverage:
    """Running average of a model's weights; buffers are copied."""

    def __init__(self, model: AudioNet, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        self.decay = decay
        self.steps = 0

    def update(self, model: AudioNet) -> None:
        """Take one step towards the model's present weights; faster at first."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10.0))
        with torch.no_grad():
            mine = self.model.state_dict()
            for name, tensor in model.state_dict().items():
                if tensor.is_floating_point():
                    mine[name].lerp_(tensor, 1.0 - decay)
                else:
                    mine[name].copy_(tensor)


@dataclass(slots=True)
class Best:
    """The best validation so far."""

    uar: float = -1.0
    loss: float = float("inf")
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, scored: Scored, epoch: int, model: AudioNet) -> None:
        """Keep the model if its loss is lower; on few actors UAR is too coarse to choose by."""
        if scored.loss < self.loss:
            self.uar, self.loss, self.epoch = scored.uar, scored.loss, epoch
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}


def fit(
    train: Sequence[Utterance],
    valid: Sequence[Utterance],
    config: AudioConfig,
    progress: Callable[[str], None],
) -> tuple[AudioNet, Best]:
    """Train and return the model of the best epoch."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed + 1)
    model = AudioNet(config.net)
    fit_scale(model, train)
    average = WeightAverage(model, config.average)
    sampler = WindowSampler(train, config.windows, config.augment, config.seed)
    steps = max(1, len(train) // config.batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=steps * config.epochs, pct_start=0.15
    )
    best = Best()
    for epoch in range(1, config.epochs + 1):
        model.train()
        total = 0.0
        for batch in sampler.batches(config.batch, steps, config.per_stream):
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model, batch, config, rng)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            average.update(model)
            total += float(loss.detach())
        if epoch % config.check_every == 0 or epoch == config.epochs:
            scored = validate(average.model, valid, config)
            best.offer(scored, epoch, average.model)
            progress(
                f"epoch {epoch}: train loss {total / steps:.3f}, valid loss {scored.loss:.3f}, "
                f"UAR {scored.uar:.3f} (best {best.epoch})"
            )
    model.load_state_dict(best.weights)
    return model.eval(), best


def train(
    root: Path,
    out: Path,
    config: AudioConfig,
    progress: Callable[[str], None],
    cache: Path | None = None,
) -> Manifest:
    """Train on RAVDESS and write a checkpoint.

    Args:
        root: data folder that holds `ravdess/audio`.
        out: folder of the checkpoint.
        config: of the run.
        progress: told what happens.
        cache: folder for features, or None to compute them anew.

    Returns:
        the manifest as written.

    Raises:
        DatasetError: the data are missing or not as expected.
    """
    split = split_by_actor(find_clips(root), config.valid_actors, config.test_actors)
    corpus = load_corpus((*split.train, *split.valid), config.corpus, cache, progress)
    cut = len(split.train)
    model, best = fit(corpus[:cut], corpus[cut:], config, progress)
    figures = {"valid.best_epoch": float(best.epoch)}
    manifest = _manifest(config, split, figures)
    checkpoint.save(out, model.state_dict(), manifest)
    figures |= measure(StreamingAudioEncoder.load(out), split, config)
    written = checkpoint.save(out, model.state_dict(), _manifest(config, split, figures))
    progress(f"valid UAR {figures['valid.uar']:.3f}, test UAR {figures['test.uar']:.3f}")
    return written


def measure(encoder: StreamingAudioEncoder, split: Split, config: AudioConfig) -> dict[str, float]:
    """Figures of the validation and test parts through the streaming path."""
    figures: dict[str, float] = {}
    for part, clips in (("valid", split.valid), ("test", split.test)):
        scored = score_stream(encoder, clips, config.rule, config.windows.grid)
        figures |= summarise(part, scored, clips, config.seed)
    return figures


def _actors(clips: Sequence[Clip]) -> str:
    return ", ".join(f"{a:02d}" for a in sorted({c.actor for c in clips}))


def _manifest(config: AudioConfig, split: Split, metrics: dict[str, float]) -> Manifest:
    return Manifest(
        kind=KIND,
        config=asdict(config.net),
        data=["RAVDESS speech (Livingstone and Russo 2018), audio of actors 01-20"],
        licence=LICENCE,
        split=(
            f"by actor: train {_actors(split.train)}; valid {_actors(split.valid)}; "
            f"test {_actors(split.test)}; a clip's verdict is the {config.rule!r} rule over "
            "windows of 3 s every 0.5 s through the streaming encoder"
        ),
        seed=config.seed,
        metrics=metrics,
        notes=list(NOTES),
    )
