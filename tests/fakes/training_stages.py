"""Small stages that really write checkpoints, for tests of the runner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from tacit.models.checkpoint import Manifest, save
from tacit.models.errors import ModelError
from tacit.pipeline.training.stage import Place, Progress, Stage


@dataclass(frozen=True, slots=True)
class Inner:
    """A nested section."""

    rate: float = 0.1
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class SmallConfig:
    """Settings of a small stage."""

    epochs: int = 2
    seed: int = 0
    inner: Inner = field(default_factory=lambda: Inner(rate=0.5))
    cache: str = ""

    def __post_init__(self) -> None:
        if self.epochs > 100:
            raise ModelError("epochs are 100 at most")


def small_stage(name: str, needs: tuple[str, ...] = (), fails: bool = False) -> Stage:
    """A stage whose checkpoint is a number drawn from its seed and what it needs."""

    def train(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
        torch.manual_seed(config.seed)
        weight = torch.rand(3) + len(needs)
        for epoch in range(1, config.epochs + 1):
            progress(f"epoch {epoch}/{config.epochs}: valid loss {1.0 / epoch:.3f}")
            if fails:
                raise ModelError(f"{name} diverged")
        manifest = Manifest(name, {}, [], "any", "none", config.seed, {"valid.accuracy": 0.5})
        return save(place.weights / name, {"weight": weight}, manifest).metrics

    return Stage(name, lambda: SmallConfig, train, needs, fixed=frozenset({"cache"}))
