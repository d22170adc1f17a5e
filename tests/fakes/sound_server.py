"""A microphone stand-in: a private PulseAudio server whose null sink is recorded from."""

import os
import shutil
import subprocess
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

PROGRAMS = ("pulseaudio", "pactl", "paplay")
PLUGIN = "*/alsa-lib/libasound_module_pcm_pulse.so"
SINK = "fakemic"
START_S = 20.0


def missing() -> list[str]:
    """What a sound server lacks here."""
    plugin = any(any(Path(folder).glob(PLUGIN)) for folder in ("/usr/lib", "/usr"))
    return [program for program in PROGRAMS if shutil.which(program) is None] + (
        [] if plugin else ["ALSA's plugin for PulseAudio"]
    )


class SoundServer:
    """The server and what is played to the microphone.

    Args:
        folder: private and of a short name, since it holds the socket.
    """

    def __init__(self, folder: Path) -> None:
        self.env = {"PULSE_SERVER": f"unix:{folder}/native", "PULSE_COOKIE": f"{folder}/cookie"}
        self._folder = folder
        self._module = ""
        self._player: subprocess.Popen[bytes] | None = None
        native = f"module-native-protocol-unix socket={folder}/native auth-anonymous=1"
        self._server = self._start(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"),
            *("-L", native),
        )
        deadline_s = time.monotonic() + START_S
        while self._control("info").returncode:
            assert self._server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline_s, "the sound server does not answer"
            time.sleep(0.05)

    def plug(self) -> None:
        """Connect the microphone."""
        self._module = self._control("load-module", "module-null-sink", f"sink_name={SINK}").stdout
        assert self._module, "the sound server has no null sink"

    def unplug(self) -> None:
        """Pull the microphone out; who records from it gets nothing any more."""
        self._control("unload-module", self._module.strip())
        self.hush()

    def say(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        """Play (N,) sound to the microphone; returns at once."""
        self.hush()
        path = self._folder / "sound.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        self._player = self._start("paplay", "-d", SINK, str(path))

    def hush(self) -> None:
        """Stop playing."""
        player, self._player = self._player, None
        if player is not None:
            player.kill()
            player.wait()

    def close(self) -> None:
        """End the server."""
        self.hush()
        self._server.terminate()
        try:
            self._server.wait(5.0)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "log").open("ab") as log:
            env = os.environ | self.env | {"XDG_RUNTIME_DIR": str(self._folder)}
            return subprocess.Popen(command, env=env, stdout=log, stderr=log)

    def _control(self, *order: str) -> "subprocess.CompletedProcess[str]":
        env = os.environ | self.env
        return subprocess.run(
            ["pactl", *order], env=env, capture_output=True, text=True, timeout=START_S, check=False
        )


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """A server with its microphone plugged in."""
    folder = Path(mkdtemp(prefix="pulse-"))
    server: SoundServer | None = None
    try:
        server = SoundServer(folder)
        server.plug()
        yield server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)
