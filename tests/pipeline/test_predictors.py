from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tacit.models.features import MODALITIES, FeatureWindow, Prediction
from tacit.pipeline import predictors
from tacit.pipeline.config import Settings
from tacit.pipeline.feeds import StartError
from tacit.pipeline.job import Job
from tacit.pipeline.predictors import InlinePredictor, WorkerPredictor
from tacit.pipeline.supervisor import RestartRule
from tacit.stream.endpoints import bus_place


class Recognizer:
    """Reads a window's end as its confidence, so that answers can be told apart."""

    model_id = "fake"
    sha256 = "0" * 64

    def predict(self, window: FeatureWindow) -> Prediction:
        return Prediction(
            window.t0_ns,
            window.t1_ns,
            np.full(7, 1 / 7, dtype=np.float32),
            None,
            None,
            window.t1_ns / 10,
            True,
            dict.fromkeys(MODALITIES, "absent"),
        )

    config = SimpleNamespace(dims={"audio": 1, "face": 2, "text": 3})


def window(t1_ns: int) -> FeatureWindow:
    return FeatureWindow("p1", 0, t1_ns, {}, {}, {})


def test_the_inline_predictor_answers_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictors, "build_recognizer", lambda settings: Recognizer())
    predictor = InlinePredictor(Job(settings=Settings()))
    predictor.launch()
    identity = predictor.ready()
    assert (identity.id, identity.dims["text"]) == ("fake", 3)
    predictor.submit(7, window(1))
    predictor.submit(8, window(2))
    answers = predictor.poll()
    assert [(job, p.confidence) for job, p, _ in answers] == [(7, 0.1), (8, 0.2)]
    assert all(took >= 0 for *_, took in answers)
    assert predictor.poll() == []
    assert predictor.deaths() == []
    predictor.close()


@pytest.mark.process
def test_a_recognizer_that_cannot_start_says_why(tmp_path: Path) -> None:
    with bus_place() as place:
        job = Job(
            settings=Settings(weights=tmp_path),
            publish=place.endpoint("recognizer"),
            listen=place.endpoint("windows"),
        )
        predictor = WorkerPredictor(job, tmp_path, RestartRule())
        predictor.launch()
        with pytest.raises(StartError, match="no checkpoint here"):
            predictor.ready()
        predictor.close()
