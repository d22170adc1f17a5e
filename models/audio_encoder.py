"""The streaming audio encoder: samples in, one vector per 40 ms out, with explicit state."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import checkpoint, prosody
from .audio_blocks import BLOCK, HOP, SAMPLE_RATE_HZ, BlockState, cut_blocks, hop_windows
from .audio_blocks import initial_block_state as initial_blocks
from .audio_features import WINDOW as MEL_WINDOW
from .audio_features import log_mel
from .audio_graph import AudioPast, AudioSession
from .audio_net import AudioNet, AudioNetConfig
from .checkpoint import SHIPPED
from .errors import CheckpointError
from .features import Bool, Float32

KIND: Final = "audio"


@dataclass(frozen=True, slots=True, eq=False)
class AudioEncoderState:
    """What a stream has left behind; its size is bounded.

    Attributes:
        blocks: samples that are still needed.
        net: the past of each layer.
    """

    blocks: BlockState
    net: AudioPast


def config_from(fields: Mapping[str, Any], folder: Path) -> AudioNetConfig:
    """Rebuild the network's shape from a manifest.

    Raises:
        CheckpointError: fields missing, extra or of the wrong kind.
    """
    try:
        stem = tuple(int(n) for n in fields["stem"])
        dilations = tuple(int(n) for n in fields["dilations"])
        rest = {k: v for k, v in fields.items() if k not in {"stem", "dilations"}}
        if len(stem) != 3:
            raise ValueError(f"stem {stem} has not three numbers")
        return AudioNetConfig(stem=(stem[0], stem[1], stem[2]), dilations=dilations, **rest)
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{folder}: config does not describe an audio model: {exc}") from exc


def fuse(model: AudioNet) -> AudioNet:
    """Fold each batch norm into its convolution, in place; the model must be in eval mode."""
    for layer in list(model.encoder.modules()):
        for conv, norm in (("conv", "norm"), ("mix", "mix_norm"), ("enter", "enter_norm")):
            before, after = getattr(layer, conv, None), getattr(layer, norm, None)
            if isinstance(before, nn.Conv1d | nn.Conv2d) and isinstance(after, _BatchNorm):
                setattr(layer, conv, fuse_conv_bn_eval(before, after))
                setattr(layer, norm, nn.Identity())
    return model


class StreamingAudioEncoder:
    """Encodes 16 kHz mono speech; holds weights only, never a stream.

    Whole blocks of 40 ms are always computed alone and in the same way, so the output of a stream
    is the same to the last bit for any chunking.
    """

    frame_ns: Final = BLOCK * 1_000_000_000 // SAMPLE_RATE_HZ

    def __init__(self, model: AudioNet) -> None:
        """Take a trained model; it is put in eval mode and its batch norms are folded."""
        self._model = fuse(model.eval())
        self._session = AudioSession(self._model.encoder)

    @classmethod
    def load(cls, folder: Path = SHIPPED / KIND) -> "StreamingAudioEncoder":
        """Load from a checkpoint.

        Raises:
            CheckpointError: missing, damaged or not an audio model.
        """
        tensors, manifest = checkpoint.load(folder, KIND)
        model = AudioNet(config_from(manifest.config, folder))
        checkpoint.restore(model, tensors, folder)
        return cls(model)

    @property
    def dim(self) -> int:
        """D, length of a frame's vector."""
        return self._model.config.dim

    def initial_state(self) -> AudioEncoderState:
        """State at the start of a stream: nothing was heard before."""
        past = self._session.initial_past()
        return AudioEncoderState(initial_blocks(prosody.WINDOW - HOP), past)

    def step(self, samples: Float32, state: AudioEncoderState) -> tuple[Float32, AudioEncoderState]:
        """Encode the next stretch of a stream.

        Frame k of the stream describes its samples from k * 40 ms to (k + 1) * 40 ms and depends
        on nothing later. Samples that do not fill a frame wait in the state.

        Args:
            samples: (N,) float32 at 16 kHz, full scale +-1; N may be 0.
            state: from `initial_state` or the step before.

        Returns:
            (F, D) float32, the frames that became complete, and the next state.

        Raises:
            ValueError: another shape or dtype, or a sample that is NaN or infinite.
        """
        blocks, pending = cut_blocks(samples, state.blocks)
        past = state.net
        values = np.empty((len(blocks), self.dim), np.float32)
        for row, block in enumerate(blocks):
            values[row], past = self._session.step(block_features(block), past)
        return values, AudioEncoderState(pending, past)

    def encode(self, waveform: Float32) -> Float32:
        """Encode a whole recording, (N,) float32 to (N // 640, D) float32; see `step`."""
        return self.step(waveform, self.initial_state())[0]

    def classify(self, tokens: Float32, mask: Bool) -> Float32:
        """Read one window of tokens with the encoder's own head; probabilities not calibrated.

        Args:
            tokens: (T, D) float32 from `features.pool_frames`, T at most the trained bins.
            mask: (T,) bool, at least one True.

        Returns:
            (7,) float32 in the order of `labels.EMOTIONS`.

        Raises:
            ValueError: no token is measured, or shapes do not fit.
        """
        if tokens.shape != (len(mask), self.dim) or len(mask) > self._model.config.bins:
            raise ValueError(f"tokens {tokens.shape} and mask {mask.shape} do not fit the head")
        if not mask.any():
            raise ValueError("no token of the window is measured")
        with torch.inference_mode():
            logits = self._model.head(torch.from_numpy(tokens)[None], torch.from_numpy(mask)[None])
        return np.asarray(logits.softmax(dim=1)[0].numpy(), np.float32)

    def energy_db(self, samples: Float32) -> Float32:
        """Loudness of a whole recording, (N // 160,) float32 in dB of full scale."""
        return prosody.Prosody().whole(samples)[:, -1]


def block_features(block: Float32) -> Float32:
    """Raw features of the last four hops of a block with its past.

    Args:
        block: (480 + 640,) float32.

    Returns:
        (4, 67) float32: log-mel, f0 in Hz, voicing, energy in dB.
    """
    mel = log_mel(hop_windows(block[prosody.WINDOW - MEL_WINDOW :], MEL_WINDOW))
    return np.concatenate([mel, prosody.prosody(hop_windows(block, prosody.WINDOW))], axis=1)
