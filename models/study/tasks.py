"""The data of each job: which samples a method may see, with which labels."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..datasets import mosi, ravdess_pairs
from ..datasets.ravdess_pairs import Pairs
from ..errors import ModelError
from ..features import Float32, Modality
from ..labels import EMOTIONS
from ..text_encoder import TextEncoder
from ..zoo.interface import FitConfig
from ..zoo.samples import Samples
from .cells import Job
from .workbench import Task

Ints = NDArray[np.integer[Any]]

RAVDESS: Final = "ravdess"
RAVDESS_RAW: Final = "ravdess_raw"
MOSI: Final = "mosi"
MOSI_GIVEN: Final = "mosi_given"
INNER: Final = "inner"
"""After a study's name: settings are chosen on parts in which the test part has no place."""


def as_samples(values: dict[Modality, Float32], labels: Ints, groups: Ints) -> Samples:
    """Utterance vectors (N, D) as windows of one bin, all measured."""
    return Samples(
        {name: v[:, None, :] for name, v in values.items()},
        {name: np.ones((len(v), 1), dtype=np.bool_) for name, v in values.items()},
        labels,
        groups,
    )


class Tasks:
    """Makes the task of a job; data are read once.

    Args:
        root: the data folder.
        cache: folder for what can be computed again.
    """

    def __init__(self, root: Path, cache: Path) -> None:
        self._root = root
        self._cache = cache
        self._pairs: Pairs | None = None
        self._utterances: dict[tuple[str, mosi.Part], mosi.Utterances] = {}

    def task(self, job: Job) -> Task:
        """The task of a job.

        Raises:
            ModelError: no such study.
            DatasetError: data are missing or malformed.
        """
        study, _, part = job.study.partition("-")
        if study in {RAVDESS, RAVDESS_RAW}:
            return self._ravdess(job, study == RAVDESS, part == INNER)
        if study in {MOSI, MOSI_GIVEN}:
            return self._mosi(job, study, part == INNER)
        raise ModelError(
            f"no study {job.study!r}; known: {RAVDESS}, {RAVDESS_RAW}, {MOSI}, {MOSI_GIVEN}"
        )

    def _ravdess(self, job: Job, normalised: bool, inner: bool) -> Task:
        if self._pairs is None:
            self._pairs = ravdess_pairs.load(self._root, self._cache)
        pairs = self._pairs
        values = dict(pairs.values)
        if normalised:
            values = {
                name: ravdess_pairs.normalise_by_speaker(v, pairs.actors)
                for name, v in values.items()
            }
        every = as_samples(values, pairs.labels, pairs.actors)
        rows = ravdess_pairs.fold_rows(pairs.actors, job.fold, inner)
        train = every.rows(rows.train)
        if job.share < 1.0:
            index = np.arange(len(train))
            known = ravdess_pairs.labelled_share(train.labels, index, job.share, job.seed)
            train = train.unlabelled_but(known)
        config = FitConfig(classes=len(EMOTIONS), seed=job.seed)
        return Task(train, every.rows(rows.valid), every.rows(rows.test), config)

    def _mosi(self, job: Job, study: str, inner: bool) -> Task:
        """Validation videos are drawn anew for each seed; the inner test is drawn from train."""
        known = self._part(study, "train")
        held = mosi.valid_rows(known.videos, job.seed)
        train = as_samples(dict(known.values), known.labels, known.videos)
        rest = train.rows(np.flatnonzero(~held))
        valid = train.rows(np.flatnonzero(held))
        config = FitConfig(classes=mosi.CLASSES, seed=job.seed)
        if inner:
            judged = mosi.valid_rows(rest.groups, job.seed + 1)
            parts = rest.rows(np.flatnonzero(~judged)), rest.rows(np.flatnonzero(judged))
            return Task(parts[0], valid, parts[1], config)
        tested = self._part(study, "test")
        test = as_samples(dict(tested.values), tested.labels, tested.videos)
        return Task(rest, valid, test, config)

    def _part(self, study: str, part: mosi.Part) -> mosi.Utterances:
        if (study, part) not in self._utterances:
            embed = TextEncoder.load().encode_batch if study == MOSI else None
            self._utterances[study, part] = mosi.load(self._root, part, embed)
        return self._utterances[study, part]
