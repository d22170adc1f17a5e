import csv
from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.labels import EMOTIONS, INDEX
from tacit.models.valence_arousal import NORMS, POINTS, derive, rescale


def test_ratings_are_rescaled_to_unit_range() -> None:
    assert (rescale(1.0), rescale(5.0), rescale(9.0)) == (-1.0, 0.0, 1.0)


@pytest.mark.parametrize("name", EMOTIONS)
def test_a_certain_class_gives_its_own_point(name: str) -> None:
    certain = np.eye(7, dtype=np.float32)[EMOTIONS.index(name)]
    point = derive(certain)
    valence, arousal = NORMS[name]  # type: ignore[index]
    assert point.valence == pytest.approx((valence - 5) / 4)
    assert point.arousal == pytest.approx((arousal - 5) / 4)


def test_a_mixture_gives_the_mean_of_its_points() -> None:
    half = np.zeros(7)
    half[[INDEX["happiness"], INDEX["sadness"]]] = 0.5
    assert derive(half).valence == pytest.approx((8.48 + 2.40) / 8 - 1.25)
    assert derive(half).arousal == pytest.approx((6.50 + 2.81) / 8 - 1.25)


def test_signs_agree_with_the_circumplex() -> None:
    valence = dict(zip(EMOTIONS, POINTS[:, 0], strict=True))
    arousal = dict(zip(EMOTIONS, POINTS[:, 1], strict=True))
    assert valence["happiness"] > 0 > max(valence[n] for n in ("sadness", "anger", "fear"))
    assert arousal["anger"] > 0 > arousal["sadness"]


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ModelError, match=r"\(3,\)"):
        derive(np.ones(3) / 3)


@pytest.mark.data
def test_the_constants_are_those_of_the_lexicon(data_root: Path) -> None:
    path = data_root / "text" / "lexicon" / "warriner_vad_0mean.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = {row[0]: (float(row[1]), float(row[4])) for row in csv.reader(lines) if row[0]}
    assert {name: rows[name] for name in EMOTIONS} == NORMS
