import json
from datetime import timedelta
from pathlib import Path

import pytest
import srt
import webvtt

from tacit.pipeline.events import without_latency
from tacit.pipeline.export.subtitles import (
    as_json,
    write_captions,
    write_metadata_track,
    write_srt,
)
from tests.fakes.finished import finished, result, said, typical

HOUR_MS = 3_600_000


def test_the_metadata_track_holds_each_result_as_json(tmp_path: Path) -> None:
    session = typical()
    assert write_metadata_track(session, tmp_path / "a.vtt") == 6
    track = webvtt.read(str(tmp_path / "a.vtt")).captions
    assert len(track) == len(session.results)
    for cue, event in zip(track, session.results, strict=True):
        fields = without_latency(event.model_dump(mode="json"))
        assert json.loads(cue.text) == fields
        assert cue.start_time.in_milliseconds() == event.window.start_ms
        assert cue.end_time.in_milliseconds() == event.window.end_ms


@pytest.mark.parametrize("name", ["<b>p</b>", "p --> 1", "a & b", "line\n\nbreak"])
def test_names_cannot_break_a_track(tmp_path: Path, name: str) -> None:
    session = finished([result(0, participant=name), result(500, participant=name)])
    write_metadata_track(session, tmp_path / "a.vtt")
    assert [
        json.loads(c.text)["participant"] for c in webvtt.read(str(tmp_path / "a.vtt")).captions
    ] == [
        name,
        name,
    ]
    write_captions(session, tmp_path / "b.vtt")
    assert len(webvtt.read(str(tmp_path / "b.vtt")).captions) == 2
    write_srt(session, tmp_path / "c.srt")
    assert len(list(srt.parse((tmp_path / "c.srt").read_text("utf-8")))) == 2


def test_the_json_has_no_latency_and_is_one_line() -> None:
    assert "latency" not in as_json(result(0))
    assert len(as_json(result(0)).splitlines()) == 1


def test_captions_are_for_people(tmp_path: Path) -> None:
    session = finished([result(0, "anger"), said(10, 20, "you & me <3"), result(500)])
    assert write_captions(session, tmp_path / "a.vtt") == 2
    first, second = webvtt.read(str(tmp_path / "a.vtt")).captions
    assert first.raw_text.splitlines()[0] == "p1: anger 70%, neutral 5%"
    assert first.raw_text.splitlines()[-1] == "“you &amp; me &lt;3”"
    assert (second.start, second.end) == ("00:00:03.000", "00:00:03.500")


def test_srt_comes_back_with_times_and_text(tmp_path: Path) -> None:
    session = typical()
    assert write_srt(session, tmp_path / "a.srt") == 6
    found = list(srt.parse((tmp_path / "a.srt").read_text("utf-8")))
    assert len(found) == len(session.results)
    assert [s.index for s in found] == [1, 2, 3, 4, 5, 6]
    assert found[0].start == timedelta(0)
    assert found[1].end == timedelta(milliseconds=3500)
    assert found[0].content.endswith("“what a day”")
    assert "face recovered" in found[2].content
    assert found[3].content.startswith("p1: not measured")


def test_hours_are_written(tmp_path: Path) -> None:
    write_captions(finished([result(25 * HOUR_MS)]), tmp_path / "a.vtt")
    (cue,) = webvtt.read(str(tmp_path / "a.vtt")).captions
    assert cue.start == "25:00:00.000"
