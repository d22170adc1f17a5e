"""What each sensor last measured, for the time when it fails.

The recognizer remembers nothing: a window takes along the last tokens of what is lost in it, so
that a recognizer that is started anew gives the same readings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..models.features import Bool, FeatureWindow, Float32, Modality, PastTokens
from ..stream.packet import NS_PER_S

TOKENS: Final = 8
"""Most tokens per modality that a window takes along: two seconds."""

OLDEST_NS: Final = 10 * NS_PER_S
"""Older tokens say nothing about now."""


@dataclass(slots=True, eq=False)
class PastMemory:
    """The last measured bins of each modality of one participant.

    Attributes:
        bin_ns: length of a bin.
        reach_ns: how far before the newest window a window may still be asked for.
    """

    bin_ns: int
    reach_ns: int
    _bins: dict[Modality, dict[int, Float32]] = field(default_factory=dict)

    def keep(self, window: FeatureWindow) -> None:
        """Remember the measured bins of a window; a bin given again is replaced."""
        end = window.t1_ns // self.bin_ns
        for modality, mask in window.mask.items():
            kept = self._bins.setdefault(modality, {})
            first = end - len(mask)
            for k in np.flatnonzero(mask):
                kept[first + int(k)] = window.values[modality][k]
            oldest = (window.t1_ns - OLDEST_NS - self.reach_ns) // self.bin_ns
            for index in [i for i in kept if i < oldest]:
                del kept[index]

    def forget(self, modality: Modality, t0_ns: int, t1_ns: int) -> None:
        """Take back the bins that touch [t0_ns, t1_ns), which turned out to be faulty."""
        kept = self._bins.get(modality, {})
        for index in range(t0_ns // self.bin_ns, -(-t1_ns // self.bin_ns)):
            kept.pop(index, None)

    def before(self, modality: Modality, t1_ns: int) -> PastTokens | None:
        """The last bins that ended by `t1_ns`, newest first; None when there are none."""
        kept = self._bins.get(modality, {})
        ages_ns = {i: t1_ns - i * self.bin_ns - self.bin_ns // 2 for i in kept}
        fit = sorted((i for i, age in ages_ns.items() if 0 < age <= OLDEST_NS), reverse=True)
        if not fit:
            return None
        newest = fit[:TOKENS]
        return PastTokens(
            np.stack([kept[i] for i in newest]),
            np.array([ages_ns[i] / NS_PER_S for i in newest], dtype=np.float32),
        )


def masked(mask: Mapping[Modality, Bool], kept: frozenset[Modality]) -> dict[Modality, Bool]:
    """Masks of which only some modalities are left."""
    return {m: k if m in kept else np.zeros_like(k) for m, k in mask.items()}
