"""One block of the audio network as an ONNX graph; torch takes three times as long for it.

The graph is built from the weights when they are loaded. Normalisation, which is a running maximum
over four numbers, is done in NumPy.
"""

from typing import Final

import numpy as np
from torch import Tensor, nn

from .audio_blocks import HOPS_PER_BLOCK
from .audio_features import MELS
from .audio_net import (
    FALL_DB,
    LOWEST_LEVEL_DB,
    LOWEST_NATS,
    NATS_PER_DB,
    PITCH_REFERENCE_HZ,
    AudioEncoderNet,
    Residual,
    Stem,
)
from .features import Float32
from .onnx_graph import Graph, Session
from .prosody import COLUMNS

AudioPast = tuple[Float32, ...]
"""Level (1,), then the past of each layer: (1, C, 2, F) of a stem, (1, W, 2 * dilation) of a block.
"""

_FALL: Final = np.asarray(FALL_DB * np.arange(1, HOPS_PER_BLOCK + 1), np.float32)


class _AudioGraph(Graph):
    """A graph that knows the layers of the audio network, for one block of time."""

    def end(self, x: str, axis: int, begin: int) -> str:
        """What lies from `begin` on along an axis; counted from the end where it is negative."""
        ends = self.integers(np.iinfo(np.int64).max)
        return self.add("Slice", x, self.integers(begin), ends, self.integers(axis))

    def point(self, x: str, conv: nn.Conv1d) -> str:
        """A convolution over channels alone, (1, C) to (1, C')."""
        assert conv.bias is not None
        return self.add("Gemm", x, self.keep(conv.weight[..., 0]), self.keep(conv.bias), transB=1)

    def stem(self, x: str, past: str, stem: Stem) -> tuple[str, str]:
        """See `audio_net.Stem`."""
        conv = stem.conv
        assert conv.bias is not None
        joined = self.add("Concat", past, x, axis=2)
        weights = self.keep(conv.weight), self.keep(conv.bias)
        y = self.add("Conv", joined, *weights, strides=list(conv.stride), pads=[0, 1, 0, 1])
        return self.add("Relu", y), self.end(joined, 2, -2)

    def residual(self, x: str, past: str, block: Residual) -> tuple[str, str]:
        """See `audio_net.Residual`; x is (1, W)."""
        joined = self.add("Concat", past, self.add("Unsqueeze", x, self.integers(2)), axis=2)
        taken = self.integers(0, block.dilation, 2 * block.dilation)
        taps = self.add("Transpose", self.add("Gather", joined, taken, axis=2), perm=[0, 2, 1])
        y = self.add("Relu", self.point(self.add("Flatten", taps), block.conv))
        mixed = self.add("Add", x, self.point(y, block.mix))
        return self.add("Relu", mixed), self.end(joined, 2, 1)


def audio_graph(net: AudioEncoderNet) -> bytes:
    """Build the graph of an encoder for one block of 40 ms.

    Args:
        net: its normalisations folded into its convolutions.

    Returns:
        ONNX model from `mel` (1, 1, 4, 64), `voice` (1, 12) and `past0`, `past1`, … to the vector
        (1, D) and the next pasts in the same order.

    Raises:
        ValueError: it has a normalisation that is not folded.
    """
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules()):
        raise ValueError("the net has normalisations; fold them into its convolutions first")
    graph = _AudioGraph()
    shapes = {f"past{k}": tuple(past.shape) for k, past in enumerate(net.initial_state()[1:])}
    after: dict[str, str] = {}
    x = "mel"
    for name, stem in zip(shapes, net.stems, strict=False):
        assert isinstance(stem, Stem)
        x, after[name] = graph.stem(x, name, stem)
    x = graph.add("Concat", graph.add("Flatten", x), "voice", axis=1)
    x = graph.add("Relu", graph.point(x, net.enter))
    for name, block in zip(list(shapes)[len(net.stems) :], net.blocks, strict=True):
        assert isinstance(block, Residual)
        x, after[name] = graph.residual(x, name, block)
    x = graph.layer_norm(graph.layer(x, net.leave), net.leave_norm)
    inputs = {"mel": (1, 1, HOPS_PER_BLOCK, MELS), "voice": (1, HOPS_PER_BLOCK * len(COLUMNS))}
    outputs = {x: (1, net.config.dim)} | {after[name]: shape for name, shape in shapes.items()}
    return graph.model("audio", {**inputs, **shapes}, outputs)


class AudioSession:
    """Runs the encoder block by block; it holds no stream.

    Args:
        net: as `audio_graph` wants it.
    """

    def __init__(self, net: AudioEncoderNet) -> None:
        self._session = Session(audio_graph(net))
        self._mean: Float32 = net.get_buffer("mean").numpy()
        self._scale: Float32 = net.get_buffer("scale").numpy()
        self._first = tuple(as_array(past) for past in net.initial_state())

    def initial_past(self) -> AudioPast:
        """The past of a stream of which nothing was heard."""
        return self._first

    def step(self, features: Float32, past: AudioPast) -> tuple[Float32, AudioPast]:
        """Encode one block.

        Args:
            features: (4, 67) as `audio_encoder.block_features` gives them.
            past: from `initial_past` or the step before.

        Returns:
            (D,) the block's vector, and the next past.
        """
        level_db = self._level_db(features[:, -1], past[0])
        x = (relative(features, level_db) - self._mean) * self._scale
        inputs = {"mel": x[None, None, :, :MELS], "voice": x[:, MELS:].reshape(1, -1)}
        pasts = {f"past{k}": values for k, values in enumerate(past[1:])}
        vector, *after = self._session.run({**inputs, **pasts})
        return vector[0], (level_db[-1:], *after)

    def _level_db(self, energy_db: Float32, before_db: Float32) -> Float32:
        """See `audio_net.running_level`."""
        loudest = np.maximum.accumulate(energy_db + _FALL)
        return np.maximum(np.maximum(loudest, before_db) - _FALL, np.float32(LOWEST_LEVEL_DB))


def relative(features: Float32, level_db: Float32) -> Float32:
    """(4, 67) with the stream's own level (4,) taken out; see `AudioEncoderNet.normalise`."""
    f0_hz = features[:, MELS]
    mel = features[:, :MELS] - level_db[:, None] * np.float32(NATS_PER_DB)
    pitch = np.log2(np.maximum(f0_hz, 1.0) / np.float32(PITCH_REFERENCE_HZ)) * (f0_hz > 0)
    voice = np.stack([pitch, features[:, MELS + 1], features[:, -1] - level_db], axis=1)
    found = np.concatenate([np.maximum(mel, np.float32(LOWEST_NATS)), voice], axis=1)
    return np.asarray(found, np.float32)


def as_array(past: Tensor) -> Float32:
    """A layer's past; the level, (1, 1), as (1,)."""
    values = past.numpy()
    return np.ascontiguousarray(values[0] if values.ndim == 2 else values, np.float32)
