"""Builds stages by name, importing only what the wanted one needs.

Workers start in a second because the face worker never imports Whisper and the text worker never
imports MediaPipe; hence the imports inside the functions.
"""

from typing import TYPE_CHECKING, Protocol

from ...stream.packet import Modality, Packet
from ..config import Settings
from ..job import Go, Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...models.recognizer import Recognizer


class Stage(Protocol):
    """Turns one stream of a recording into feature packets."""

    def packets(self, go: Go) -> "Iterator[Packet]":
        """All packets from `go.start_ns` on; the last one has kind "end"."""


def build_stage(modality: Modality, job: Job) -> Stage:
    """Load the models of one stage.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """
    if modality == "face":
        from .face import FaceStage

        return FaceStage(job)
    if modality == "audio":
        from .audio import AudioStage

        return AudioStage(job)
    from .text import TextStage

    return TextStage(job)


def build_recognizer(settings: Settings) -> "Recognizer":
    """Load the recognizer and warm it up.

    Raises:
        ModelError: weights are missing, damaged or unfit.
    """
    import torch

    from ...models.recognizer import Recognizer

    torch.set_num_threads(settings.threads)
    recognizer = Recognizer.load(settings.weights, recover=settings.recovery.enabled)
    recognizer.warm_up()
    return recognizer
