from dataclasses import replace

import numpy as np
import pytest

from tacit.models.features import (
    MODALITIES,
    FeatureWindow,
    PastTokens,
    Prediction,
    RecoveryNote,
)
from tacit.pipeline.messages import (
    message_to_prediction,
    message_to_window,
    prediction_to_message,
    window_to_message,
)
from tacit.stream.errors import RemoteError
from tacit.stream.wire import Message, decode, encode


def window() -> FeatureWindow:
    rng = np.random.default_rng(0)
    return FeatureWindow(
        participant="p1",
        t0_ns=0,
        t1_ns=3_000_000_000,
        values={m: rng.normal(size=(12, 4)).astype(np.float32) for m in MODALITIES},
        mask={m: rng.random(12) > 0.5 for m in MODALITIES},
        coverage=dict.fromkeys(MODALITIES, 0.5),
    )


def prediction() -> Prediction:
    return Prediction(
        t0_ns=0,
        t1_ns=3_000_000_000,
        probabilities=np.full(7, 1 / 7, dtype=np.float32),
        valence=None,
        arousal=0.5,
        confidence=0.2,
        abstained=True,
        sources={"audio": "measured", "face": "absent", "text": "absent"},
        unimodal={"audio": np.full(7, 1 / 7, dtype=np.float32)},
    )


def test_a_window_survives_the_wire() -> None:
    sent = window()
    number, received = message_to_window(decode(encode(window_to_message(7, sent))))
    assert number == 7
    assert (received.participant, received.t0_ns, received.t1_ns) == ("p1", 0, 3_000_000_000)
    for modality in MODALITIES:
        np.testing.assert_array_equal(received.values[modality], sent.values[modality])
        np.testing.assert_array_equal(received.mask[modality], sent.mask[modality])
        assert received.coverage[modality] == 0.5


def test_a_prediction_survives_the_wire() -> None:
    sent = prediction()
    number, received = message_to_prediction(decode(encode(prediction_to_message(3, sent))))
    assert number == 3
    np.testing.assert_array_equal(received.probabilities, sent.probabilities)
    assert received.valence is None
    assert (received.arousal, received.confidence, received.abstained) == (0.5, 0.2, True)
    assert received.sources == sent.sources
    assert list(received.unimodal) == ["audio"]


@pytest.mark.parametrize("lost", ["job", "t1_ns", "coverage", "participant"])
def test_a_window_without_a_field_is_refused(lost: str) -> None:
    message = window_to_message(0, window())
    fields = {name: value for name, value in message.fields.items() if name != lost}
    with pytest.raises(RemoteError, match=lost):
        message_to_window(replace(message, fields=fields))


def test_misshapen_tokens_are_refused() -> None:
    message = window_to_message(0, window())
    for name, array in (
        ("face.values", np.zeros((12, 4), dtype=np.float64)),
        ("face.values", np.zeros(12, dtype=np.float32)),
        ("face.mask", np.zeros(11, dtype=np.bool_)),
    ):
        arrays = {**message.arrays, name: array}
        with pytest.raises(RemoteError, match="face"):
            message_to_window(replace(message, arrays=arrays))


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    message = prediction_to_message(0, prediction())
    bad = np.full(7, np.nan, dtype=np.float32)
    with pytest.raises(RemoteError, match="not 7 finite numbers"):
        message_to_prediction(replace(message, arrays={**message.arrays, "probabilities": bad}))
    with pytest.raises(RemoteError, match="expected a prediction message, got 'window'"):
        message_to_prediction(Message("window"))


def test_the_past_survives_the_wire() -> None:
    past = PastTokens(np.ones((2, 4), np.float32), np.array([0.6, 0.9], np.float32))
    sent = replace(
        window(), lost=frozenset({"face"}), past={"face": past}, degradation={"audio": 0.5}
    )
    _, received = message_to_window(decode(encode(window_to_message(7, sent))))
    assert received.lost == {"face"}
    assert received.degradation == {"audio": 0.5}
    np.testing.assert_array_equal(received.past["face"].values, past.values)
    np.testing.assert_array_equal(received.past["face"].age_s, past.age_s)
    assert set(received.past) == {"face"}


def test_a_recovery_note_survives_the_wire() -> None:
    note = RecoveryNote(1, 16, 0.25, {"face": 0.7})
    given_up = RecoveryNote(1, 16, 0.0, {}, "diverged")
    for sent in (note, given_up):
        message = prediction_to_message(3, replace(prediction(), recovery=sent))
        assert message_to_prediction(decode(encode(message)))[1].recovery == sent
    plain = prediction_to_message(3, prediction())
    assert message_to_prediction(decode(encode(plain)))[1].recovery is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("lost", ["smell"]), ("lost", None), ("degradation", 3), ("degradation", {"face": "much"})],
)
def test_a_malformed_window_is_refused(field: str, value: object) -> None:
    message = window_to_message(1, window())
    broken = Message(message.kind, {**message.fields, field: value}, message.arrays)  # type: ignore[dict-item]
    with pytest.raises(RemoteError, match="window message"):
        message_to_window(broken)


def test_a_misshapen_past_is_refused() -> None:
    past = PastTokens(np.ones((2, 4), np.float32), np.ones(3, np.float32))
    with pytest.raises(RemoteError, match=r"face\.past"):
        message_to_window(window_to_message(1, replace(window(), past={"face": past})))


def test_an_unknown_flag_is_refused() -> None:
    note = RecoveryNote(1, 16, 0.0, {}, "tired")  # type: ignore[arg-type]
    with pytest.raises(RemoteError, match="flag"):
        message_to_prediction(prediction_to_message(1, replace(prediction(), recovery=note)))
