"""Face tokens of FER+ faces, several views of each, made as the live system makes them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..datasets.ferplus import PARTS, FerPlus, Part, load_ferplus
from ..face_crop import Grey
from ..face_encoder import FaceEncoder
from ..features import Float32
from .banks import Ints
from .face_crops import (
    Jitter,
    Placement,
    jittered_crop,
    place_faces,
    plain_crop,
)

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """How a face is seen anew.

    Attributes:
        views: per face, the plain one first.
        jitter: of the crop.
        geometry_noise: spread of noise on the geometry, in units of its own spread. Web portraits
            say little about how a camera sits before its owner, so it must not be leaned on.
        seed: of the jitter.
    """

    views: int = 4
    jitter: Jitter = field(default_factory=Jitter)
    geometry_noise: float = 0.7
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class FaceViews:
    """Tokens of the faces of one part that have a majority label and that the mesh finds.

    Attributes:
        tokens: (N, K, D) float32.
        probabilities: (N, 7) float32, what the encoder's own head says to the plain view.
        labels: (N,) int64.
    """

    tokens: Float32
    probabilities: Float32
    labels: Ints


@dataclass(frozen=True, slots=True, eq=False)
class FaceSource:
    """FER+ with where each face lies and how it is shaped.

    Attributes:
        corpus: the faces.
        placement: for their crops.
        shape: (N, 8) float32 in the order of `face_crop.GEOMETRY`, NaN where not found.
    """

    corpus: FerPlus
    placement: Placement
    shape: Float32

    def rows(self, part: Part) -> Ints:
        """Rows of one part that have a majority label and that the mesh finds."""
        rows = self.corpus.rows(part, labelled=True)
        found = np.isfinite(self.shape[rows]).all(axis=1)
        return np.asarray(rows[found], dtype=np.int64)

    def crops(self, rows: Ints, jitter: Jitter | None, rng: np.random.Generator) -> Grey:
        """(M, 48, 48) uint8, plain or jittered."""
        return np.stack(
            [
                plain_crop(self.corpus.faces[i], self.placement.transforms[i])
                if jitter is None
                else jittered_crop(self.corpus.faces[i], self.placement.transforms[i], rng, jitter)
                for i in rows
            ]
        )


def load_faces(root: Path, cache: Path, progress: Progress) -> FaceSource:
    """Read FER+ and find its faces; minutes at first, then from the cache.

    Raises:
        DatasetError: FER+ is missing or damaged.
    """
    corpus = load_ferplus(root)
    placement = place_faces(corpus, cache, progress)
    return FaceSource(corpus, placement, placement.geometry)


def face_views(
    source: FaceSource, part: Part, encoder: FaceEncoder, config: ViewConfig
) -> FaceViews:
    """Encode the faces of one part, see `FaceViews`."""
    rows = source.rows(part)
    rng = np.random.default_rng([config.seed, PARTS.index(part)])
    shape = source.shape[rows]
    spread = shape.std(axis=0) * config.geometry_noise
    tokens, said = [], []
    for view in range(config.views):
        jitter = config.jitter if view else None
        encoded = [
            encoder.encode(source.crops(some, jitter, rng))
            for some in np.array_split(rows, math.ceil(len(rows) / 256))
        ]
        shake = rng.standard_normal(shape.shape) * spread * (view > 0)
        seen = np.concatenate([np.concatenate([e for e, _ in encoded]), shape + shake], axis=1)
        tokens.append(seen.astype(np.float32))
        said.append(np.concatenate([p for _, p in encoded]))
    return FaceViews(np.stack(tokens, axis=1), said[0], source.corpus.labels[rows])
