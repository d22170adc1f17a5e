"""A file that players open, made of the sound and pictures in a session file."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from .errors import MediaError
from .limits import AUDIO_GAP_NS
from .media_codecs import SOUND_HZ, SoundDecoder, Unit, is_key
from .packet import NS_PER_S
from .recorded_media import media_units

_MICRO: Final = Fraction(1, 1_000_000)
_AAC_BIT_PER_S: Final = 64_000
_FILL_SAMPLES: Final = SOUND_HZ


def write_playable(session: Path, out: Path) -> None:
    """Write an MP4 whose times are session times; holes in the sound are silent in it.

    Pictures go in as they are; sound becomes AAC, which every player knows.

    Args:
        session: a session file that holds sound or pictures.
        out: file to write, replaced if it is there.

    Raises:
        MediaError: there is nothing to play, or it cannot be written.
        RecordingError: the session file cannot be read.
    """
    key, heard = _first(session)
    if key is None and not heard:
        raise MediaError(f"{session} holds neither sound nor pictures")
    try:
        with av.open(str(out), "w", format="mp4") as container:
            pictures = _Pictures(container, key) if key is not None else None
            sound = _Sound(container) if heard else None
            for modality, unit in media_units(session, "audio", "face"):
                if modality == "audio" and sound is not None:
                    sound.add(unit)
                elif modality == "face" and pictures is not None:
                    pictures.add(unit)
            if sound is not None:
                sound.end()
    except av.FFmpegError as exc:
        raise MediaError(f"{out}: cannot be written: {exc}") from exc


def _first(session: Path) -> tuple[Unit | None, bool]:
    """The first key picture, and whether there is sound."""
    key: Unit | None = None
    heard = False
    for modality, unit in media_units(session, "audio", "face"):
        heard = heard or modality == "audio"
        if key is None and modality == "face" and is_key(unit.data):
            key = unit
        if key is not None and heard:
            break
    return key, heard


class _Pictures:
    """Puts pictures into a container as they were encoded."""

    def __init__(self, container: av.container.OutputContainer, key: Unit) -> None:
        self._container = container
        with av.open(BytesIO(key.data), format="h264") as raw:
            self._stream: Any = container.add_stream_from_template(raw.streams.video[0])
        self._stream.time_base = _MICRO
        self._begun = False

    def add(self, unit: Unit) -> None:
        self._begun = self._begun or is_key(unit.data)
        if not self._begun:
            return
        packet = av.Packet(unit.data)
        packet.stream, packet.time_base = self._stream, _MICRO
        packet.pts = packet.dts = unit.t_ns // 1000
        packet.is_keyframe = is_key(unit.data)
        self._container.mux(packet)


class _Sound:
    """Puts sound into a container, from session time 0 without a hole."""

    def __init__(self, container: av.container.OutputContainer) -> None:
        self._container = container
        self._stream: Any = container.add_stream(
            "aac", rate=SOUND_HZ, layout="mono", bit_rate=_AAC_BIT_PER_S
        )
        self._decoder = SoundDecoder()
        self._count = 0

    def add(self, unit: Unit) -> None:
        samples = self._decoder.decode(unit.data)
        due_ns = self._count * NS_PER_S // SOUND_HZ
        if unit.t_ns - due_ns > AUDIO_GAP_NS:
            for quiet in _silence((unit.t_ns - due_ns) * SOUND_HZ // NS_PER_S):
                self._encode(quiet)
        elif due_ns - unit.t_ns > AUDIO_GAP_NS:
            # Twice the same moment: what came first stands.
            samples = samples[(due_ns - unit.t_ns) * SOUND_HZ // NS_PER_S :]
        if samples.size:
            self._encode(samples)

    def end(self) -> None:
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SOUND_HZ, self._count
        frame.time_base = Fraction(1, SOUND_HZ)
        self._count += samples.size
        self._container.mux(self._stream.encode(frame))


def _silence(samples: int) -> Iterator[NDArray[np.float32]]:
    while samples > 0:
        yield np.zeros(min(samples, _FILL_SAMPLES), np.float32)
        samples -= _FILL_SAMPLES
