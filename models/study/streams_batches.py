"""Batches of windows with gaps, as the networks of the study take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..features import Bool, Modality
from ..recovery.averaging import as_views
from ..recovery.condition import Condition, Past, Tensors
from .streams_tokens import Ints
from .streams_windows import (
    BIN_S,
    BINS,
    GAPS,
    NAMES,
    PAST,
    SPAN,
    Stream,
    Windows,
    cut,
    gap_mask,
)

Shown = tuple[dict[Modality, Tensor], dict[Modality, Tensor], dict[Modality, Tensor] | None]
"""What `Fusion.read` takes: tokens, mask and sources."""

FACE_SHARE: Final = 0.5
"""Share of training windows of people whose face is known, who are a quarter of all."""
WHOLE_SHARE: Final = 0.2
"""Share of training windows in which nothing is lost."""
FIELDS: Final = len(NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows with their truth; standardised tokens.

    Attributes:
        tokens: per modality (B, SPAN, D), the past first, also where lost.
        measured: per modality (B, SPAN) bool, before the loss.
        lost: per modality (B, BINS) bool, within what was measured.
        labels: (B,) int64.
        people: (B,) int64.
    """

    tokens: dict[Modality, Tensor]
    measured: dict[Modality, Tensor]
    lost: dict[Modality, Tensor]
    labels: Tensor
    people: Ints

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def truth(self) -> dict[Modality, Tensor]:
        """Per modality (B, BINS, D), what was or would have been measured."""
        return {name: self.tokens[name][:, PAST:] for name in NAMES}

    @property
    def kept(self) -> dict[Modality, Tensor]:
        """Per modality (B, BINS) bool, what is left of the window."""
        return {name: self.measured[name][:, PAST:] & ~self.lost[name] for name in NAMES}

    def forgetting(self, share: float, generator: torch.Generator) -> "Batch":
        """A copy in which some windows have no past."""
        known = torch.rand(len(self), 1, generator=generator) >= share
        measured = {
            name: torch.cat([mask[:, :PAST] & known, mask[:, PAST:]], dim=1)
            for name, mask in self.measured.items()
        }
        return Batch(self.tokens, measured, self.lost, self.labels, self.people)

    def condition(self, past: bool = True) -> Condition:
        """What recovery is given."""
        return Condition.of(self.truth, self.kept, self.lost, self._past() if past else None)

    def whole(self, past: bool) -> Shown:
        """Nothing lost, for the teacher of a distillation and as an upper bound."""
        begin = 0 if past else PAST
        tokens = {name: self.tokens[name][:, begin:] for name in NAMES}
        return tokens, {name: self.measured[name][:, begin:] for name in NAMES}, None

    def dropped(self, past: bool) -> Shown:
        """What is lost is left out."""
        kept = self.kept
        shown = {name: _blank(self.truth[name], kept[name]) for name in NAMES}
        return (*self._behind(shown, kept, 1), None) if past else (shown, kept, None)

    def filled(self, recovered: Tensors, past: bool) -> Shown:
        """What is lost is filled with samples (B, K, BINS, D); rows are windows times samples."""
        views = as_views(recovered, self.condition(past=False))
        if not past:
            return views.z, views.mask, views.sources
        samples = len(next(iter(views.z.values()))) // len(self)
        z, mask = self._behind(views.z, views.mask, samples)
        before = torch.zeros(len(self) * samples, PAST, dtype=torch.int64)
        return z, mask, {m: torch.cat([before, views.sources[m]], dim=1) for m in NAMES}

    def _behind(
        self, shown: Tensors, mask: Tensors, samples: int
    ) -> tuple[dict[Modality, Tensor], dict[Modality, Tensor]]:
        """Put the past in front of windows."""
        tokens, measured = {}, {}
        for name in NAMES:
            before = self.measured[name][:, :PAST]
            earlier = _blank(self.tokens[name][:, :PAST], before)
            earlier = earlier.repeat_interleave(samples, dim=0)
            tokens[name] = torch.cat([earlier, shown[name]], dim=1)
            measured[name] = torch.cat(
                [before.repeat_interleave(samples, dim=0), mask[name]], dim=1
            )
        return tokens, measured

    def _past(self) -> Past:
        age_s = (SPAN - torch.arange(PAST) - 0.5) * BIN_S
        return Past(
            {name: self.tokens[name][:, :PAST] for name in NAMES},
            {name: self.measured[name][:, :PAST] for name in NAMES},
            {name: age_s.expand(len(self), PAST) for name in NAMES},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Mean and scale of training tokens, per modality (D,)."""

    mean: dict[Modality, Tensor]
    scale: dict[Modality, Tensor]

    @classmethod
    def of(cls, streams: Sequence[Stream]) -> "Standard":
        """Measure streams."""
        mean, scale = {}, {}
        for name in NAMES:
            rows = torch.from_numpy(
                np.concatenate([s.tokens[name][s.measured[name]] for s in streams])
            )
            mean[name], scale[name] = rows.mean(dim=0), rows.std(dim=0).clamp(min=1e-2)
        return cls(mean, scale)

    def apply(self, windows: Windows, lost: dict[Modality, Bool]) -> Batch:
        """Standardise windows and note what is lost."""
        measured = {name: torch.from_numpy(windows.measured[name]) for name in NAMES}
        tokens = {}
        for name in NAMES:
            z = (torch.from_numpy(windows.tokens[name]) - self.mean[name]) / self.scale[name]
            tokens[name] = _blank(z, measured[name])
        gone = {name: torch.from_numpy(lost[name]) & measured[name][:, PAST:] for name in NAMES}
        labels = torch.from_numpy(windows.labels)
        return Batch(tokens, measured, gone, labels, windows.people)


class Sampler:
    """Draws training batches: half of them of people whose face is known.

    Args:
        streams: of the training people.
        standard: of their tokens.
        rng: source of all choices.
    """

    def __init__(
        self, streams: Sequence[Stream], standard: Standard, rng: np.random.Generator
    ) -> None:
        self._streams = streams
        self._standard = standard
        self._rng = rng

    def draw(self, size: int) -> Batch:
        """A batch from one of the streams, with random gaps."""
        rng = self._rng
        stream = self._streams[rng.integers(len(self._streams))]
        faced = stream.measured["face"][stream.begin]
        rows = np.concatenate(
            [
                rng.choice(np.flatnonzero(faced), round(FACE_SHARE * size)),
                rng.choice(np.flatnonzero(~faced), size - round(FACE_SHARE * size)),
            ]
        )
        windows = cut(stream, rows, rng)
        sizes = rng.choice(np.array(GAPS), size)
        sizes[rng.random(size) < WHOLE_SHARE] = 0
        gaps = gap_mask(sizes, rng)
        of_face = (faced[rows] & (rng.random(size) < 1.0 / FIELDS))[:, None]
        return self._standard.apply(windows, {"audio": gaps & ~of_face, "face": gaps & of_face})


def judged(
    stream: Stream, standard: Standard, lost: Modality, gap: int, rng: np.random.Generator
) -> Batch:
    """One window of every take that has the modality, with a gap of one length in it."""
    rows = np.flatnonzero(stream.measured[lost][stream.begin])
    windows = cut(stream, rows, rng)
    gaps = gap_mask(np.full(len(rows), gap, dtype=np.int64), rng)
    none = np.zeros((len(rows), BINS), np.bool_)
    return standard.apply(windows, {name: gaps if name == lost else none for name in NAMES})


def _blank(tokens: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask.unsqueeze(-1), tokens, 0.0)
