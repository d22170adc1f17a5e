"""What is known about a batch of windows when something in them is to be recovered.

All tokens are in the space of the fusion: standardised, as `Fusion.standardise` gives them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..errors import ModelError
from ..features import MODALITIES, Modality

Tensors = Mapping[Modality, Tensor]
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Tokens of the same person from before the window's gap.

    Attributes:
        values: per modality (B, P, D) standardised; anything where `mask` is False.
        mask: per modality (B, P) bool.
        age_s: per modality (B, P) float32, seconds from a token's middle to the window's end.
    """

    values: Tensors
    mask: Tensors
    age_s: Tensors


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A batch of windows with gaps.

    Attributes:
        values: per modality (B, T, D) standardised; anything, NaN too, where not `measured`.
        measured: per modality (B, T) bool.
        wanted: per modality (B, T) bool, positions to fill; a position that is neither measured
            nor wanted does not exist.
        past: earlier tokens, or None.
        degradation: per modality (B,) float32, from 0 (clean) to 1 (useless).
        centre: per modality (B, T, D), what is expected where something is wanted; what is
            generated is the deviation from it. None is zero everywhere.
    """

    values: Tensors
    measured: Tensors
    wanted: Tensors
    past: Past | None
    degradation: Tensors
    centre: Tensors | None = None

    @classmethod
    def of(
        cls,
        values: Tensors,
        measured: Tensors,
        wanted: Tensors,
        past: Past | None = None,
        degradation: Tensors | None = None,
    ) -> Self:
        """Check and build; `degradation` left out means clean.

        Raises:
            ModelError: a position is both measured and wanted, or shapes disagree.
        """
        for name in values:
            if measured[name].shape != values[name].shape[:2] or (
                wanted[name].shape != measured[name].shape
            ):
                raise ModelError(
                    f"{name}: values {tuple(values[name].shape)}, measured "
                    f"{tuple(measured[name].shape)} and wanted {tuple(wanted[name].shape)} disagree"
                )
            if bool((measured[name] & wanted[name]).any()):
                raise ModelError(f"{name}: a position is both measured and wanted")
        if degradation is None:
            degradation = {
                name: torch.zeros(len(t), dtype=torch.float32, device=t.device)
                for name, t in values.items()
            }
        return cls(dict(values), dict(measured), dict(wanted), past, dict(degradation))

    @property
    def names(self) -> tuple[Modality, ...]:
        """Modalities, in the order of `MODALITIES`."""
        return tuple(name for name in MODALITIES if name in self.values)

    @property
    def batch(self) -> int:
        """B."""
        return len(self.values[self.names[0]])

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.values[self.names[0]].device

    def to(self, device: torch.device | str) -> "Condition":
        """A copy on another device."""
        return self._each(lambda t: t.to(device))

    def rows(self, index: Tensor | slice) -> "Condition":
        """Some of the windows."""
        return self._each(lambda t: t[index])

    def without_past(self, rows: Tensor | None = None) -> "Condition":
        """A copy whose windows, or those where `rows` (B,) bool is True, have no past."""
        if self.past is None:
            return self
        if rows is None:
            return replace(self, past=None)
        kept = {name: mask & ~rows[:, None] for name, mask in self.past.mask.items()}
        return replace(self, past=Past(self.past.values, kept, self.past.age_s))

    def around(self, centre: Tensors) -> "Condition":
        """A copy in which what is generated is the deviation from `centre`."""
        return replace(self, centre=dict(centre))

    def present(self) -> Tensors:
        """Per modality (B, T) bool: measured or wanted."""
        return {name: self.measured[name] | self.wanted[name] for name in self.names}

    def _each(self, change: Change) -> "Condition":
        past = self.past and Past(
            _mapped(self.past.values, change),
            _mapped(self.past.mask, change),
            _mapped(self.past.age_s, change),
        )
        return Condition(
            _mapped(self.values, change),
            _mapped(self.measured, change),
            _mapped(self.wanted, change),
            past,
            _mapped(self.degradation, change),
            self.centre and _mapped(self.centre, change),
        )


def joined(parts: Tensors, names: tuple[Modality, ...]) -> Tensor:
    """Per-modality (B, T, ...) as (B, M * T, ...), modality by modality."""
    return torch.cat([parts[name] for name in names], dim=1)


def split(joint: Tensor, names: tuple[Modality, ...], bins: int) -> dict[Modality, Tensor]:
    """(B, M * T, ...) as per-modality (B, T, ...); undoes `joined`."""
    return dict(zip(names, torch.split(joint, bins, dim=1), strict=True))


def _mapped(tensors: Tensors, change: Change) -> dict[Modality, Tensor]:
    return {name: change(t) for name, t in tensors.items()}
