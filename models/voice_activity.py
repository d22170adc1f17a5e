"""Streaming voice activity: Silero VAD (v6, bundled with faster-whisper) with a carried state.

faster-whisper's own wrapper starts from zero at every call; here the recurrent state and the 64
samples of context travel along, so that any chunking of a stream gives the same probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import faster_whisper.utils
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnxruntime.capi import (  # type: ignore[import-untyped]
    onnxruntime_pybind11_state as ort_errors,
)

from .errors import ModelError
from .features import Float32

SAMPLE_RATE_HZ: Final = 16_000
HOP: Final = 512
"""Samples per probability: 32 ms."""

_CONTEXT: Final = 64
_STATE_SHAPE: Final = (1, 1, 128)
_FILE_NAME: Final = "silero_vad_v6.onnx"
_OPEN_ERRORS: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
)


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here."""

    def run(
        self, output_names: None, input_feed: Mapping[str, Float32], /
    ) -> list[NDArray[np.float32]]:
        """Evaluate the graph."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class VoiceState:
    """What the detector remembers between calls.

    Attributes:
        h: (1, 1, 128) float32, hidden state.
        c: (1, 1, 128) float32, cell state.
        context: (64,) float32, the last samples of the hop before.
        rest: (R,) float32 with R < 512, samples that do not fill a hop yet.
    """

    h: Float32
    c: Float32
    context: Float32
    rest: Float32


class VoiceActivity:
    """Probability of speech for each 32 ms hop of 16 kHz mono sound."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Open the detector; no network is used.

        Args:
            path: an ONNX file with inputs `input, h, c`; default: the one in faster-whisper.

        Raises:
            ModelError: the file is missing or no such graph.
        """
        path = path or Path(faster_whisper.utils.get_assets_path()) / _FILE_NAME
        if not path.is_file():
            raise ModelError(f"{path}: no voice detector here; reinstall faster-whisper 1.2")
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except _OPEN_ERRORS as exc:
            raise ModelError(f"{path}: not a usable ONNX file: {exc}") from exc
        return cls(session)

    @staticmethod
    def initial_state() -> VoiceState:
        """State before the first sample."""
        zeros = np.zeros(_STATE_SHAPE, dtype=np.float32)
        return VoiceState(
            h=zeros,
            c=zeros,
            context=np.zeros(_CONTEXT, dtype=np.float32),
            rest=np.zeros(0, dtype=np.float32),
        )

    def step(self, samples: Float32, state: VoiceState) -> tuple[Float32, VoiceState]:
        """Take the next samples of a stream.

        Args:
            samples: (N,) float32 in [-1, 1], 16 kHz; NaN and infinities count as 0.
            state: from `initial_state` or the call before.

        Returns:
            probabilities (F,) float32, one per hop completed by these samples, and the new state.
        """
        clean = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
        stream = np.concatenate([state.rest, clean])
        hops = len(stream) // HOP
        if hops == 0:
            return np.zeros(0, dtype=np.float32), VoiceState(
                state.h, state.c, state.context, stream
            )
        whole = stream[: hops * HOP].reshape(hops, HOP)
        context = np.vstack([state.context, whole[:-1, -_CONTEXT:]])
        rows = np.ascontiguousarray(np.hstack([context, whole]))
        out, h, c = self._session.run(None, {"input": rows, "h": state.h, "c": state.c})
        after = VoiceState(h, c, whole[-1, -_CONTEXT:].copy(), stream[hops * HOP :].copy())
        return np.asarray(out, dtype=np.float32).reshape(-1), after


@dataclass(frozen=True, slots=True)
class GateConfig:
    """When sound counts as speech; lengths in hops of 32 ms.

    Attributes:
        enter: probability from which a hop speaks for speech.
        leave: probability below which a hop speaks against it, once inside (hysteresis).
        min_speech_hops: hops at or above `enter`, near each other, that open the gate.
        hangover_hops: hops in a row below `leave` that close it.
    """

    enter: float = 0.5
    leave: float = 0.35
    min_speech_hops: int = 8
    hangover_hops: int = 18

    def __post_init__(self) -> None:
        if not 0.0 < self.leave <= self.enter < 1.0:
            raise ValueError(f"need 0 < leave <= enter < 1, got {self.leave} and {self.enter}")
        if self.min_speech_hops < 1 or self.hangover_hops < 1:
            raise ValueError("min_speech_hops and hangover_hops must be at least 1")


class SpeechGate:
    """Opens after enough speech and closes after enough silence, hop by hop."""

    def __init__(self, config: GateConfig) -> None:
        self._config = config
        self.open = False
        self.onset_hops = 0
        """Hops since the first one of the speech that is opening or has opened the gate."""
        self.quiet_hops = 0
        """Hops in a row, up to now, that spoke against speech."""
        self._loud_hops = 0

    def push(self, probability: float) -> bool:
        """Take one hop and say whether the gate is open after it."""
        if self.open or self._loud_hops:
            self.onset_hops += 1
        loud = probability >= (self._config.leave if self.open else self._config.enter)
        self.quiet_hops = 0 if loud else self.quiet_hops + 1
        if self.open:
            if self.quiet_hops >= self._config.hangover_hops:
                self.reset()
        elif loud:
            self._loud_hops += 1
            self.onset_hops = max(self.onset_hops, 1)
            if self._loud_hops >= self._config.min_speech_hops:
                self.open = True
        elif self.quiet_hops * 2 > self._config.min_speech_hops:
            self.reset()
        return self.open

    def reset(self) -> None:
        """Close, as before the first hop."""
        self.open = False
        self.onset_hops = self.quiet_hops = self._loud_hops = 0
