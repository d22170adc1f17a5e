"""Class-paired windows with gaps and a past, to train and judge the recovery.

Like `pairing`, this makes windows up: voice, face and words come from three unrelated sets, share
their class most of the time and never belonged to one moment. The past is another window of the
same speaker, the same face seen anew or another one of its class, or another comment. How long an
expression lasts is *chosen*, since no set here says: the chance that the past shows the same class
falls off with its age.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..calibration import PATTERNS
from ..features import MODALITIES, Bool, Float32, Modality
from ..fusion import Fusion
from ..labels import INDEX
from ..recovery.condition import Condition, Past
from ..recovery.plan import GAPS
from .banks import CLASSES, Ints, Person
from .pairing import Pairer, damage


@dataclass(frozen=True, slots=True)
class GapConfig:
    """What is lost, and what is known of it; rates are chances per sample or modality.

    Attributes:
        expected: a modality that is not measured has a sensor, so that it may be recovered; the
            others never existed.
        past: a lost modality was measured before.
        youngest_s: least age of the newest past token.
        oldest_s: past tokens older than this are not kept.
        persistence_s: the chance that the past shows the same class is exp(-age / persistence).
        partial: a run of a measured modality's bins is to be filled.
        degraded: a measured modality is noisy.
        noise: standard deviation of that noise at the highest level, in standardised units.
        tokens: P, past tokens per modality.
        bin_s: length of a bin.
    """

    expected: float = 0.85
    past: float = 0.75
    youngest_s: float = 0.5
    oldest_s: float = 10.0
    persistence_s: float = 8.0
    partial: float = 0.15
    degraded: float = 0.2
    noise: float = 1.0
    tokens: int = 8
    bin_s: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """A batch of windows with gaps.

    Attributes:
        condition: what is known, standardised.
        truth: per modality (N, T, D) standardised, what is there where `complete`.
        complete: per modality (N, T) bool.
        labels: (N,) int64, the label of the window.
        own: (N, 3) int64, the class that each modality shows.
    """

    condition: Condition
    truth: Mapping[Modality, Tensor]
    complete: Mapping[Modality, Tensor]
    labels: Tensor
    own: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Lost:
    """What is lost of one modality.

    Attributes:
        measured: (N, T) bool.
        wanted: (N, T) bool.
        age_s: (N,) age of the newest past token; infinite without a past.
    """

    measured: Bool
    wanted: Bool
    age_s: NDArray[np.float64]


class GapPairer:
    """Draws class-paired windows with gaps.

    Args:
        pairer: over the banks of one part.
        fusion: gives the space of the tokens.
        config: rates.
    """

    def __init__(self, pairer: Pairer, fusion: Fusion, config: GapConfig) -> None:
        self._pairer = pairer
        self._fusion = fusion
        self._config = config

    def draw(self, count: int, rng: np.random.Generator, gap: str | None = None) -> Gaps:
        """Draw windows.

        Args:
            count: N.
            rng: source of everything random.
            gap: a name of `plan.GAPS` for what is measured in all of them, whole and undamaged, and
                what is lost; None draws what is measured and lost for each, and damages it.
        """
        pairer, bins = self._pairer, self._pairer.bins
        present, expected = self._statuses(count, rng, gap)
        labels = rng.choice(CLASSES, size=count, p=pairer.prior)
        own = pairer.shown(labels, np.ones_like(present), rng)
        early = pairer.early(count, rng) if gap is None else np.ones((count, bins), np.bool_)
        age_s = self._ages(count, rng)
        parts: dict[Modality, tuple[Person, _Lost]] = {}
        for column, name in enumerate(MODALITIES):
            stays = rng.random(count) < np.exp(-age_s / self._config.persistence_s)
            earlier = np.where(stays, own[:, column], self._other(own[:, column], rng))
            person = pairer.banks[name].draw_person(own[:, column], earlier, rng)
            known = rng.random(count) < self._config.past
            known &= expected[:, column] & ~present[:, column]
            measured, fill = self._damage(person, present[:, column], early, rng, gap is None)
            fill |= expected[:, column] & ~present[:, column]
            # What nobody measured can only be learned where the set holds it.
            wanted = person.complete & early & ~measured & fill[:, None]
            parts[name] = person, _Lost(measured, wanted, np.where(known, age_s, np.inf))
        return self._gather(parts, labels, own, rng, noisy=gap is None)

    def _statuses(self, count: int, rng: np.random.Generator, gap: str | None) -> tuple[Bool, Bool]:
        """(N, 3) which modalities are there, and which of the others have a sensor."""
        if gap is not None:
            rows = [np.array([m in part for m in MODALITIES]) for part in GAPS[gap]]
            return np.tile(rows[0], (count, 1)), np.tile(rows[1], (count, 1))
        patterns = np.array([[m in p for m in MODALITIES] for p in PATTERNS.values()])
        present = patterns[rng.integers(len(patterns), size=count)]
        return present, ~present & (rng.random(present.shape) < self._config.expected)

    def _ages(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(N,) age of the newest past token, s, log-uniform."""
        low, high = np.log(self._config.youngest_s), np.log(self._config.oldest_s)
        return np.asarray(np.exp(rng.uniform(low, high, size=count)), dtype=np.float64)

    @staticmethod
    def _other(labels: Ints, rng: np.random.Generator) -> Ints:
        """Another class, half of the time neutral."""
        other = (labels + rng.integers(1, CLASSES, size=len(labels))) % CLASSES
        return np.where(rng.random(len(labels)) < 0.5, INDEX["neutral"], other)

    def _damage(
        self,
        person: Person,
        present: Bool,
        early: Bool,
        rng: np.random.Generator,
        damaged: bool,
    ) -> tuple[Bool, Bool]:
        """What is measured (N, T), and whose holes are to be filled (N,)."""
        there = person.mask & early
        there = np.where(there.any(axis=1)[:, None], there, person.mask)
        fill = present & damaged & (rng.random(len(present)) < self._config.partial)
        if damaged:
            there = damage(there, self._pairer.config, rng)
        return there & present[:, None], fill

    def _gather(
        self,
        parts: Mapping[Modality, tuple[Person, _Lost]],
        labels: Ints,
        own: Ints,
        rng: np.random.Generator,
        *,
        noisy: bool,
    ) -> Gaps:
        config = self._config
        measured: dict[Modality, Tensor] = {}
        wanted: dict[Modality, Tensor] = {}
        complete: dict[Modality, Tensor] = {}
        tokens: dict[Modality, Tensor] = {}
        pasts: dict[Modality, tuple[Tensor, Tensor, Tensor]] = {}
        for name, (person, lost) in parts.items():
            measured[name] = torch.from_numpy(lost.measured)
            wanted[name] = torch.from_numpy(lost.wanted)
            complete[name] = torch.from_numpy(person.complete)
            tokens[name] = _tensor(person.tokens)
            pasts[name] = self._past(person, lost)
        truth = self._fusion.standardise(tokens, complete)
        past = Past(
            {m: self._fusion.standardise_one(m, p[0], p[1]) for m, p in pasts.items()},
            {m: p[1] for m, p in pasts.items()},
            {m: p[2] for m, p in pasts.items()},
        )
        values, degradation = dict(truth), {}
        for name in MODALITIES:
            hit = (rng.random(len(labels)) < config.degraded) & noisy
            level = torch.from_numpy((rng.uniform(size=len(labels)) * hit).astype(np.float32))
            shake = torch.from_numpy(rng.standard_normal(truth[name].shape, dtype=np.float32))
            values[name] = truth[name] + config.noise * level[:, None, None] * shake
            degradation[name] = level
        condition = Condition.of(values, measured, wanted, past, degradation)
        return Gaps(condition, truth, complete, torch.from_numpy(labels), torch.from_numpy(own))

    def _past(self, person: Person, lost: _Lost) -> tuple[Tensor, Tensor, Tensor]:
        """Newest P tokens (N, P, D) from before the gap, mask and age in s, newest first."""
        config, bins = self._config, self._pairer.bins
        window_s = bins * config.bin_s
        # The earlier window ends where the present one begins, or longer ago if the gap is longer.
        finite = np.where(np.isfinite(lost.age_s), lost.age_s, 0.0)
        apart_s = np.maximum(0.0, finite - window_s)
        place = np.arange(2 * bins)
        age_s = (2 * bins - 0.5 - place) * config.bin_s + np.where(
            place < bins, apart_s[:, None], 0.0
        )
        line = np.concatenate([person.before, person.tokens], axis=1)
        known = np.concatenate([person.before_mask, person.mask], axis=1)
        known &= (age_s >= lost.age_s[:, None]) & (age_s <= config.oldest_s)
        order = np.argsort(np.where(known, age_s, np.inf), axis=1, kind="stable")
        newest = order[:, : config.tokens]
        mask = np.take_along_axis(known, newest, axis=1)
        values = np.take_along_axis(line, newest[:, :, None], axis=1)
        ages = np.take_along_axis(age_s, newest, axis=1).astype(np.float32)
        return (
            _tensor(np.where(mask[:, :, None], values, 0.0)),
            torch.from_numpy(mask),
            torch.from_numpy(np.where(mask, ages, 0.0).astype(np.float32)),
        )


def _tensor(values: Float32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
