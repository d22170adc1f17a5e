"""What keeps a comparison honest: no shared samples, no sight of test labels, no neighbours.

Three checks run with every comparison; a fourth, `audit_choice`, tells of a model's code whether
anything in it depends on the labels of the test part, by fitting it twice.
"""

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import DatasetError, ModelError
from ..study.workbench import Build, Task, Workbench
from ..zoo.interface import Recogniser
from ..zoo.samples import UNLABELLED, Ints, Samples

PROBED: Final = 4
"""Samples that are read alone as well as in a batch."""
ALONE_TOLERANCE: Final = 2e-4


def fingerprints(samples: Samples) -> list[str]:
    """A hash of what is measured of each sample, over all modalities."""
    found = []
    for row in range(len(samples)):
        digest = hashlib.sha256()
        for name in samples.names:
            mask = samples.mask[name][row]
            digest.update(np.ascontiguousarray(samples.values[name][row][mask]).tobytes())
        found.append(digest.hexdigest())
    return found


def check_parts(task: Task) -> None:
    """Refuse parts that share a sample or a group.

    Raises:
        DatasetError: a speaker, video or sample is in two parts.
    """
    parts = {"train": task.train, "valid": task.valid, "test": task.test}
    pairs = (("train", "valid"), ("train", "test"), ("valid", "test"))
    for first, second in pairs:
        shared = np.intersect1d(parts[first].groups, parts[second].groups)
        if shared.size:
            raise DatasetError(
                f"group {int(shared[0])} is in the {first} part and in the {second} part: "
                "speakers or videos must not be shared"
            )
    prints = {name: fingerprints(samples) for name, samples in parts.items()}
    for first, second in pairs:
        known = {mark: row for row, mark in enumerate(prints[first])}
        for row, mark in enumerate(prints[second]):
            if mark in known:
                raise DatasetError(
                    f"sample {row} of the {second} part is sample {known[mark]} of the {first} "
                    "part: a leak"
                )


def sealed(task: Task) -> tuple[Task, Ints]:
    """The task with all labels of the test part hidden, and those labels for the judge."""
    hidden = Samples(
        task.test.values,
        task.test.mask,
        np.full_like(task.test.labels, UNLABELLED),
        np.zeros_like(task.test.groups),
    )
    return replace(task, test=hidden), task.test.labels


def check_alone(model: Recogniser, batch: Samples) -> None:
    """Refuse a model whose answer to a sample depends on other samples of the batch.

    Raises:
        ModelError: it does.
    """
    rows = np.linspace(0, len(batch) - 1, min(PROBED, len(batch))).astype(np.int64)
    for name in batch.names:
        view = batch.only({name})
        together = model.predict(view)[rows]
        for place, row in enumerate(rows):
            gap = np.abs(model.predict(view.rows(np.array([row])))[0] - together[place]).max()
            if not gap <= ALONE_TOLERANCE:
                raise ModelError(
                    f"{type(model).__name__}: the answer to sample {row} with {name} alone moves "
                    f"by {gap:.2g} when it is read without its neighbours"
                )


def audit_choice(build: Build, task: Task, rounds: int = 3) -> None:
    """Fit again with the test labels shuffled; nothing may change.

    This is how a choice by the test part shows, wherever in the code it is made: of an epoch, a
    threshold, a weight. It is done with labels in sight, which comparisons never give.

    Args:
        build: makes a fitted model from a workbench.
        task: with its test labels.
        rounds: shufflings; a choice among few may by chance fall on the same in one of them.

    Raises:
        ModelError: the answers to the test part depend on its labels.
    """
    test, blind = task.test, sealed(task)[0].test
    honest = build(Workbench(task)).predict(blind)
    for turn in range(rounds):
        order = np.random.default_rng(turn).permutation(len(test))
        shuffled = Samples(test.values, test.mask, test.labels[order], test.groups)
        if not np.array_equal(
            build(Workbench(replace(task, test=shuffled))).predict(blind), honest
        ):
            raise ModelError(
                "the answers to the test part change when its labels are shuffled: something was "
                "chosen by them"
            )
