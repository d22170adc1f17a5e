"""The tokens that the fusion is trained and judged on, from the shipped encoders, cached.

The cache is keyed by the weights of an encoder, so that a retrained one is encoded anew.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..audio_encoder import StreamingAudioEncoder
from ..datasets.ferplus import PARTS, Part
from ..datasets.ravdess import Split
from ..face_encoder import FaceEncoder
from ..features import MODALITIES, Bool, Float32, Modality, TokenGrid
from ..manifest import read_manifest
from ..text_encoder import TextEncoder
from .audio_evaluate import verdict
from .audio_tokens import ClipWindows, DrawnWindows, audio_split, clip_windows, drawn_windows
from .banks import CLASSES, Bank, ClassIndex, Ints, ItemBank, Spread, WindowBank
from .face_tokens import FaceSource, FaceViews, ViewConfig, face_views, load_faces
from .text_phrases import Comments, comments

Progress = Callable[[str], None]
Record = TypeVar("Record", ClipWindows, DrawnWindows, FaceViews, Comments)

Floats = NDArray[np.float64]

EVALUATED: Final[tuple[Part, ...]] = ("valid", "test")
LEAST_SPEECH_SHARE: Final = 0.5
"""Share of the most speech in any window of a clip, from which a window counts as a fair sample."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is drawn from the data sets.

    Attributes:
        audio_windows: training windows drawn from RAVDESS.
        views: how a face is seen anew.
        spread: how a face or a comment fills a window.
    """

    audio_windows: int = 8_000
    views: ViewConfig = field(default_factory=ViewConfig)
    spread: Spread = field(default_factory=Spread)


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """Real samples of one modality, all bins as they come, for judging it alone.

    Attributes:
        name: the modality.
        tokens: (N, T, D) float32.
        mask: (N, T) bool.
        labels: (N,) int64.
        groups: (N,) int64; samples of one group get one verdict, weighted by `weight`.
        weight: (N,) float32.
        reference: (N, 7) float32, what the encoder's own head says.
        clusters: (N,) int64, such as the speaker, for intervals.
    """

    name: Modality
    tokens: Float32
    mask: Bool
    labels: Ints
    groups: Ints
    weight: Float32
    reference: Float32
    clusters: Ints

    @property
    def fit_rows(self) -> Ints:
        """Rows to fit a temperature to: those that hold enough of what is to be read."""
        most = np.zeros(int(self.groups.max()) + 1, dtype=np.float32)
        np.maximum.at(most, self.groups, self.weight)
        return np.flatnonzero(self.weight >= LEAST_SPEECH_SHARE * most[self.groups])

    def verdicts(self, probabilities: Float32) -> tuple[Float32, Ints, Ints]:
        """Group-wise distributions (G, 7), labels (G,) and clusters (G,)."""
        if len(np.unique(self.groups)) == len(self.groups):
            return probabilities, self.labels, self.clusters
        members = [np.flatnonzero(self.groups == g) for g in np.unique(self.groups)]
        rows = np.stack([verdict(probabilities[m], self.weight[m], "speech") for m in members])
        first = np.array([m[0] for m in members])
        return rows, self.labels[first], self.clusters[first]


@dataclass(frozen=True, slots=True, eq=False)
class FusionData:
    """Everything that a run needs.

    Attributes:
        banks: per part, what class-paired windows are drawn from.
        alone: per part but "train", real samples of each modality alone.
        encoders: SHA-256 of each encoder's weights.
        priors: per modality (7,) class shares of its train part.
    """

    banks: Mapping[Part, Mapping[Modality, Bank]]
    alone: Mapping[Part, Mapping[Modality, Alone]]
    encoders: Mapping[Modality, str]
    priors: Mapping[Modality, Floats]


def cached(path: Path, kind: type[Record], make: Callable[[], Record]) -> Record:
    """Read a record of arrays from `path`, or make it and write it there."""
    names = [f.name for f in dataclasses.fields(kind)]
    if path.exists():
        with np.load(path, allow_pickle=False) as store:
            return kind(**{name: store[name] for name in names})
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft.npz")
    np.savez(draft, **{name: getattr(made, name) for name in names})
    os.replace(draft, path)
    return made


def alone_audio(windows: ClipWindows) -> Alone:
    """RAVDESS windows; the windows of a clip share its verdict, weighted by their speech."""
    return Alone(
        "audio",
        windows.tokens,
        windows.mask,
        windows.labels,
        windows.clips,
        windows.speech_s + np.float32(1e-3),
        windows.probabilities,
        windows.actors,
    )


def alone_items(
    name: Modality, tokens: Float32, labels: Ints, reference: Float32, bins: int
) -> Alone:
    """Items (N, D) that fill every bin of their window."""
    count = len(labels)
    return Alone(
        name,
        np.broadcast_to(tokens[:, None], (count, bins, tokens.shape[1])),
        np.ones((count, bins), dtype=np.bool_),
        labels,
        np.arange(count),
        np.ones(count, dtype=np.float32),
        reference,
        np.arange(count),
    )


def alone_faces(faces: FaceViews, bins: int) -> Alone:
    """FER+ faces, the plain view in every bin."""
    return alone_items("face", faces.tokens[:, 0], faces.labels, faces.probabilities, bins)


def alone_comments(texts: Comments, bins: int) -> Alone:
    """GoEmotions comments as published, in every bin."""
    return alone_items("text", texts.tokens, texts.labels, texts.probabilities, bins)


def drawn_bank(drawn: DrawnWindows) -> WindowBank:
    """Augmented training windows."""
    return WindowBank(
        drawn.tokens, drawn.mask, ClassIndex(drawn.labels, "audio"), drawn.labels, drawn.actors
    )


def window_bank(windows: Alone) -> WindowBank:
    """Real windows that hold enough speech."""
    rows = windows.fit_rows
    labels, people = windows.labels[rows], windows.clusters[rows]
    index = ClassIndex(labels, windows.name)
    return WindowBank(windows.tokens[rows], windows.mask[rows], index, labels, people)


class Collector:
    """Encodes the data sets with the encoders of one weights folder.

    Args:
        root: the data folder.
        weights: holds `audio`, `face` and `text`.
        config: what is drawn.
        cache: folder for tokens.
        progress: told what happens.

    Raises:
        CheckpointError: an encoder is missing or damaged.
    """

    def __init__(
        self, root: Path, weights: Path, config: DataConfig, cache: Path, progress: Progress
    ) -> None:
        self._root = root
        self._weights = weights
        self._config = config
        self._cache = cache
        self._progress = progress
        self._grid = TokenGrid(bins=config.spread.bins)
        self._faces: FaceSource | None = None
        self.encoders: dict[Modality, str] = {
            name: read_manifest(weights / name).sha256 for name in MODALITIES
        }

    def collect(self) -> FusionData:
        """Encode or read back all parts.

        Raises:
            DatasetError: a data set is missing or malformed.
            CheckpointError: an encoder is damaged.
        """
        split = audio_split(self._root)
        drawn = self._drawn(split)
        clips = {"valid": self._clips("valid", split), "test": self._clips("test", split)}
        faces = {part: self._views(part) for part in PARTS}
        texts = {part: self._comments(part) for part in PARTS}
        for part in PARTS:
            self._progress(
                f"{part}: {len(faces[part].labels)} faces, {len(texts[part].labels)} texts"
            )
        audio = {part: alone_audio(windows) for part, windows in clips.items()}
        banks: dict[Part, dict[Modality, Bank]] = {
            part: {
                "audio": window_bank(audio[part]) if part in audio else drawn_bank(drawn),
                "face": self._items("face", faces[part].tokens, faces[part].labels),
                "text": self._items(
                    "text",
                    np.concatenate([texts[part].tokens, texts[part].spoken])[:, None],
                    np.tile(texts[part].labels, 2),
                ),
            }
            for part in PARTS
        }
        alone: dict[Part, dict[Modality, Alone]] = {
            part: {
                "audio": audio[part],
                "face": alone_faces(faces[part], self._grid.bins),
                "text": alone_comments(texts[part], self._grid.bins),
            }
            for part in EVALUATED
        }
        return FusionData(banks, alone, self.encoders, self._priors(split, faces, texts))

    def _items(self, name: str, views: Float32, labels: Ints) -> ItemBank:
        return ItemBank(views, ClassIndex(labels, name), self._config.spread)

    @staticmethod
    def _priors(
        split: Split, faces: Mapping[Part, FaceViews], texts: Mapping[Part, Comments]
    ) -> dict[Modality, Floats]:
        labels: dict[Modality, Ints] = {
            "audio": np.array([clip.label for clip in split.train], dtype=np.int64),
            "face": faces["train"].labels,
            "text": texts["train"].labels,
        }
        return {m: np.bincount(some, minlength=CLASSES) / len(some) for m, some in labels.items()}

    def _path(self, name: Modality, part: str, *facts: object) -> Path:
        text = " ".join(map(repr, (self.encoders[name], part, *facts)))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._cache / f"tokens-{name}-{part}-{digest}.npz"

    def _drawn(self, split: Split) -> DrawnWindows:
        count = self._config.audio_windows
        return cached(
            self._path("audio", "train", count, "actors"),
            DrawnWindows,
            lambda: drawn_windows(
                split.train, self._weights / "audio", count, self._cache, self._progress
            ),
        )

    def _clips(self, part: Part, split: Split) -> ClipWindows:
        clips = split.valid if part == "valid" else split.test
        return cached(
            self._path("audio", part),
            ClipWindows,
            lambda: clip_windows(
                clips, StreamingAudioEncoder.load(self._weights / "audio"), self._grid
            ),
        )

    def _views(self, part: Part) -> FaceViews:
        return cached(
            self._path("face", part, self._config.views),
            FaceViews,
            lambda: face_views(
                self._source(), part, FaceEncoder.load(self._weights / "face"), self._config.views
            ),
        )

    def _source(self) -> FaceSource:
        if self._faces is None:
            self._faces = load_faces(self._root, self._cache, self._progress)
        return self._faces

    def _comments(self, part: Part) -> Comments:
        return cached(
            self._path("text", part),
            Comments,
            lambda: comments(self._root, part, TextEncoder.load(self._weights / "text")),
        )
