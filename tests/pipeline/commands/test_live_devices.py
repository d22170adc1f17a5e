"""`tacit live` on a real sound server and a camera on a wire, both of which are pulled out."""

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.live_program import Event, LiveProgram, live_program
from tests.fakes.sound_server import missing, sound_server
from tests.fakes.webcam import Webcam, webcam

pytestmark = [
    pytest.mark.process,
    pytest.mark.media,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="the microphone's stand-in is PulseAudio"),
    pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}"),
]
RATE_HZ = 16_000


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


def test_devices_that_are_pulled_out_are_flagged_and_taken_up_again(
    data_root: Path, tmp_path: Path
) -> None:
    clip = data_root / "media" / "retalk_face1.mp4"
    voice = sound_of(clip, 120.0)
    with sound_server() as sound, webcam(clip) as camera:
        sound.say(voice, RATE_HZ)
        options = ("--microphone", "pulse", "--camera", camera.url, "--asr", "off")
        with live_program(tmp_path, sound.env, *options) as program:
            program.wait("both are read", lambda e: reads(e, audio="measured", face="measured"))
            workers = program.workers()
            assert len(workers) == 5  # two devices, two stages, the recognizer

            sound.unplug()
            lost = program.wait("no sound", lambda e: turned(e, "audio", "lost"))
            program.wait("the face goes on", lambda e: reads(e, face="measured"), lost["seq"])
            sound.plug()
            sound.say(voice, RATE_HZ)
            ok = program.wait("sound again", lambda e: turned(e, "audio", "ok"), lost["seq"])
            both = {"audio": "measured", "face": "measured"}
            program.wait("both again", lambda e: reads(e, **both), ok["seq"])

            camera.unplug()
            lost = program.wait("no picture", lambda e: turned(e, "face", "lost"), ok["seq"])
            program.wait("the voice goes on", lambda e: reads(e, audio="measured"), lost["seq"])
            again = Webcam(clip, camera.port)
            try:
                ok = program.wait("a face again", lambda e: turned(e, "face", "ok"), lost["seq"])
                program.wait("both at last", lambda e: reads(e, **both), ok["seq"])
                workers += program.workers()
                assert program.stop() == 130
            finally:
                again.unplug()
    check_errors(program)
    check_windows(program)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def check_errors(program: LiveProgram) -> None:
    """Each loss is told once, with the device's name and what to do."""
    errors = [e for e in program.events() if e["type"] == "error"]
    assert {e["code"] for e in errors} <= {"device_lost"}, errors
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
