from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tacit.models.features import Modality, Source
from tacit.models.labels import INDEX, Emotion
from tacit.pipeline.annotations import Annotation, AnnotationError, AnnotationSet
from tacit.pipeline.comparison import compare, lag_ms, pair
from tacit.pipeline.sessions import SessionData
from tests.fakes.finished import finished, ready, result

NOTHING: dict[Modality, Source] = {"audio": "absent", "face": "absent", "text": "absent"}
RECOVERED: dict[Modality, Source] = {"audio": "measured", "face": "recovered", "text": "absent"}


def given(*annotations: Annotation) -> AnnotationSet:
    return AnnotationSet(Path("labels.csv"), annotations, {})


def apart(*leading: Emotion) -> SessionData:
    """A session of windows that don't overlap, so that each has one label."""
    return finished([result(3000 * i, name) for i, name in enumerate(leading)])


def labels(*named: Emotion) -> AnnotationSet:
    return given(*(Annotation(3000 * i, 3000 * i + 3000, name) for i, name in enumerate(named)))


def test_agreement_is_counted_per_window() -> None:
    guess: tuple[Emotion, ...] = ("anger", "anger", "fear", "neutral")
    truth: tuple[Emotion, ...] = ("anger", "fear", "fear", "neutral")
    found = compare(apart(*guess), labels(*truth)).emotions
    assert found is not None
    assert (found.windows, found.accuracy) == (4, 0.75)
    assert found.uar == pytest.approx((1 + 0.5 + 1) / 3)
    assert found.kappa == pytest.approx(cohen_kappa_score(truth, guess))
    counts = np.array(found.confusion)
    assert counts[INDEX["fear"], INDEX["anger"]] == 1
    assert counts.sum() == 4
    assert np.trace(counts) == 3


def test_one_class_has_no_kappa() -> None:
    found = compare(apart("fear", "fear"), labels("fear", "fear")).emotions
    assert found is not None
    assert (found.accuracy, found.kappa, found.lag_ms) == (1.0, None, None)


def test_windows_without_measurement_are_left_out_and_counted() -> None:
    session = finished(
        [
            result(0, "fear"),
            result(3000, "anger", NOTHING),
            result(6000, "fear", RECOVERED),
            result(9000, "fear"),
            result(12000, "fear"),
        ]
    )
    found = compare(session, labels("fear", "fear", "fear", "fear"))
    assert found.emotions is not None
    assert (found.emotions.windows, found.emotions.accuracy) == (3, 1.0)
    assert (found.coverage.windows, found.coverage.annotated) == (5, 4)
    assert (found.coverage.absent, found.coverage.recovered) == (0.25, 0.25)
    assert found.coverage.modalities == {"audio": 0.75, "face": 0.5, "text": 0.0}


def test_abstained_windows_are_left_out_and_counted() -> None:
    sure = result(0, "fear")
    unsure = result(3000, "anger")
    fused = unsure.fused.model_copy(update={"abstained": True})
    session = finished([sure, unsure.model_copy(update={"fused": fused})])
    found = compare(session, labels("fear", "fear"))
    assert found.emotions is not None
    assert (found.emotions.windows, found.emotions.accuracy) == (1, 1.0)
    assert found.coverage.abstained == 0.5


def test_a_window_takes_the_label_that_covers_most_of_it() -> None:
    mixed = given(
        Annotation(0, 900, "fear"), Annotation(900, 2000, "anger"), Annotation(2000, 2400, "fear")
    )
    assert pair(apart("fear"), mixed).annotated[0, INDEX["fear"]] == pytest.approx(1300 / 3000)
    found = compare(apart("fear"), mixed).emotions
    assert found is not None
    assert found.accuracy == 1.0


def test_a_window_that_is_hardly_annotated_is_not_compared() -> None:
    with pytest.raises(AnnotationError, match="annotated for at least half"):
        compare(apart("fear"), given(Annotation(0, 1400, "fear")))
    assert compare(apart("fear"), given(Annotation(0, 1500, "fear"))).emotions is not None


def test_long_annotations_reach_over_short_ones() -> None:
    both = given(
        Annotation(0, 9000, valence=0.5), Annotation(100, 200, "fear"), Annotation(300, 400, "fear")
    )
    values = pair(apart("fear", "fear", "fear"), both).annotated[:, 7]
    assert values.tolist() == pytest.approx([0.5, 0.5, 0.5])


def test_valence_is_compared_as_a_number() -> None:
    session = finished([result(3000 * i, valence=v) for i, v in enumerate((0.1, 0.5, -0.3))])
    shifted = given(
        *(Annotation(3000 * i, 3000 * i + 3000, valence=v) for i, v in enumerate((0.2, 0.6, -0.2)))
    )
    found = compare(session, shifted)
    assert found.emotions is None
    trace = found.traces["valence"]
    assert trace.mean_error == pytest.approx(0.1)
    assert trace.correlation == pytest.approx(1.0)
    assert trace.ccc is not None
    variance = np.var([0.1, 0.5, -0.3])
    assert trace.ccc == pytest.approx(2 * variance / (2 * variance + 0.01))
    assert "arousal" not in found.traces


@pytest.mark.parametrize("late", [-3, 0, 4])
def test_the_lag_is_found(late: int) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(60, 2))
    guess = np.roll(truth, late, axis=0) + rng.normal(scale=0.1, size=truth.shape)
    guess[10:14] = np.nan
    assert lag_ms(truth, guess, [3000 + 500 * i for i in range(60)]) == 500 * late


def test_the_lag_knows_gaps_and_participants() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(80, 1))
    guess = np.concatenate([np.roll(part, 2, axis=0) for part in (truth[:40], truth[40:])])
    ends = [500 * i for i in range(1, 41)] * 2
    assert lag_ms(truth, guess, ends) == 1000
    kept = [i for i in range(80) if i % 40 not in range(10, 20)]
    assert lag_ms(truth[kept], guess[kept], [ends[i] for i in kept]) == 1000


def test_there_is_no_lag_in_what_does_not_vary() -> None:
    ends = [500 * i for i in range(1, 41)]
    assert lag_ms(np.ones((40, 1)), np.ones((40, 1)), ends) is None
    assert lag_ms(np.eye(4), np.eye(4), ends[:4]) is None
    assert lag_ms(np.ones((1, 1)), np.ones((1, 1)), [500]) is None


def test_a_file_must_say_whom_it_is_about_when_there_are_several() -> None:
    session = finished([result(0, participant=p) for p in ("p1", "p2")])
    with pytest.raises(AnnotationError, match="is about nobody named; the session has p1, p2"):
        compare(session, labels("fear"))
    named = given(Annotation(0, 3000, "happiness", participant="p2"))
    found = compare(session, named)
    assert found.emotions is not None
    assert found.emotions.windows == 1
    with pytest.raises(AnnotationError, match="is about p9"):
        compare(session, given(Annotation(0, 3000, "fear", participant="p9")))


def test_a_session_without_results_is_refused() -> None:
    with pytest.raises(AnnotationError, match="holds no results"):
        compare(finished([ready()]), labels("fear"))
