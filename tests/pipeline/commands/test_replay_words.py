"""`tacit replay` of real sound with real words, into events and windows."""

import json
from pathlib import Path

import numpy as np
import pytest

from tacit.pipeline.cli import app
from tests.fakes.media import write_audio
from tests.fakes.spoken import FIXTURE, SPEAKS, Line, spoken

HAPPY, SAD = "I am so happy to see you today", "I am very sad about this"


@pytest.mark.media
@pytest.mark.skipif(not SPEAKS, reason="needs espeak-ng to speak")
def test_words_become_events_and_tokens_of_windows(tmp_path: Path) -> None:
    samples, truth = spoken([Line(HAPPY), Line(SAD)])
    clip = write_audio(tmp_path / "said.wav", samples[np.newaxis], 16_000)
    told = tmp_path / "events.jsonl"
    options = ["--asr", str(FIXTURE), "--inproc", "--json", str(told)]
    app(["replay", str(clip), *options], standalone_mode=False)
    events = [json.loads(line) for line in told.read_text("utf-8").splitlines()]

    finals = [e for e in events if e["type"] == "transcript.final"]
    assert [e["text"] for e in finals] == [HAPPY, SAD]
    partials = [e for e in events if e["type"] == "transcript.partial"]
    assert partials
    assert partials[0]["seq"] < finals[0]["seq"]
    words = [word for e in finals for word in e["words"]]
    for word, (text, start_s, end_s) in zip(words, truth, strict=True):
        assert word["text"] == text
        assert word["start_ms"] == pytest.approx(1000 * start_s, abs=300)
        assert word["end_ms"] == pytest.approx(1000 * end_s, abs=300)

    last = {}
    for event in events:
        if event["type"].startswith("measurement."):
            last[event["window"]["end_ms"]] = event["modalities"]["text"]
    measured = [end for end, text in last.items() if text["source"] == "measured"]
    # A window that holds most of the first sentence, and one of the second.
    for text, start_s, end_s in (truth[3], truth[-2]):
        assert any(end - 3000 < 1000 * start_s and 1000 * end_s < end for end in measured), text
    assert last[500]["source"] == "absent"
