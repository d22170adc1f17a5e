import numpy as np

from tacit.models.features import MODALITIES, FeatureWindow, Modality, Prediction
from tacit.pipeline.consent import own_terms
from tacit.pipeline.events import (
    ErrorEvent,
    MeasurementResult,
    MeasurementRevised,
    ModelRef,
    SensorHealth,
    TranscriptFinal,
    TranscriptPartial,
)
from tacit.pipeline.health import Health
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.hub import WindowJob, Words
from tacit.pipeline.journal import Journal
from tacit.pipeline.window import ClosedWindow, WindowConfig
from tacit.pipeline.window_track import WindowStatistics

HEALTH = {m: Health("p1", m, HealthState.OK, None, 0, 0, {}) for m in MODALITIES}


def journal() -> Journal:
    return Journal("s1", "p1", ModelRef(id="m", sha256="0" * 64))


def job(t1_ns: int, revision: int = 0) -> WindowJob:
    window = FeatureWindow(
        "p1",
        0,
        t1_ns,
        {m: np.zeros((12, 2), dtype=np.float32) for m in MODALITIES},
        {m: np.zeros(12, dtype=np.bool_) for m in MODALITIES},
        dict.fromkeys(MODALITIES, 0.0),
    )
    return WindowJob(ClosedWindow(window, 0, revision), HEALTH)


def prediction(t1_ns: int) -> Prediction:
    return Prediction(
        0,
        t1_ns,
        np.full(7, 1 / 7, dtype=np.float32),
        None,
        None,
        0.0,
        True,
        dict.fromkeys(MODALITIES, "absent"),
    )


def test_events_keep_the_order_in_which_things_became_true() -> None:
    book = journal()
    (first, _), (second, _) = book.add([job(1_000_000), HEALTH["face"], job(2_000_000)])
    assert book.flush() == []
    book.answer(second, prediction(2_000_000), 5)
    assert book.flush() == []
    assert book.waiting == 1
    book.answer(first, prediction(1_000_000), 5)
    events = book.flush()
    assert [type(e) for e in events] == [MeasurementResult, SensorHealth, MeasurementResult]
    assert [e.seq for e in events] == [0, 1, 2]
    assert book.windows == 2


def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    book = journal()
    ((number, _),) = book.add([job(1_000_000)])
    book.answer(number, prediction(1_000_000), 1)
    book.answer(number, prediction(1_000_000), 1)
    book.answer(99, prediction(1_000_000), 1)
    assert len(book.flush()) == 1


def test_revised_windows_words_and_errors_have_their_own_events() -> None:
    book = journal()
    words = (("good", 1_000_000, 2_000_000, 0.5), ("day", 2_000_000, 3_000_000, 0.25))
    jobs = book.add(
        [
            job(1_000_000, revision=1),
            Words(1_000_000, 3_000_000, False, words[:1], ""),
            Words(1_000_000, 3_000_000, True, words, "en"),
        ]
    )
    book.error("worker_died", "face worker: killed by signal 9", 4_000_000)
    book.answer(jobs[0][0], prediction(1_000_000), 1)
    revised, partial, final, error = book.flush()
    assert isinstance(revised, MeasurementRevised)
    assert isinstance(partial, TranscriptPartial)
    assert partial.language is None
    assert isinstance(final, TranscriptFinal)
    assert final.text == "good day"
    assert [w.end_ms for w in final.words] == [2, 3]
    assert isinstance(error, ErrorEvent)
    assert (error.seq, error.t_ms, error.fatal) == (3, 4, False)
    assert book.windows == 0


def test_the_first_and_the_last_events_frame_the_session() -> None:
    book = journal()
    first = book.ready("talk.mp4", WindowConfig(), {}, None, own_terms("p1"))
    assert first.type == "session.ready"
    counts: dict[Modality, WindowStatistics] = {"face": WindowStatistics(3, 1, {"late": 2}, 0)}
    report, closed = book.close(5_000_000_000, counts, "interrupted")
    assert report.model_dump()["dropped"] == {"late": 2}
    assert closed.model_dump()["reason"] == "interrupted"
    assert closed.model_dump()["t_ms"] == 5000
    assert [first.seq, report.seq, closed.seq] == [0, 1, 2]
