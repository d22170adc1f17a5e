"""Session files with made-up sound and pictures in them."""

from pathlib import Path

import numpy as np

from tacit.stream.media_codecs import PictureEncoder, SoundEncoder
from tacit.stream.media_messages import media_topic, pack_unit
from tacit.stream.packet import NS_PER_MS, Modality
from tacit.stream.recording import RecordingWriter

SOUND_NS = 40 * NS_PER_MS
FACE_NS = 60 * NS_PER_MS
FRAME_NS = 40 * NS_PER_MS


def write_streams(
    path: Path, seconds: int = 2, kinds: tuple[Modality, ...] = ("audio", "face")
) -> Path:
    """Sound whose level rises from 0 to 0.5, and 25 pictures a second whose level counts up."""
    writer = RecordingWriter(path)
    sounds, pictures = SoundEncoder(), PictureEncoder()
    ramp = np.linspace(0, 0.5, seconds * 16_000, dtype=np.float32)
    for k in range(seconds * 50):
        if "audio" in kinds:
            t_ns = SOUND_NS + k * 20 * NS_PER_MS
            for unit in sounds.push(ramp[k * 320 : (k + 1) * 320], t_ns):
                writer.write(media_topic("audio", "p1"), t_ns, pack_unit("audio", "p1", unit))
        if "face" in kinds and k % 2 == 0:
            t_ns = FACE_NS + k // 2 * FRAME_NS
            picture = np.full((48, 64, 3), 40 + k, np.uint8)
            for unit in pictures.encode(picture, t_ns):
                writer.write(media_topic("face", "p1"), t_ns, pack_unit("face", "p1", unit))
    writer.close()
    return path
