"""Stages and a recognizer that read nothing: for virtual hours, where only checks matter."""

from typing import Any, Final

import numpy as np

from tacit.models.audio_encoder import StreamingAudioEncoder
from tacit.models.face_encoder import FaceReading
from tacit.models.features import FeatureWindow, Modality, Prediction, Source
from tacit.models.fusion import FusionConfig
from tacit.pipeline.stages.audio import AudioTrack
from tacit.pipeline.stages.emitter import Emitter
from tacit.pipeline.stages.face import FaceTrack
from tacit.pipeline.stages.host import StageHost
from tacit.stream.packet import Packet
from tools.fault_rows.clip import Picture, Sound
from tools.fault_rows.virtual import VirtualGraph, loaded_recognizer


class _QuickFace:
    """Finds the same face in every picture."""

    def __init__(self, dim: int) -> None:
        self._values = np.zeros(dim, np.float32)

    def read(self, _picture: Picture, _t_ns: int) -> FaceReading:
        return FaceReading(1, self._values)

    def close(self) -> None:
        return


class _QuickVoice:
    """Gives a vector per 40 ms of sound, always the same; its state is what is left over."""

    frame_ns: Final = StreamingAudioEncoder.frame_ns

    def __init__(self, dim: int) -> None:
        self._dim = dim

    def initial_state(self) -> int:
        return 0

    def step(self, samples: Sound, state: int) -> tuple[Sound, int]:
        count, left = divmod(state + samples.size, 640)
        return np.zeros((count, self._dim), np.float32), left


class _QuickRecognizer:
    """Claims nothing about any window, and says what was measured in it."""

    model_id, sha256 = "quick", "0" * 64

    def __init__(self, config: FusionConfig) -> None:
        self.config = config

    def predict(self, window: FeatureWindow) -> Prediction:
        sources: dict[Modality, Source] = {
            m: "measured" if window.mask[m].any() else "absent" for m in window.mask
        }
        even = np.full(7, 1 / 7, np.float32)
        return Prediction(window.t0_ns, window.t1_ns, even, 0.0, 0.0, 1 / 7, True, sources)


def quick_hosts() -> dict[Modality, StageHost]:
    """Stages that check every piece as the shipped ones do, but read nothing in it."""
    dims = loaded_recognizer().config.dims
    face: Any = _QuickFace(dims["face"])
    voice: Any = _QuickVoice(dims["audio"])

    def open_face(first: Packet) -> FaceTrack:
        return FaceTrack(face, Emitter("face", first.participant, 0), first.t_capture_ns, 15.0)

    def open_audio(first: Packet) -> AudioTrack:
        return AudioTrack(voice, Emitter("audio", first.participant, 0), first.t_capture_ns)

    return {"audio": StageHost(open_audio, 2), "face": StageHost(open_face, 2)}


def quick_graph() -> VirtualGraph:
    """A session with the shipped checks, health and windows, but no network: for hours."""
    quick: Any = _QuickRecognizer(loaded_recognizer().config)
    return VirtualGraph(quick_hosts(), recognizer=quick)
