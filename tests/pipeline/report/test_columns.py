import json

from tacit.models.labels import EMOTIONS
from tacit.pipeline.report.columns import alone_range, columns, leading, stretch_in_words
from tacit.pipeline.report.participants import participants
from tacit.pipeline.report.stretches import sensor_stretches
from tests.fakes.finished import scores, typical
from tests.fakes.long_session import long_session


def test_columns_have_one_entry_per_window_and_null_where_nothing_was_measured() -> None:
    (person,) = participants(typical())
    found = columns(person, 500)
    count = len(person.results)
    assert found["to"] == [3000, 3500, 4000, 4500, 5000, 5500]
    for name in EMOTIONS:
        assert {len(values) for values in found["emotions"][name].values()} == {count}
        assert found["emotions"][name]["p"][3] is None
    assert found["valence"][3] is None
    assert found["abstained"] == [0, 0, 0, 1, 0, 0]
    assert found["revision"] == [0, 1, 0, 0, 0, 0]
    json.dumps(found, allow_nan=False)


def test_the_range_spans_what_measured_sensors_say_alone() -> None:
    results = typical().results
    happy = EMOTIONS.index("happiness")
    alone = dict(results[0].modalities)
    alone["face"] = alone["face"].model_copy(update={"emotions": scores("anger", 0.4)})
    apart = results[0].model_copy(update={"modalities": alone})
    assert alone_range(apart, happy) == (0.1, 0.7)
    assert alone_range(results[3], happy) is None


def test_a_recovered_guess_does_not_widen_the_range() -> None:
    guessed = typical().results[2]
    alone = dict(guessed.modalities)
    assert alone["face"].source == "recovered"
    alone["face"] = alone["face"].model_copy(update={"emotions": scores("fear", 0.99)})
    fear = EMOTIONS.index("fear")
    assert alone_range(guessed.model_copy(update={"modalities": alone}), fear) == (0.05, 0.05)


def test_what_leads() -> None:
    results = typical().results
    assert leading(results[0]) == ("happiness", 0.7)
    assert leading(results[3]) is None


def test_stretches_say_in_words_what_was_not_measured_and_why() -> None:
    said = [stretch_in_words(s) for s in sensor_stretches(long_session(60).results, "face", 500)]
    assert "Face not measured: the picture was frozen" in said
    assert any(s.startswith("Face guessed from the other sensors, not measured:") for s in said)
    assert "Face measured, degraded: the picture was too dark" in said
