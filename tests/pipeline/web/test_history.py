"""What the page keeps of events: the same as the report says of them."""

import json
from typing import Any

import pytest

from tacit.models.features import MODALITIES
from tacit.models.labels import EMOTIONS
from tacit.pipeline.events import TranscriptPartial, to_json_line
from tacit.pipeline.report.columns import alone_range
from tests.fakes.browser import Visit
from tests.fakes.finished import ready, result
from tests.fakes.long_session import long_session

pytestmark = [pytest.mark.process, pytest.mark.slow]

FEED = """(() => {
  const h = new m.History();
  for (const e of JSON.parse(a)) h.receive(e);
  return JSON.stringify(%s);
})()"""


def plain(*events: Any) -> list[dict[str, Any]]:
    return [json.loads(to_json_line(event)) for event in events]


def ask(visit: Visit, question: str, events: list[dict[str, Any]]) -> Any:
    return json.loads(visit.run("app/history.js", FEED % question, json.dumps(events)))


def test_it_keeps_what_the_report_shows_and_forgets_after_three_minutes(empty_page: Visit) -> None:
    session = long_session(240)
    kept = ask(empty_page, "h.person('p1').readings", plain(*session.events))
    latest = [r for r in session.results if r.window.end_ms > 60_000]
    assert [r["endMs"] for r in kept] == [r.window.end_ms for r in latest]
    for mine, theirs in zip(kept, latest, strict=True):
        assert mine["revision"] == theirs.revision
        assert mine["guessed"] == any(m.source == "recovered" for m in theirs.modalities.values())
        ranges = [alone_range(theirs, index) for index in range(len(EMOTIONS))]
        assert mine["ranges"] == (None if ranges[0] is None else [list(r) for r in ranges if r])


def test_a_revision_replaces_its_window_and_no_older_one_comes_back(empty_page: Visit) -> None:
    first, second = result(0, "fear"), result(500, "fear")
    better = result(0, "happiness", revision=1)
    events = plain(ready("p1"), first, second, better, first)
    found = ask(empty_page, "h.person('p1').readings.map(r => [r.endMs, r.revision])", events)
    assert found == [[3000, 1], [3500, 0]]


def test_windows_that_come_in_disorder_are_put_in_order(empty_page: Visit) -> None:
    events = plain(ready("p1"), result(1000), result(0), result(500))
    assert ask(empty_page, "h.person('p1').readings.map(r => r.endMs)", events) == [
        3000,
        3500,
        4000,
    ]


def test_stretches_tell_when_a_sensor_was_guessed_or_absent(empty_page: Visit) -> None:
    events = plain(*long_session(60).events)
    found = ask(empty_page, "h.person('p1').stretches('face')", events)
    assert [(s["fromMs"], s["toMs"], s["source"]) for s in found] == [
        (0, 12_000, "measured"),
        (12_000, 15_000, "absent"),
        (15_000, 19_000, "recovered"),
        (19_000, 40_000, "measured"),
        (40_000, 46_000, "measured"),
        (46_000, 60_000, "measured"),
    ]
    assert [s["state"] for s in found][4] == "degraded"


def test_each_participant_has_readings_and_sensors_of_their_own(empty_page: Visit) -> None:
    events = plain(*long_session(30, "anna", "ben").events)
    question = (
        "[...h.people.values()].map(p => [p.name, p.readings.length, Object.keys(p.sensors)])"
    )
    found = ask(empty_page, question, events)
    assert [(name, count) for name, count, _ in found] == [("anna", 60), ("ben", 60)]
    assert all(sorted(sensors) == sorted(MODALITIES) for *_, sensors in found)


def test_a_session_that_begins_anew_starts_with_nothing(empty_page: Visit) -> None:
    old = plain(ready("p1"), result(0), result(500))
    again = {**plain(ready("p1"))[0], "session_id": "another"}
    question = "[h.ready.session_id, h.person('p1').readings.length]"
    assert ask(empty_page, question, [*old, again]) == ["another", 0]


def test_words_that_may_change_give_way_to_those_that_stay(empty_page: Visit) -> None:
    final = next(e for e in plain(*long_session(30).events) if e["type"] == "transcript.final")
    fields = {**final, "type": "transcript.partial", "text": "well I"}
    partial = plain(TranscriptPartial.model_validate(fields))[0]
    question = "[h.person('p1').partial?.text ?? null, h.person('p1').sentences.length]"
    assert ask(empty_page, question, [partial]) == ["well I", 0]
    assert ask(empty_page, question, [partial, final]) == [None, 1]


def test_events_that_nobody_knows_yet_are_ignored(empty_page: Visit) -> None:
    events = [{"type": "brand.new", "participant": "p1", "v": 1}, {"type": "other", "x": 1}]
    assert ask(empty_page, "h.person('p1').readings.length", events) == 0
