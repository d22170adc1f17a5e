"""The stages of the shipped model, in order: encoders first, then what stands on them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from .stage import Place, Progress, Stage


def _face_settings() -> type:
    from ...models.training.face_fit import FaceTrainingConfig

    return FaceTrainingConfig


def _train_face(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
    from ...models.training import face

    config = replace(config, cache=place.cache)
    return face.train(place.root, place.weights / "face", config, progress).metrics


def _audio_settings() -> type:
    from ...models.training.audio import AudioConfig

    return AudioConfig


def _train_audio(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
    from ...models.training import audio

    out = place.weights / "audio"
    return audio.train(place.root, out, config, progress, place.cache).metrics


def _text_settings() -> type:
    from ...models.training.text import TextTrainingConfig

    return TextTrainingConfig


def _train_text(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
    from ...models.training import text

    config = replace(config, threads=place.threads)
    out = place.weights / "text"
    return text.train(place.root, out, config, progress, place.cache).metrics


def _baseline_settings() -> type:
    from ...models.training.baseline import BaselineConfig

    return BaselineConfig


def _train_baseline(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
    from ...models.training import baseline

    config = replace(config, weights=place.weights, cache=place.cache)
    return baseline.train(place.root, place.weights / "baseline", config, progress).metrics


def _recovery_settings() -> type:
    from ...models.training.recovery_run import RunConfig

    return RunConfig


def _train_recovery(place: Place, config: Any, progress: Progress) -> Mapping[str, float]:
    """Fusion and recovery: base fusion, teacher, student, refined fusion, gate, temperatures.

    Each of them is kept in `place.parts` when it is done, and not trained again.
    """
    from ...models.training import recovery_run

    fusion = replace(config.fusion, weights=place.weights, cache=place.cache)
    config = replace(config, fusion=fusion)
    parts = place.parts / "recovery"
    return recovery_run.train(place.root, place.weights, parts, config, progress).metrics


_PLACES: Final = frozenset({"cache", "weights", "threads"})
_ENCODERS: Final = ("face", "audio", "text")

STAGES: Final[Mapping[str, Stage]] = {
    stage.name: stage
    for stage in (
        Stage("face", _face_settings, _train_face, fixed=_PLACES),
        Stage("audio", _audio_settings, _train_audio, fixed=_PLACES),
        Stage("text", _text_settings, _train_text, fixed=_PLACES),
        Stage("baseline", _baseline_settings, _train_baseline, ("audio",), fixed=_PLACES),
        Stage(
            "recovery",
            _recovery_settings,
            _train_recovery,
            needs=_ENCODERS,
            writes=("fusion", "recovery"),
            fixed=frozenset(f"fusion.{name}" for name in _PLACES),
        ),
    )
}
"""By name, in the order in which they run."""
