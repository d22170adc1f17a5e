"""The data sets of the comparison behind one loader: fixed splits, checksums, stated leaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets import goemotions, iemocap, meld, mmsa, mosi
from ..datasets.checksums import verify
from ..datasets.labelled_text import LabelledText
from ..datasets.sequences import Part, Sequences, group_indices
from ..errors import DatasetError, ModelError
from ..features import Modality
from ..labels import EMOTIONS
from ..study.cells import Job
from ..study.tasks import Tasks, as_samples
from ..study.workbench import Task
from ..text_encoder import TextEncoder
from ..zoo.flows import FlowPlan
from ..zoo.interface import FitConfig
from ..zoo.samples import Samples
from .digests import GOEMOTIONS, MELD, MOSI_CLEAN, MOSI_GIVEN, RAVDESS

Ints = NDArray[np.integer[Any]]
Metric = Literal["accuracy", "uar", "weighted_f1"]

ALL_LABELS: Final = 1.0


@dataclass(frozen=True, slots=True)
class DataSet:
    """What is known of a data set before it is read.

    Attributes:
        title: for headings.
        modalities: it has, in the order of `MODALITIES`.
        metric: the one that tests and the main table use.
        classes: C.
        folds: of a seed; all are run.
        clusters: what intervals resample.
        source: what --root must be.
        note: licence, leak or configuration, printed beside every table.
        digests: of its files, relative to the data folder; empty for a user's own files.
        timed: samples are sequences of frames.
    """

    title: str
    modalities: tuple[Modality, ...]
    metric: Metric
    classes: int
    folds: int
    clusters: str
    source: str
    note: str
    digests: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False


FOLDER: Final = "the data folder"
TRIPLE: Final[tuple[Modality, ...]] = ("audio", "face", "text")

SETS: Final[Mapping[str, DataSet]] = {
    "mosi": DataSet(
        "CMU-MOSI, clean: transcripts through Tacit's text encoder, and audio",
        ("audio", "text"), "accuracy", mosi.CLASSES, 1, "videos", FOLDER,
        "Published train and test videos; 12 train videos, drawn for each seed, validate.",
        MOSI_CLEAN,
    ),
    "mosi_given": DataSet(
        "CMU-MOSI, given features: text, audio and video",
        TRIPLE, "accuracy", mosi.CLASSES, 1, "videos", FOLDER,
        f"LEAK: {mosi.LEAK}; a validation part cut from train is contaminated. Only beside the "
        "clean table.",
        MOSI_GIVEN,
    ),
    "ravdess": DataSet(
        "RAVDESS audio + face, normalised per speaker",
        ("audio", "face"), "uar", len(EMOTIONS), 5, "speakers", FOLDER,
        "20 actors in 5 speaker-disjoint folds. Each speaker's features are normalised by all of "
        "that speaker's clips, without labels (transductive). CC BY-NC-SA 4.0.",
        RAVDESS,
    ),
    "ravdess_raw": DataSet(
        "RAVDESS audio + face, raw",
        ("audio", "face"), "uar", len(EMOTIONS), 5, "speakers", FOLDER,
        "20 actors in 5 speaker-disjoint folds. CC BY-NC-SA 4.0.",
        RAVDESS,
    ),
    "meld": DataSet(
        "MELD, text",
        ("text",), "weighted_f1", len(EMOTIONS), 1, "utterances", FOLDER,
        "Published parts; train and validation utterances that the encoder cannot tell from one of "
        "a later part are left out. Text alone, through Tacit's text encoder.",
        MELD,
    ),
    "goemotions": DataSet(
        "GoEmotions, text",
        ("text",), "weighted_f1", len(EMOTIONS), 1, "comments", FOLDER,
        "Published parts, comments with exactly one of seven labels. LEAK by design: Tacit's text "
        "encoder was trained on the same train part.",
        GOEMOTIONS,
    ),
    "mmsa": DataSet(
        "MMSA aligned_50 (CMU-MOSI or CMU-MOSEI)",
        TRIPLE, "accuracy", mmsa.CLASSES, 1, "videos", "an aligned_50.pkl file",
        "Your own file; negative against positive, labels of exactly 0 left out.",
        timed=True,
    ),
    "iemocap": DataSet(
        "IEMOCAP, MMIN's features",
        TRIPLE, "uar", iemocap.CLASSES, iemocap.FOLDS, "speakers",
        "a folder with A, V, L and target", "Your own files; the folds that come with them.",
        timed=True,
    ),
}  # fmt: skip


def set_of(name: str) -> DataSet:
    """What is known of a data set.

    Raises:
        ModelError: unknown.
    """
    if name not in SETS:
        raise ModelError(f"no data set {name!r}; known: {', '.join(SETS)}")
    return SETS[name]


@dataclass(frozen=True, slots=True)
class Profile:
    """How long models are trained.

    Attributes:
        epochs: passes over the training rows.
        tune_epochs: further ones of what is tuned.
        plan: of the flows of ours.
        folds: at most so many of each seed.
        hides: missing rate that models are trained for; None trains one model for all rates.
    """

    epochs: int = 30
    tune_epochs: int = 8
    plan: FlowPlan = field(default_factory=FlowPlan)
    folds: int | None = None
    hides: float | None = None

    def config(self, known: FitConfig, modalities: int) -> FitConfig:
        """Settings of all models."""
        keep_all, keep_one = shares_for(self.hides, modalities, known.keep_all)
        return replace(
            known,
            epochs=self.epochs,
            tune_epochs=self.tune_epochs,
            keep_all=keep_all,
            keep_one=keep_one,
        )


PROFILES: Final[Mapping[str, Profile]] = {
    "full": Profile(),
    "quick": Profile(8, 3, FlowPlan(teacher_epochs=8, student_epochs=2), folds=1),
}


def profile_of(name: str) -> Profile:
    """A profile by name.

    Raises:
        ModelError: unknown.
    """
    if name not in PROFILES:
        raise ModelError(f"no profile {name!r}; known: {', '.join(PROFILES)}")
    return PROFILES[name]


def shares_for(rate: float | None, modalities: int, keep_all: float) -> tuple[float, float]:
    """Shares of training samples that keep everything, and just one modality, for a missing rate.

    A sample that loses some loses 1 to M - 1 of M, each number alike often: M / 2 on average. Up to
    a rate of .5 the share of complete samples sets it; beyond, more samples keep one alone. What
    loses everything teaches nothing, so the rate ends at (M - 1) / M.

    Args:
        rate: in [0, 1), or None for the default mix.
        modalities: M.
        keep_all: the default.
    """
    if rate is None:
        return keep_all, 0.0
    if rate <= 0.5 or modalities <= 2:
        return max(0.0, 1.0 - 2.0 * rate), 0.0
    extra = (rate - 0.5) * modalities / (modalities / 2.0 - 1.0)
    return 0.0, min(1.0, extra)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set is and how it is taken.

    Attributes:
        root: the data folder, or the user's own file or folder.
        cache: for audio statistics.
        sha256: demanded of a user's own file.
        unchecked: takes files with other digests than the published ones.
    """

    root: Path
    cache: Path
    sha256: str | None = None
    unchecked: bool = False


class Loader:
    """Gives the task of each job of one data set.

    Args:
        name: of the set.
        source: where it is.
        profile: how models are trained.

    Raises:
        ModelError: an unknown name.
        DatasetError: a folder or file is missing, or is another one.
    """

    def __init__(self, name: str, source: Source, profile: Profile) -> None:
        self.known = set_of(name)
        self._name, self._source, self._profile = name, source, profile
        if not source.root.exists():
            raise DatasetError(
                f"{source.root}: not there; --root must be {self.known.source} for {name}"
            )
        if self.known.digests and not source.unchecked:
            verify(source.root, self.known.digests)
        self._tasks = Tasks(source.root, source.cache)
        self._parts: dict[int, Task] = {}

    @property
    def folds(self) -> int:
        """Folds per seed that are run."""
        return min(self.known.folds, self._profile.folds or self.known.folds)

    def task(self, job: Job) -> Task:
        """Data and settings of a job.

        Raises:
            DatasetError: data are missing or malformed.
        """
        if self._name in {"mosi", "mosi_given", "ravdess", "ravdess_raw"}:
            task = self._tasks.task(Job(self._name, ALL_LABELS, job.seed, job.fold))
        else:
            task = self._published(job.fold)
        config = self._profile.config(
            replace(task.config, seed=job.seed, classes=self.known.classes),
            len(self.known.modalities),
        )
        return replace(task, config=config, plan=self._profile.plan)

    def _published(self, fold: int) -> Task:
        """Sets whose parts, validation too, are given; the same for every seed."""
        if fold not in self._parts:
            self._parts[fold] = OWN[self._name](self._source, fold)
        return self._parts[fold]


def from_sequences(parts: Mapping[Part, Sequences]) -> Task:
    """Given parts as a task."""
    groups = group_indices(parts)
    made = {
        key: Samples(part.values, part.mask, part.labels, groups[key])
        for key, part in parts.items()
    }
    return Task(made["train"], made["valid"], made["test"], FitConfig())


def from_texts(read: Callable[[Path, Part], LabelledText]) -> Callable[[Source, int], Task]:
    """Labelled texts as a task: sentences with one label, encoded."""

    def load(source: Source, fold: int) -> Task:
        encode = TextEncoder.load().encode_batch
        made: dict[Part, Samples] = {}
        seen: set[bytes] = set()
        later = 0
        # From the test part back: what recurs in a later part is left out of the earlier ones.
        parts: tuple[Part, ...] = ("test", "valid", "train")
        for part in parts:
            texts = read(source.root, part)
            single = np.flatnonzero(texts.targets.sum(axis=1) == 1.0)
            vectors = encode([texts.texts[row] for row in single])
            marks = [vector.tobytes() for vector in vectors]
            kept = [row for row, mark in enumerate(marks) if part == "test" or mark not in seen]
            seen.update(marks)
            groups = np.arange(later, later + len(kept), dtype=np.int64)
            later += len(kept)
            labels = texts.targets[single[kept]].argmax(axis=1).astype(np.int64)
            made[part] = as_samples({"text": vectors[kept]}, labels, groups)
        return Task(made["train"], made["valid"], made["test"], FitConfig())

    return load


OWN: Final[Mapping[str, Callable[[Source, int], Task]]] = {
    "meld": from_texts(meld.load),
    "goemotions": from_texts(goemotions.load),
    "mmsa": lambda source, fold: from_sequences(mmsa.load(source.root, source.sha256)),
    "iemocap": lambda source, fold: from_sequences(iemocap.load(source.root, fold + 1)),
}
"""Sets that `study.tasks` does not know."""
