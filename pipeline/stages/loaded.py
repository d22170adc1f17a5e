"""Models that are loaded once and then serve one recording after another."""

from typing import TYPE_CHECKING

from ...stream.packet import Modality
from ..config import Settings
from ..job import Job
from .build import Stage, build_recognizer

if TYPE_CHECKING:
    from ...models.audio_encoder import StreamingAudioEncoder
    from ...models.face_encoder import FaceReader
    from ...models.recognizer import Recognizer
    from .text import TextModels


class LoadedModels:
    """Builds stages from models that stay in memory; each is loaded when it is first needed.

    What a recording leaves behind never reaches the next one: weights hold no stream, and the face
    tracker starts anew. So at most one stage of each modality may run at a time.

    Args:
        settings: name the weights; those of every job must be the same.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._audio: StreamingAudioEncoder | None = None
        self._face: FaceReader | None = None
        self._text: TextModels | None = None
        self._recognizer: Recognizer | None = None

    def stage(self, modality: Modality, job: Job) -> Stage:
        """A stage that has not seen anything yet.

        Raises:
            ModelError: weights are missing, damaged or unfit.
        """
        if modality == "audio":
            return self._audio_stage(job)
        return self._face_stage(job) if modality == "face" else self._text_stage(job)

    def recognizer(self, settings: Settings) -> "Recognizer":
        """The recognizer; it holds no stream.

        Raises:
            ModelError: weights are missing, damaged or unfit.
        """
        if self._recognizer is None:
            self._recognizer = build_recognizer(settings)
        return self._recognizer

    def close(self) -> None:
        """Free the face tracker."""
        if self._face is not None:
            self._face.close()
            self._face = None

    def _audio_stage(self, job: Job) -> Stage:
        from ...models.audio_encoder import StreamingAudioEncoder
        from .audio import AudioStage

        if self._audio is None:
            self._audio = StreamingAudioEncoder.load(self._settings.weights / "audio")
        return AudioStage(job, self._audio)

    def _face_stage(self, job: Job) -> Stage:
        from .face import FaceStage, open_reader

        if self._face is None:
            self._face = open_reader(self._settings)
        else:
            self._face.restart()
        return FaceStage(job, self._face)

    def _text_stage(self, job: Job) -> Stage:
        from .text import TextStage, load_text

        if self._text is None:
            self._text = load_text(job)
        return TextStage(job, self._text)
