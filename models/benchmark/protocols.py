"""The protocols of the comparison: what is taken from each test sample, and how much.

Whole modalities: fixed subsets, random missing at an exact rate (the same masks as the study's, see
`study.protocol`), and imbalanced rates. Within a sample: frames, blocks, and noise at a stated
ratio. Masks are drawn per sample from a stated seed, stored beside the results, and their realised
rates are asserted. Two modalities cannot lose more than half of their slots while each sample keeps
one; beyond that some samples lose both and are answered by the class prior of the training labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final, Literal, get_args

import numpy as np

from ..calibration import pattern_name
from ..degradations.tokens import block_drop, frame_drop, imbalanced_missing, token_noise
from ..errors import ModelError
from ..features import Bool, Modality
from ..study.protocol import RATES, TOLERANCE, keep_mask
from ..zoo.samples import Samples

Protocol = Literal["fixed", "random", "imbalanced", "frames", "blocks", "noise"]

PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
ALL_RATES: Final = (0.0, *RATES)
IMBALANCE: Final = (0.3, 0.5, 0.7)
SHARES: Final = (0.3, 0.6, 0.9)
"""Of frames or of a block's length."""
RATIOS_DB: Final = (20.0, 10.0, 5.0, 0.0, -5.0)
DRAWS: Final = 5
"""Masks per job and condition; readings do not depend on them, so more cost nothing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One column of a table.

    Attributes:
        protocol: which.
        name: such as "audio+text", "0.5" or "10 dB".
        kept: modalities that all samples keep, of "fixed".
        rates: of each modality, of "imbalanced"; one for all, of "random".
        level: share of frames, or ratio in dB.
    """

    protocol: Protocol
    name: str
    kept: tuple[Modality, ...] = ()
    rates: tuple[float, ...] = ()
    level: float = 0.0

    @property
    def key(self) -> str:
        """Unique within a data set."""
        return f"{self.protocol} {self.name}"

    @property
    def damages(self) -> bool:
        """Whether samples are changed, and must be read anew."""
        return self.protocol in {"frames", "blocks", "noise"}


def protocols_of(word: str, bins: int, modalities: int = 2) -> tuple[Protocol, ...]:
    """The protocols of a word: one of them, several after commas, or all that fit the data.

    Args:
        word: "all" or names.
        bins: T of the data; frames and blocks need several.
        modalities: M of the data; imbalanced rates need several.

    Raises:
        ModelError: an unknown name, or one that does not fit.
    """
    known: dict[Protocol, bool] = {
        name: (bins > 1 or name not in {"frames", "blocks"})
        and (modalities > 1 or name != "imbalanced")
        for name in PROTOCOLS
    }
    if word == "all":
        return tuple(name for name, fits in known.items() if fits)
    found: list[Protocol] = []
    for part in word.split(","):
        name = next((p for p in PROTOCOLS if p == part.strip()), None)
        if name is None:
            raise ModelError(f"no protocol {part.strip()!r}; known: all, {', '.join(PROTOCOLS)}")
        if not known[name]:
            raise ModelError(
                f"protocol {name!r} does not fit data of {modalities} modalities with {bins} frames"
            )
        found.append(name)
    return tuple(dict.fromkeys(found))


def settings_of(names: Sequence[Modality], bins: int) -> tuple[Setting, ...]:
    """All columns that data of these modalities and frames can have."""
    found = []
    for bits in range(1, 2 ** len(names)):
        kept = tuple(name for place, name in enumerate(names) if bits >> place & 1)
        found.append(Setting("fixed", pattern_name(kept), kept=kept))
    found += [Setting("random", f"{rate:.1f}", rates=(rate,)) for rate in ALL_RATES]
    for rates in imbalances(len(names)):
        title = " ".join(f"{n} {r:.1f}" for n, r in zip(names, rates, strict=True))
        found.append(Setting("imbalanced", title, rates=rates))
    if bins > 1:
        for share in SHARES:
            found.append(Setting("frames", f"{share:.1f}", level=share))
            found.append(Setting("blocks", f"{share:.1f}", level=share))
    found += [Setting("noise", f"{ratio:g} dB", level=ratio) for ratio in RATIOS_DB]
    return tuple(found)


def imbalances(modalities: int) -> list[tuple[float, ...]]:
    """Rates out of .3, .5 and .7 in any order that leave each sample something."""
    if modalities < 2:
        return []
    listed = permutations(IMBALANCE, modalities)
    return [rates for rates in listed if sum(rates) <= modalities - 1 + 1e-9]


def masks_of(names: Sequence[Modality], samples: int, bins: int, seed: int) -> dict[str, Bool]:
    """Masks of all conditions that take whole modalities at a rate.

    Args:
        names: M modalities.
        samples: N.
        bins: T.
        seed: of the job.

    Returns:
        by `Setting.key` (DRAWS, N, M) bool, True where kept.
    """
    found = {}
    for setting in settings_of(names, bins):
        if setting.protocol == "random":
            drawn = [
                keep_mask(names, samples, setting.rates[0], seed * DRAWS + turn)
                for turn in range(DRAWS)
            ]
        elif setting.protocol == "imbalanced":
            drawn = [imbalanced(samples, setting.rates, (seed, turn)) for turn in range(DRAWS)]
        else:
            continue
        found[setting.key] = np.stack(drawn)
    return found


def imbalanced(samples: int, rates: tuple[float, ...], seed: tuple[int, int]) -> Bool:
    """One mask (N, M) with a rate for each modality, asserted."""
    rng = np.random.default_rng([*seed, 91])
    kept = imbalanced_missing(samples, rates, rng)
    off = np.abs((~kept).mean(axis=0) - np.asarray(rates)).max()
    assert off <= max(TOLERANCE, 0.5 / samples), f"realised rates are off by {off}"
    return kept


def damaged(batch: Samples, train: Samples, setting: Setting, seed: int) -> Samples:
    """Test samples with frames, a block or noise on them.

    Noise is added to standardised features, at the ratio of their power over the sample to that of
    the noise: features come in units that differ by orders of magnitude.

    Args:
        batch: complete.
        train: whose mean and spread standardise.
        setting: one that damages.
        seed: of the job.
    """
    rng = np.random.default_rng([seed, round(setting.level * 10) + 1000, len(setting.protocol)])
    values, mask = dict(batch.values), dict(batch.mask)
    for name in batch.names:
        if setting.protocol == "frames":
            mask[name] = frame_drop(mask[name], setting.level, rng)
        elif setting.protocol == "blocks":
            mask[name] = block_drop(mask[name], setting.level, rng)
        else:
            known = train.values[name][train.mask[name]]
            mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-3
            z = ((values[name] - mean) / spread).astype(np.float32)
            noisy = token_noise(z, mask[name], setting.level, rng)
            values[name] = (noisy * spread + mean).astype(np.float32)
    return Samples(values, mask, batch.labels, batch.groups)


def present_names(kept: Bool, names: Sequence[Modality]) -> list[str]:
    """Pattern name of each row of (N, M)."""
    return [
        pattern_name([name for name, there in zip(names, row, strict=True) if there])
        for row in kept
    ]


def realised(masks: Mapping[str, Bool]) -> dict[str, float]:
    """Share of empty slots of each condition, over its draws."""
    return {key: round(float((~kept).mean()), 5) for key, kept in masks.items()}
