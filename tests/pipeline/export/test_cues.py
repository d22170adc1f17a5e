import itertools

from tacit.pipeline.export.cues import cues, one_line, readable, verdict
from tests.fakes.finished import finished, result, said, typical


def test_cues_follow_each_other_and_end_with_their_windows() -> None:
    found = cues(typical())
    assert [(c.start_ms, c.end_ms) for c in found] == [
        (0, 3000), (3000, 3500), (3500, 4000), (4000, 4500), (4500, 5000), (5000, 5500),
    ]  # fmt: skip
    assert all(c.end_ms == c.result.window.end_ms for c in found)


def test_windows_with_a_gap_between_them_leave_a_gap() -> None:
    found = cues(finished([result(0), result(9000)]))
    assert [(c.start_ms, c.end_ms) for c in found] == [(0, 3000), (9000, 12000)]


def test_participants_have_cues_of_their_own() -> None:
    events = [result(t, participant=p) for t, p in itertools.product((0, 500), ("p1", "p2"))]
    found = cues(finished(events))
    assert [(c.start_ms, c.result.participant) for c in found] == [
        (0, "p1"), (0, "p2"), (3000, "p1"), (3000, "p2"),
    ]  # fmt: skip


def test_each_word_is_in_one_cue() -> None:
    spoken = [said(100, 300, "one"), said(2999, 3100, "two"), said(3000, 3300, "three")]
    found = cues(finished([result(0), result(500), *spoken, said(9000, 9900, "late")]))
    assert [c.words for c in found] == ["one two", "three late"]


def test_words_without_times_go_by_their_transcript() -> None:
    bare = said(3200, 3400, "whole sentence").model_copy(update={"words": ()})
    assert [c.words for c in cues(finished([result(0), result(500), bare]))] == [
        "",
        "whole sentence",
    ]


def test_the_verdict_claims_nothing_that_was_not_claimed() -> None:
    fine = result(0, "fear")
    unsure = fine.model_copy(update={"fused": fine.fused.model_copy(update={"abstained": True})})
    assert verdict(fine) == "fear"
    assert verdict(unsure) == "abstained"
    assert verdict(result(0, sources={"audio": "absent"})) == "not measured"
    (cue,) = cues(finished([unsure]))
    assert readable(cue).startswith("p1: unsure (fear 70%")


def test_the_text_names_emotions_sources_and_words() -> None:
    session = finished([result(0, "fear", {"audio": "measured", "face": "recovered"})])
    (cue,) = cues(finished([*session.events, said(0, 100, "oh  no")]))
    assert readable(cue) == ("p1: fear 70%, neutral 5%\n[audio measured, face recovered]\n“oh no”")
    assert "not measured" in readable(cues(finished([result(0, sources={"face": "absent"})]))[0])


def test_one_line_has_no_breaks_and_no_control_characters() -> None:
    assert one_line(" a\n\nb\x00c\u2028d\x1b[0m\ufffe ") == "a b c d [0m"
