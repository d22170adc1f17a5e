import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from tacit.models.features import (
    FeatureFrame,
    Modality,
    Prediction,
    Source,
)
from tacit.models.labels import EMOTIONS
from tacit.pipeline.event_builders import (
    Sequencer,
    Stamp,
    measurement,
    rounded,
    sensor_health,
    to_ms,
    window_drops,
)
from tacit.pipeline.events import (
    MeasurementResult,
    MeasurementRevised,
    ModelRef,
    read_event,
    to_json_line,
)
from tacit.pipeline.health import Health
from tacit.pipeline.health_rules import HealthState
from tacit.pipeline.window import ClosedWindow, WindowConfig, Windower

MS = 1_000_000
STAMP = Stamp("s1", 4)
MODEL = ModelRef(id="m", sha256="00")
SEVEN = np.array([0.1, 0.71236, 0.05, 0.05, 0.03, 0.02, 0.03764], dtype=np.float32)


def health(modality: Modality, state: HealthState, reason: str | None = None) -> Health:
    return Health("p1", modality, state, reason, 2_350 * MS, 2_000 * MS, {"b": 0.123456, "a": 1})


HEALTH: Mapping[Modality, Health] = {
    "audio": health("audio", HealthState.OK),
    "face": health("face", HealthState.LOST, "frozen"),
}


def closed_window(revision: int = 0) -> ClosedWindow:
    cut = Windower("p1", WindowConfig(), {"audio": 2, "face": 3})
    cut.add(FeatureFrame("audio", "p1", 0, 40 * MS, np.ones(2, dtype=np.float32)))
    return replace(cut.finish(500 * MS)[0], revision=revision)


def prediction(**sources: Source) -> Prediction:
    return Prediction(
        t0_ns=0,
        t1_ns=500 * MS,
        probabilities=SEVEN,
        valence=-0.00001,
        arousal=0.25,
        confidence=0.71236,
        abstained=False,
        sources={"audio": sources["audio"], "face": sources["face"]},
        unimodal={"audio": SEVEN} if sources["audio"] == "measured" else {},
    )


def event(revision: int = 0, **sources: Source) -> MeasurementResult | MeasurementRevised:
    made = prediction(**{"audio": "measured", "face": "absent", **sources})
    return measurement(STAMP, closed_window(revision), made, HEALTH, MODEL, {"fuse": 1.23456})


def test_stamps_count_from_zero() -> None:
    sequencer = Sequencer("s1")
    assert [sequencer.next() for _ in range(3)] == [("s1", 0), ("s1", 1), ("s1", 2)]


def test_a_measurement_tells_window_reading_and_modalities() -> None:
    made = json.loads(to_json_line(event()))
    assert (made["type"], made["session_id"], made["seq"]) == ("measurement.result", "s1", 4)
    assert made["window"] == {"start_ms": 0, "end_ms": 500}
    assert [score["name"] for score in made["fused"]["emotions"]] == list(EMOTIONS)
    assert made["fused"]["emotions"][1]["probability"] == 0.7124
    assert made["fused"]["confidence"] == 0.7124
    assert made["modalities"]["audio"] == {
        "state": "ok",
        "reason": None,
        "source": "measured",
        "coverage": 0.5,
        "emotions": made["fused"]["emotions"],
        "spread": None,
    }
    assert made["modalities"]["face"] == {
        "state": "lost",
        "reason": "frozen",
        "source": "absent",
        "coverage": 0.0,
        "emotions": None,
        "spread": None,
    }
    assert made["latency_ms"] == {"fuse": 1.235}


def test_a_later_revision_is_its_own_kind() -> None:
    assert isinstance(event(revision=0), MeasurementResult)
    revised = event(revision=2)
    assert isinstance(revised, MeasurementRevised)
    assert revised.revision == 2


def test_nothing_measured_is_null_and_never_a_guess() -> None:
    fused = event(audio="absent", face="absent").fused
    assert fused.model_dump() == {
        "emotions": None,
        "valence": None,
        "arousal": None,
        "confidence": None,
        "abstained": True,
    }


def test_no_valence_stays_null() -> None:
    made = replace(prediction(audio="measured", face="absent"), valence=None, arousal=None)
    fused = measurement(STAMP, closed_window(), made, HEALTH, MODEL, {}).fused
    assert (fused.valence, fused.arousal) == (None, None)
    assert fused.emotions is not None


def test_a_prediction_of_another_window_is_refused() -> None:
    other = replace(prediction(audio="measured", face="absent"), t1_ns=MS)
    with pytest.raises(ValueError, match=r"prediction of \[0, 1000000\] ns given for the window"):
        measurement(STAMP, closed_window(), other, HEALTH, MODEL, {})


def test_a_broken_prediction_never_becomes_an_event() -> None:
    broken = replace(
        prediction(audio="measured", face="absent"),
        probabilities=np.full(7, np.nan, dtype=np.float32),
    )
    with pytest.raises(ValidationError, match="probability"):
        measurement(STAMP, closed_window(), broken, HEALTH, MODEL, {})


def test_a_change_of_health_is_told_in_ms_with_ordered_evidence() -> None:
    line = to_json_line(sensor_health(STAMP, HEALTH["face"]))
    assert line == (
        '{"type":"sensor.health","v":1,"session_id":"s1","seq":4,"t_ms":2350,"participant":"p1",'
        '"modality":"face","state":"lost","reason":"frozen","since_ms":2000,'
        '"evidence":{"a":1.0,"b":0.1235}}'
    )
    assert to_json_line(read_event(line)) == line


def test_the_counters_of_a_windower_make_a_report() -> None:
    cut = Windower("p1", WindowConfig(), {"audio": 2})
    one = FeatureFrame("audio", "p1", 0, 40 * MS, np.ones(2, dtype=np.float32))
    for each in (one, one, replace(one, t_ns=900 * MS), replace(one, quality=0.0)):
        cut.add(each)
    cut.poll(750 * MS)
    report = window_drops(STAMP, 750 * MS, "p1", "audio", cut.statistics()["audio"])
    assert (report.offered, report.used, report.pending) == (4, 1, 1)
    assert report.dropped == {"duplicate": 1, "masked": 1}
    assert (report.stage, report.t_ms) == ("window", 750)


@pytest.mark.parametrize(
    ("t_ns", "ms"), [(0, 0), (999_999, 0), (1_000_000, 1), (-5, 0), (1_999_999, 1)]
)
def test_times_become_whole_ms(t_ns: int, ms: int) -> None:
    assert to_ms(t_ns) == ms


def test_rounding_has_no_minus_zero() -> None:
    assert str(rounded(-0.00001)) == "0.0"
    assert rounded(0.123449) == 0.1234
