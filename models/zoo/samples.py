"""Labelled windows of some modalities with a mask per sample: what every model of the zoo takes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..features import MODALITIES, Bool, Float32, Modality

Ints = NDArray[np.integer[Any]]

UNLABELLED: Final = -1
"""Label of a sample whose class a model must not know."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A batch or a whole part of a data set.

    Attributes:
        values: per modality (N, T, D) float32; anything where the mask is False.
        mask: per modality (N, T) bool, True where measured.
        labels: (N,) int64 class indices, `UNLABELLED` where unknown.
        groups: (N,) int64, the speaker or recording of each sample.
    """

    values: Mapping[Modality, Float32]
    mask: Mapping[Modality, Bool]
    labels: Ints
    groups: Ints

    def __post_init__(self) -> None:
        if not self.values or set(self.values) != set(self.mask):
            raise ModelError(f"values of {sorted(self.values)} but masks of {sorted(self.mask)}")
        for name, values in self.values.items():
            mask = self.mask[name]
            if values.ndim != 3 or mask.dtype != np.bool_ or mask.shape != values.shape[:2]:
                raise ModelError(
                    f"{name} values {values.shape} and mask {mask.dtype} {mask.shape}: "
                    "(N, T, D) and bool (N, T) wanted"
                )
            if len(values) != len(self.labels) or len(values) != len(self.groups):
                raise ModelError(
                    f"{len(values)} rows of {name}, {len(self.labels)} labels, "
                    f"{len(self.groups)} groups: one of each per sample wanted"
                )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> tuple[Modality, ...]:
        """Modalities, in the order of `MODALITIES`."""
        return tuple(name for name in MODALITIES if name in self.values)

    @property
    def dims(self) -> dict[Modality, int]:
        """D of each modality."""
        return {name: int(self.values[name].shape[2]) for name in self.names}

    @property
    def bins(self) -> int:
        """T, the same for all modalities."""
        return int(self.values[self.names[0]].shape[1])

    @property
    def labelled(self) -> Ints:
        """Rows with a known label."""
        return np.flatnonzero(self.labels != UNLABELLED)

    def rows(self, index: Ints) -> "Samples":
        """The chosen rows, in the order of `index`."""
        return Samples(
            {name: values[index] for name, values in self.values.items()},
            {name: mask[index] for name, mask in self.mask.items()},
            self.labels[index],
            self.groups[index],
        )

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """Parts with the same modalities, one after another."""
        names = parts[0].names
        return cls(
            {name: np.concatenate([p.values[name] for p in parts]) for name in names},
            {name: np.concatenate([p.mask[name] for p in parts]) for name in names},
            np.concatenate([p.labels for p in parts]),
            np.concatenate([p.groups for p in parts]),
        )

    def only(self, present: Collection[Modality]) -> "Samples":
        """The same samples with all other modalities masked."""
        mask = {
            name: mask if name in present else np.zeros_like(mask)
            for name, mask in self.mask.items()
        }
        return Samples(self.values, mask, self.labels, self.groups)

    def masked(self, present: Mapping[Modality, Bool]) -> "Samples":
        """The same samples with whole modalities masked where `present` (N,) is False."""
        mask = {name: mask & present[name][:, None] for name, mask in self.mask.items()}
        return Samples(self.values, mask, self.labels, self.groups)

    def unlabelled_but(self, known: Ints) -> "Samples":
        """The same samples with the labels of all rows but `known` hidden."""
        labels = np.full_like(self.labels, UNLABELLED)
        labels[known] = self.labels[known]
        return Samples(self.values, self.mask, labels, self.groups)
