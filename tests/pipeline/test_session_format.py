import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.pipeline.session_format import (
    CLOCK,
    WIRE,
    Finished,
    Noted,
    SessionFacts,
    SourceFailed,
    TimePassed,
    is_event,
    is_input,
    unpack_event,
    unpack_input,
)
from tacit.stream.errors import RecordingError
from tacit.stream.recording import Entry, Facts
from tests.fakes.small_session import facts


@pytest.mark.parametrize(
    "found",
    [
        TimePassed(t_ns=5),
        SourceFailed(modality="face", reason="worker_died"),
        Noted(code="worker_died", message="signal 9"),
        Finished(),
    ],
)
def test_inputs_other_than_packets_come_back(found: TimePassed) -> None:
    entry = Entry(CLOCK.name, "json", 0, found.model_dump_json().encode())
    assert is_input(entry)
    assert not is_event(entry)
    assert unpack_input(entry) == found


def test_facts_come_back_without_the_folder_of_the_weights() -> None:
    given_ = facts(retention_days=30, purpose="study", disabled={"text": "no_weights"})
    texts = given_.to_facts()
    assert "weights" not in json.loads(texts.values["settings"])
    assert all(isinstance(text, str) for text in texts.values.values())
    assert SessionFacts.from_facts(texts) == given_


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("participant", "../x", "participant"),
        ("format", "2", "format"),
        ("settings", "{", "facts of the session"),
        ("duration_ms", "-1", "duration_ms"),
    ],
)
def test_wrong_facts_are_refused(name: str, text: str, problem: str) -> None:
    values = {**facts().to_facts().values, name: text}
    with pytest.raises(RecordingError, match=problem):
        SessionFacts.from_facts(Facts("tacit.session", values))


@pytest.mark.fuzz
@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([CLOCK.name, "/p1/face/features"]))
def test_any_bytes_are_an_input_or_a_recording_error(data: bytes, topic: str) -> None:
    encoding = "json" if topic == CLOCK.name else WIRE
    with contextlib.suppress(RecordingError):
        unpack_input(Entry(topic, encoding, 0, data))


def test_what_is_no_event_is_refused() -> None:
    entry = Entry("/results", "json", 0, b'{"type":"measurement.result"}')
    assert is_event(entry)
    with pytest.raises(RecordingError, match="/results"):
        unpack_event(entry)
