import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.embed_core import EVENTS, Inbox, embedded
from tacit.pipeline.events import Event
from tacit.pipeline.live.engine import EngineError
from tests.fakes.live import VirtualLive

TERMS = {"purpose": "demo", "consent": "c1", "exception": "", "reason": ""}


def story() -> list[Event]:
    live = VirtualLive()
    live.open("s1")
    live.run(2)
    return live.heard.by_session["s1"]


def test_a_slow_reader_loses_old_results_and_keeps_the_facts() -> None:
    woken: list[int] = []
    inbox = Inbox(lambda: woken.append(1))
    events = story()
    facts = [e for e in events if e.type != "measurement.result"]
    rounds = EVENTS // len(events) + 20
    for _ in range(rounds):
        inbox.put(events)
    assert len(woken) == rounds
    taken = []
    while (event := inbox.take()) is not None:
        taken.append(event)
    assert len(taken) == EVENTS
    assert inbox.dropped == rounds * len(events) - EVENTS
    kept_facts = sum(e.type != "measurement.result" for e in taken)
    assert kept_facts == min(rounds * len(facts), EVENTS)


def test_what_waits_of_a_session_can_be_deleted_and_the_rest_stays() -> None:
    inbox = Inbox(lambda: None)
    events = story()
    others = [event.model_copy(update={"session_id": "s2"}) for event in events]
    inbox.put([*events, *others])
    inbox.forget("s1")
    left = []
    while (event := inbox.take()) is not None:
        left.append(event)
    assert left == others


def test_before_the_models_are_loaded_nobody_can_take_part() -> None:
    core = embedded(Settings(asr="off"), ("audio",), TERMS)
    with pytest.raises(EngineError, match="still loading"):
        core.person("p1")
    assert core.participants == []
    assert core.detach("p1") is None


def test_readers_come_and_go() -> None:
    core = embedded(Settings(asr="off"), ("audio", "face"), TERMS)
    inbox = core.subscribe(lambda: None)
    core.events("s1", story()[:1])
    assert inbox.take() is not None
    core.unsubscribe(inbox)
    core.unsubscribe(inbox)
    core.events("s1", story()[:1])
    assert inbox.take() is None
