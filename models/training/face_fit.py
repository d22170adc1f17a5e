"""Fitting of the face net: two courses of SGD, each of which can be cut after any epoch.

The first course learns the votes from nothing. The second goes on from the best of the first at a
lower rate (a warm restart, Loshchilov & Hutter 2017) and learns the votes mixed with what that best
net itself says about each face (born-again training, Furlanello et al. 2018), which smooths over
the chance in ten votes.
"""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..datasets.ferplus import FerPlus
from ..face_encoder import FaceEncoder
from ..face_net import FaceNet, FaceNetConfig, normalise
from ..features import Float32
from .face_crops import Ints, Jitter, Placement, jittered_crop, plain_crop

WARM_UP: Final = 0.1
"""Share of a course's steps in which the rate rises."""
_CHUNK: Final = 256

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Course:
    """One stretch of training with its own schedule.

    Attributes:
        epochs: passes over the training part.
        rate: peak learning rate of SGD with Nesterov momentum, one cosine.
        teacher: share of the target that an earlier net's reading makes up; the rest are votes.
    """

    epochs: int = 20
    rate: float = 0.1
    teacher: float = 0.0


@dataclass(frozen=True, slots=True)
class FaceTrainingConfig:
    """Settings of one run.

    Attributes:
        net: shape of the net.
        jitter: augmentation.
        courses: one after another, each from the best net so far.
        batch: faces per step.
        weight_decay: of weights, not of biases and normalisations.
        average: decay of the running average of weights that is evaluated and kept.
        seed: of everything random.
        bf16: compute in bfloat16, faster on processors that can.
        limit: faces per part at most, for tries; None takes all.
        start: checkpoint to go on from in place of the first course; None trains from nothing.
        cache: folder for where the faces lie.
    """

    net: FaceNetConfig = field(default_factory=FaceNetConfig)
    jitter: Jitter = field(default_factory=Jitter)
    courses: tuple[Course, ...] = (Course(), Course(epochs=6, rate=0.025, teacher=0.4))
    batch: int = 128
    weight_decay: float = 5e-4
    average: float = 0.998
    seed: int = 0
    bf16: bool = False
    limit: int | None = None
    start: Path | None = None
    cache: Path = Path("runs/cache")

    def digest(self, index: int) -> str:
        """Changes with all that a course's result depends on, but for data and code."""
        fixed = (self.net, self.jitter, self.courses[: index + 1], self.batch, self.weight_decay)
        rest = (self.average, self.seed, self.bf16, self.limit, self.start)
        return hashlib.sha256(repr((fixed, rest)).encode()).hexdigest()[:12]

    def resumable(self, folder: Path, index: int) -> Path:
        """Where a course under way keeps what it needs to be gone on with."""
        return folder / f"resume-{self.digest(index)}.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What a course is taught.

    Attributes:
        corpus: the faces.
        placement: where they lie.
        rows: (N,) int64, which of them.
        targets: (all faces, 7) float32, each row summing to 1; rows that are not used are free.
    """

    corpus: FerPlus
    placement: Placement
    rows: Ints
    targets: Float32

    def batch(self, rows: Ints, rng: np.random.Generator, jitter: Jitter) -> tuple[Tensor, Tensor]:
        """Augmented crops (B, 48, 48) uint8 and targets (B, 7) float32 of some rows."""
        crops = [
            jittered_crop(self.corpus.faces[row], self.placement.transforms[row], rng, jitter)
            for row in rows
        ]
        return torch.from_numpy(np.stack(crops)), torch.from_numpy(self.targets[rows])


class Fitting:
    """One course under way.

    Args:
        config: of the run.
        index: which of its courses.
        start: weights to begin with; None for random ones.
    """

    def __init__(self, config: FaceTrainingConfig, index: int, start: State | None) -> None:
        self.config = config
        self.course = config.courses[index]
        self.done = 0
        self.index = index
        torch.manual_seed(config.seed)
        self._net = FaceNet(config.net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self._net.load_state_dict(dict(start))
        average = get_ema_multi_avg_fn(config.average)  # type: ignore[no-untyped-call]
        self._averaged = AveragedModel(self._net, multi_avg_fn=average, use_buffers=True)
        self._optimizer = torch.optim.SGD(
            parameter_groups(self._net, config), lr=self.course.rate, nesterov=True, momentum=0.9
        )

    def epochs(self, lessons: Lessons) -> Iterator[FaceNet]:
        """Yield the averaged net after each epoch that is left; it changes with the next one."""
        parts = math.ceil(len(lessons.rows) / self.config.batch)
        steps = self.course.epochs * parts
        while self.done < self.course.epochs:
            seeds = [self.config.seed, self.index, self.done]
            rng = np.random.default_rng(seeds)
            torch.manual_seed(int(rng.integers(2**63)))
            self._net.train()
            order = np.array_split(rng.permutation(lessons.rows), parts)
            for step, rows in enumerate(order, start=self.done * parts):
                for group in self._optimizer.param_groups:
                    group["lr"] = rate_at(step / steps, self.course.rate)
                batch = lessons.batch(rows, rng, self.config.jitter)
                loss = soft_loss(self._net, *batch, self.config.bf16)
                self._optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
                self._averaged.update_parameters(self._net)
            self.done += 1
            current = self._averaged.module
            assert isinstance(current, FaceNet)
            yield current

    def save(self, path: Path) -> None:
        """Write all that is needed to go on after the epochs that are done."""
        tensors = {f"net.{name}": t for name, t in self._net.state_dict().items()}
        tensors |= {f"averaged.{name}": t for name, t in self._averaged.state_dict().items()}
        for index, parameter in enumerate(self._parameters()):
            tensors[f"momentum.{index}"] = self._optimizer.state[parameter]["momentum_buffer"]
        tensors["done"] = torch.tensor(self.done)
        draft = path.with_suffix(".draft")
        safetensors.torch.save_file({n: t.contiguous() for n, t in tensors.items()}, draft)
        os.replace(draft, path)

    def resume(self, path: Path) -> None:
        """Take up what `save` wrote in a run with the same settings."""
        tensors = safetensors.torch.load_file(path)
        self._net.load_state_dict(_under("net.", tensors))
        self._averaged.load_state_dict(_under("averaged.", tensors))
        for index, parameter in enumerate(self._parameters()):
            kept = torch.empty_like(parameter).copy_(tensors[f"momentum.{index}"])
            self._optimizer.state[parameter]["momentum_buffer"] = kept
        self.done = int(tensors["done"])

    def _parameters(self) -> list[Tensor]:
        return [p for group in self._optimizer.param_groups for p in group["params"]]


def _under(prefix: str, tensors: State) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def rate_at(progress: float, peak: float) -> float:
    """Learning rate after a share of a course: up to `peak` and down to 0 along cosines."""
    if progress < WARM_UP:
        return peak * (0.04 + 0.96 * (0.5 - 0.5 * math.cos(math.pi * progress / WARM_UP)))
    return peak * (0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def parameter_groups(net: nn.Module, config: FaceTrainingConfig) -> list[dict[str, object]]:
    """Weights with decay, biases and normalisations without."""
    parameters = list(net.parameters())
    return [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def soft_loss(net: FaceNet, crops: Tensor, soft: Tensor, bf16: bool) -> Tensor:
    """Cross-entropy against shares of the classes."""
    x = normalise(crops).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        _, logits = net(x)
    return functional.cross_entropy(logits.float(), soft)


def lessons_of(
    corpus: FerPlus, placement: Placement, teacher: FaceEncoder | None, share: float
) -> Lessons:
    """Targets of the training part: votes, mixed with a teacher's reading where there is one.

    Args:
        corpus: the faces.
        placement: where they lie.
        teacher: reads every face plain and mirrored; the mean of its logits counts.
        share: of the teacher in the target, [0, 1].
    """
    rows = corpus.rows("train", labelled=False)
    targets = corpus.soft.copy()
    if teacher is not None and share > 0:
        for part in np.array_split(rows, math.ceil(len(rows) / _CHUNK)):
            crops = np.stack([plain_crop(corpus.faces[i], placement.transforms[i]) for i in part])
            mirrored = np.ascontiguousarray(crops[:, :, ::-1])
            logits = (teacher.forward(crops)[1] + teacher.forward(mirrored)[1]) / 2
            said = torch.from_numpy(logits).softmax(1).numpy()
            targets[part] = (1 - share) * targets[part] + share * said
    return Lessons(corpus, placement, rows, targets)
