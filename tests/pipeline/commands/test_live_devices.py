"""`tacit live` on a real sound server and a camera on a wire, both of which are pulled out.

The microphone hears a clip, and then words, by a voice that the tiny recogniser was not trained on.
"""

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.live_program import Event, LiveProgram, live_program
from tests.fakes.sound_server import SoundServer, missing, sound_server
from tests.fakes.spoken import FIXTURE, SPEAKS, Line, spoken
from tools.fault_rows.webcam import Webcam, webcam

pytestmark = [
    pytest.mark.live,
    pytest.mark.process,
    pytest.mark.media,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="the microphone's stand-in is PulseAudio"),
    pytest.mark.skipif(not SPEAKS, reason="needs espeak-ng to speak"),
    pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}"),
]
RATE_HZ = 16_000
BOTH = {"audio": "measured", "face": "measured"}
TRIES = 6
SENTENCE = "I am so happy to see you today"


def sound_of(media: Path, seconds: float) -> NDArray[np.float32]:
    """The clip's voice over and over."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(media)) as container:
        parts = [
            out.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    once = np.concatenate(parts)
    return np.tile(once, int(seconds * RATE_HZ / once.size) + 1)


def reads(event: Event, **sources: str) -> bool:
    """Whether a window was read from these sources."""
    return event["type"] == "measurement.result" and all(
        event["modalities"][m]["source"] == source for m, source in sources.items()
    )


def turned(event: Event, modality: str, state: str) -> bool:
    return (event["type"], event.get("modality"), event.get("state")) == (
        "sensor.health",
        modality,
        state,
    )


def test_devices_are_read_and_words_heard_and_what_is_pulled_out_comes_back(
    data_root: Path, tmp_path: Path
) -> None:
    clip = data_root / "media" / "retalk_face1.mp4"
    voice = sound_of(clip, 200.0)
    with sound_server() as sound, webcam(clip) as camera:
        sound.say(voice, RATE_HZ)
        options = ("--microphone", "pulse", "--camera", camera.url, "--asr", str(FIXTURE))
        with live_program(tmp_path, sound.env, *options) as program:
            begun = program.wait("both are read", lambda e: reads(e, **BOTH), most_s=180.0)
            workers = program.workers()
            assert len(workers) == 6  # two devices, three stages, the recognizer
            heard = hears_words(program, sound, begun["seq"])
            sound.say(voice, RATE_HZ)

            sound.unplug()
            lost = program.wait("no sound", lambda e: turned(e, "audio", "lost"), heard["seq"])
            program.wait("the face goes on", lambda e: reads(e, face="measured"), lost["seq"])
            sound.plug()
            sound.say(voice, RATE_HZ)
            ok = program.wait("sound again", lambda e: turned(e, "audio", "ok"), lost["seq"])
            both = program.wait("both again", lambda e: reads(e, **BOTH), ok["seq"])

            camera.unplug()
            lost = program.wait("no picture", lambda e: turned(e, "face", "lost"), both["seq"])
            program.wait("the voice goes on", lambda e: reads(e, audio="measured"), lost["seq"])
            again = Webcam(clip, camera.port)
            try:
                ok = program.wait("a face again", lambda e: turned(e, "face", "ok"), lost["seq"])
                program.wait("both at last", lambda e: reads(e, **BOTH), ok["seq"])
                workers += program.workers()
                assert program.stop() == 130, program.said()
            finally:
                again.unplug()
    check_errors(program)
    check_windows(program)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def hears_words(program: LiveProgram, sound: SoundServer, since: int) -> Event:
    """Somebody says a sentence: it comes in parts, then whole, then as tokens of a window.

    A machine that is busy elsewhere may read a sentence too late for any window, so it is repeated.
    """
    samples, truth = spoken([Line(SENTENCE)])
    for _ in range(TRIES):
        sound.say(samples, RATE_HZ)
        final = program.wait("the words", lambda e: said(e, SENTENCE), since)
        hit = program.look("a window with words", has_words, final["seq"], most_s=6.0)
        if hit is not None:
            break
        since = final["seq"] + 1
    assert hit is not None, "words came, but too late for every window"
    words = final["words"]
    offset_s = words[-1]["end_ms"] / 1000 - truth[-1][2]
    for word, (text, _, end_s) in zip(words, truth, strict=True):
        assert word["text"] == text
        assert word["end_ms"] / 1000 == pytest.approx(end_s + offset_s, abs=0.3)
    partials = [e for e in program.events()[: final["seq"]] if e["type"] == "transcript.partial"]
    assert any(e["start_ms"] == final["start_ms"] for e in partials)
    return hit


def said(event: Event, text: str) -> bool:
    return (event["type"], event.get("text")) == ("transcript.final", text)


def has_words(event: Event) -> bool:
    if not event["type"].startswith("measurement."):
        return False
    source: str = event["modalities"]["text"]["source"]
    return source == "measured"


def check_errors(program: LiveProgram) -> None:
    """Each loss is told once, with the device's name and what to do."""
    errors = [e for e in program.events() if e["type"] == "error"]
    # A busy machine says so, too.
    errors = [e for e in errors if not e["code"].startswith("overload.")]
    assert {e["code"] for e in errors} == {"device_lost"}, errors
    texts = [e["message"] for e in errors]
    assert any("microphone 'pulse, ALSA' has stopped; is it still connected?" in t for t in texts)
    assert any("gives no pictures any more" in t or "has stopped" in t for t in texts)
    assert len(texts) == len(set(texts)), texts


def check_windows(program: LiveProgram) -> None:
    """Not one window is missing."""
    events = program.events()
    ends = [e["window"]["end_ms"] for e in events if e["type"] == "measurement.result"]
    assert set(np.diff(ends)) == {500}
    assert events[-1]["type"] == "session.closed"
