"""Windows and predictions as bus messages, and back."""

from dataclasses import asdict
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ..models.features import (
    MODALITIES,
    FeatureWindow,
    Modality,
    PastTokens,
    Prediction,
    RecoveryFlag,
    RecoveryNote,
    Source,
)
from ..models.labels import EMOTIONS
from ..stream.errors import RemoteError
from ..stream.wire import Message


def window_to_message(job: int, window: FeatureWindow) -> Message:
    """Pack a window for the recognizer process; `job` comes back with the prediction."""
    arrays: dict[str, NDArray[Any]] = {}
    for modality in MODALITIES:
        arrays[f"{modality}.values"] = window.values[modality]
        arrays[f"{modality}.mask"] = window.mask[modality]
    for modality, past in window.past.items():
        arrays[f"{modality}.past"] = past.values
        arrays[f"{modality}.past_age_s"] = past.age_s
    fields: dict[str, Any] = {
        "job": job,
        "participant": window.participant,
        "t0_ns": window.t0_ns,
        "t1_ns": window.t1_ns,
        "coverage": {m: float(window.coverage[m]) for m in MODALITIES},
        "lost": [m for m in MODALITIES if m in window.lost],
        "degradation": {m: float(level) for m, level in window.degradation.items()},
    }
    return Message("window", fields, arrays)


def message_to_window(message: Message) -> tuple[int, FeatureWindow]:
    """Unpack a window.

    Raises:
        RemoteError: not a window message, or a field is missing or misshapen.
    """
    _expect(message, "window")
    try:
        values = {m: message.arrays[f"{m}.values"] for m in MODALITIES}
        mask = {m: message.arrays[f"{m}.mask"] for m in MODALITIES}
        coverage = {m: float(message.fields["coverage"][m]) for m in MODALITIES}  # type: ignore[index,call-overload]
        window = FeatureWindow(
            participant=str(message.fields["participant"]),
            t0_ns=_integer(message, "t0_ns"),
            t1_ns=_integer(message, "t1_ns"),
            values=values,
            mask=mask,
            coverage=coverage,
            lost=_modalities(message, "lost"),
            past=_past(message),
            degradation=_measures(message.fields["degradation"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RemoteError(f"window message: {exc!r}") from exc
    for modality in MODALITIES:
        tokens, measured = values[modality], mask[modality]
        if tokens.ndim != 2 or tokens.dtype != np.float32 or measured.dtype != np.bool_:
            raise RemoteError(f"window message: {modality} tokens are not (T, D) float32 + bool")
        if measured.shape != tokens.shape[:1]:
            raise RemoteError(f"window message: {modality} mask and tokens differ in length")
    return _integer(message, "job"), window


def prediction_to_message(job: int, prediction: Prediction) -> Message:
    """Pack a prediction for the way back."""
    arrays: dict[str, NDArray[Any]] = {"probabilities": prediction.probabilities}
    for modality, probabilities in prediction.unimodal.items():
        arrays[f"{modality}.probabilities"] = probabilities
    note = prediction.recovery
    fields: dict[str, Any] = {
        "job": job,
        "recovery": None if note is None else {**asdict(note), "spread": dict(note.spread)},
        "t0_ns": prediction.t0_ns,
        "t1_ns": prediction.t1_ns,
        "valence": prediction.valence,
        "arousal": prediction.arousal,
        "confidence": prediction.confidence,
        "abstained": prediction.abstained,
        "sources": dict(prediction.sources),
    }
    return Message("prediction", fields, arrays)


def message_to_prediction(message: Message) -> tuple[int, Prediction]:
    """Unpack a prediction.

    Raises:
        RemoteError: not a prediction message, or a field is missing, misshapen or not finite.
    """
    _expect(message, "prediction")
    fields = message.fields
    try:
        sources = cast("dict[Modality, Source]", fields["sources"])
        unimodal = {
            m: _probabilities(message, f"{m}.probabilities")
            for m in MODALITIES
            if f"{m}.probabilities" in message.arrays
        }
        prediction = Prediction(
            t0_ns=_integer(message, "t0_ns"),
            t1_ns=_integer(message, "t1_ns"),
            probabilities=_probabilities(message, "probabilities"),
            valence=cast("float | None", fields["valence"]),
            arousal=cast("float | None", fields["arousal"]),
            confidence=float(cast("float", fields["confidence"])),
            abstained=bool(fields["abstained"]),
            sources={m: sources[m] for m in MODALITIES},
            unimodal=unimodal,
            recovery=_note(fields["recovery"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RemoteError(f"prediction message: {exc!r}") from exc
    return _integer(message, "job"), prediction


def _expect(message: Message, kind: str) -> None:
    if message.kind != kind:
        raise RemoteError(f"expected a {kind} message, got {message.kind!r}")


def _integer(message: Message, name: str) -> int:
    value = message.fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RemoteError(f"{message.kind} message: {name} is not an integer: {value!r}")
    return value


def _modalities(message: Message, name: str) -> frozenset[Modality]:
    listed = cast("list[Modality]", message.fields[name])
    if not set(listed) <= set(MODALITIES):
        raise ValueError(f"{name} {listed!r}")
    return frozenset(listed)


def _measures(fields: object) -> dict[Modality, float]:
    given = cast("dict[Modality, float]", fields)
    return {m: float(given[m]) for m in MODALITIES if m in given}


def _past(message: Message) -> dict[Modality, PastTokens]:
    found: dict[Modality, PastTokens] = {}
    for modality in MODALITIES:
        if f"{modality}.past" not in message.arrays:
            continue
        tokens, age_s = message.arrays[f"{modality}.past"], message.arrays[f"{modality}.past_age_s"]
        if tokens.ndim != 2 or age_s.shape != tokens.shape[:1]:
            raise ValueError(f"{modality}.past {tokens.shape}, ages {age_s.shape}")
        if tokens.dtype != np.float32 or age_s.dtype != np.float32:
            raise ValueError(f"{modality}.past is {tokens.dtype}, ages {age_s.dtype}")
        found[modality] = PastTokens(tokens, age_s)
    return found


def _note(given: object) -> RecoveryNote | None:
    if given is None:
        return None
    fields = cast("dict[str, Any]", given)
    if fields["flag"] not in (None, *get_args(RecoveryFlag)):
        raise ValueError(f"recovery flag {fields['flag']!r}")
    return RecoveryNote(
        steps=int(fields["steps"]),
        samples=int(fields["samples"]),
        share=float(fields["share"]),
        spread=_measures(fields["spread"]),
        flag=fields["flag"],
    )


def _probabilities(message: Message, name: str) -> NDArray[np.float32]:
    array = message.arrays[name]
    if array.shape != (len(EMOTIONS),) or not np.isfinite(array).all():
        raise RemoteError(f"{message.kind} message: {name} is not {len(EMOTIONS)} finite numbers")
    return array.astype(np.float32)
