import pytest

from tacit.pipeline.report.participants import end_ms, hop_ms, participants
from tests.fakes.finished import finished, ready, result, typical
from tests.fakes.long_session import long_session


def test_shares_means_and_revisions() -> None:
    (person,) = participants(typical())
    assert person.measured == {"audio": 5 / 6, "face": 4 / 6, "text": 0.0}
    assert person.recovered == {"audio": 0.0, "face": 1 / 6, "text": 0.0}
    assert person.claimed == pytest.approx(5 / 6)
    assert person.revisions == 1
    assert len(person.dropouts) == 1
    assert person.means is not None
    # Of the five windows with a reading, two are angry; each other emotion has 0.05 there.
    assert person.means["anger"] == pytest.approx((2 * 0.7 + 3 * 0.05) / 5)
    assert person.valence == pytest.approx(0.4)


def test_nothing_measured_is_none_and_not_zero() -> None:
    absent = result(0, sources={"audio": "absent", "face": "absent", "text": "absent"})
    (person,) = participants(finished([ready(), absent]))
    assert person.means is None
    assert person.valence is None
    assert person.claimed == 0.0


def test_participants_are_kept_apart_and_one_who_was_never_read_is_listed() -> None:
    session = finished([ready("a", "b"), result(0, participant="a")])
    assert [(p.name, len(p.results)) for p in participants(session)] == [("a", 1), ("b", 0)]


def test_length_and_hop_come_from_the_session_or_its_windows() -> None:
    assert (end_ms(typical()), hop_ms(typical())) == (6000, 500)
    cut = finished([result(0), result(500)])
    assert (end_ms(cut), hop_ms(cut)) == (3500, 500)
    assert end_ms(long_session(60)) == 60_000
