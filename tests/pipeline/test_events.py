import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tacit.models.labels import EMOTIONS
from tacit.pipeline.events import (
    AnyEvent,
    ErrorEvent,
    Event,
    SessionClosed,
    TranscriptFinal,
    read_event,
    schema_text,
    to_json_line,
    without_latency,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = re.findall(r"```json\n(.*?)\n```", (DOCS / "events.md").read_text("utf-8"), re.S)
KINDS = {kind.model_fields["type"].default for kind in get_args(get_args(AnyEvent)[0])}
SCHEMA: dict[str, Any] = json.loads(schema_text())


def is_valid(fields: dict[str, Any]) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return bool(validator.is_valid(fields))


def example(kind: str) -> dict[str, Any]:
    (found,) = [json.loads(text) for text in EXAMPLES if json.loads(text)["type"] == kind]
    assert isinstance(found, dict)
    return found


def test_the_committed_schema_is_that_of_the_models() -> None:
    committed = (DOCS / "events.schema.json").read_text("utf-8")
    assert committed == schema_text(), "write it anew: the last command in docs/events.md"


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_event_has_an_example_and_a_heading() -> None:
    assert sorted(json.loads(text)["type"] for text in EXAMPLES) == sorted(KINDS)
    headings = re.findall(r"^## (\S+\.\S+|error)$", (DOCS / "events.md").read_text("utf-8"), re.M)
    assert sorted(headings) == sorted(KINDS)
    assert {
        "session.ready", "session.closed", "sensor.health", "transcript.partial",
        "transcript.final", "measurement.result", "measurement.revised", "drop.report", "error",
    } == KINDS  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: json.loads(text)["type"])
def test_the_examples_are_valid_complete_and_canonical(text: str) -> None:
    event = read_event(text)
    assert to_json_line(event) == text
    assert is_valid(json.loads(text))


def test_examples_name_the_emotions_in_their_order() -> None:
    scores = example("measurement.result")["fused"]["emotions"]
    assert tuple(score["name"] for score in scores) == EMOTIONS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_missing_field_is_refused(kind: str) -> None:
    # Sessions recorded before there was a recovery have no such field, and stay readable.
    for name in set(example(kind)) - {"type", "v", "revision", "recovery"}:
        fields = {key: value for key, value in example(kind).items() if key != name}
        assert not is_valid(fields)
        with pytest.raises(ValidationError, match=name):
            read_event(json.dumps(fields))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("session.closed", {"v": 2}),
        ("session.closed", {"seq": -1}),
        ("session.closed", {"session_id": ""}),
        ("session.closed", {"type": "session.opened"}),
        ("session.closed", {"t_ms": 1.5}),
        ("session.closed", {"reason": "boredom"}),
        ("sensor.health", {"modality": "smell"}),
        ("sensor.health", {"state": "fine"}),
        ("sensor.health", {"evidence": {"x": "high"}}),
        ("measurement.result", {"revision": 1}),
        ("measurement.revised", {"revision": 0}),
        ("error", {"code": "Bad code"}),
    ],
)
def test_what_does_not_fit_is_refused_by_models_and_schema(
    kind: str, change: dict[str, Any]
) -> None:
    fields = example(kind) | change
    assert not is_valid(fields)
    with pytest.raises(ValidationError):
        read_event(json.dumps(fields))


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_probability_is_a_number_from_0_to_1(probability: float) -> None:
    fields = example("measurement.result")
    fields["fused"]["emotions"][0]["probability"] = probability
    with pytest.raises(ValidationError, match="probability"):
        read_event(json.dumps(fields))


def test_evidence_that_is_no_number_is_refused() -> None:
    fields = example("sensor.health")
    fields["evidence"]["frozen_s"] = float("nan")
    with pytest.raises(ValidationError, match="finite number"):
        read_event(json.dumps(fields))


def test_unknown_fields_are_ignored() -> None:
    fields = example("session.closed") | {"mood": "good"}
    assert is_valid(fields)
    assert to_json_line(read_event(json.dumps(fields))) == json.dumps(
        example("session.closed"), separators=(",", ":")
    )


def test_drops_must_add_up() -> None:
    fields = example("drop.report") | {"used": 261}
    with pytest.raises(
        ValidationError, match="offered 300 is not used \\+ dropped \\+ pending = 299"
    ):
        read_event(json.dumps(fields))


def test_events_do_not_change() -> None:
    event = read_event(EXAMPLES[-1])
    with pytest.raises(ValidationError, match="frozen"):
        event.seq = 3


def test_equal_events_give_equal_lines_whatever_the_order_of_their_keys() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(each) for each in value] if isinstance(value, list) else value

    for text in EXAMPLES:
        assert to_json_line(read_event(json.dumps(turned(json.loads(text))))) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_makes_one_line_and_comes_back(text: str) -> None:
    event = ErrorEvent(session_id="s", seq=0, t_ms=0, code="x", message=text, fatal=False)
    line = to_json_line(event)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == text
    assert read_event(line) == event


@pytest.mark.parametrize("line", ["", "{}", "[]", "no json", '{"type":"error"', b"\xff\xfe"])
def test_what_is_no_event_is_a_value_error(line: str | bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_event(line)


def test_without_latency_two_runs_agree() -> None:
    one = example("measurement.result")
    two = example("measurement.result") | {"latency_ms": {"fuse": 99.0}}
    assert without_latency(one) == without_latency(two)
    assert "latency_ms" in one
    assert set(one) - set(without_latency(one)) == {"latency_ms"}


def test_only_transcripts_hold_what_was_said() -> None:
    def names(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(names, node))
        if not isinstance(node, dict):
            return set()
        return set(node.get("properties", {})) | set().union(*map(names, node.values()))

    holders = {name for name, body in SCHEMA["$defs"].items() if "text" in names(body)}
    assert holders == {"Word", "TranscriptPartial", "TranscriptFinal"}


def test_every_kind_is_an_event() -> None:
    closed = SessionClosed(session_id="s", seq=1, t_ms=0, reason="end", windows=0)
    assert isinstance(closed, Event)
    assert issubclass(TranscriptFinal, Event)
