"""The fusion as an ONNX graph: the same sums as torch, without torch's cost per operation.

What a token brings into the transformer is computed in NumPy, for measured tokens only, so the
graph never sees an empty place.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch

from .features import Bool, Float32, Modality
from .fusion import SOURCES, Block, Fusion, Reader
from .onnx_graph import Graph, Session

BARRED: Final = np.float32(-1e9)


def add_block(graph: Graph, x: str, block: Block, bias: str | None, first: bool = False) -> str:
    """One block over (B, S, W); `first` gives only the first token, (B, 1, W)."""
    width = block.merge.in_features
    normed = graph.layer_norm(x, block.norm_attention)
    asked = normed
    if first:
        cut = [graph.integers(part) for part in (0, 1, 1)]
        asked, x = (graph.add("Slice", value, *cut) for value in (normed, x))
    weight = torch.split(block.queries_keys_values.weight, width)
    offset = torch.split(block.queries_keys_values.bias, width)
    q, k, v = (
        graph.linear(source, w, b)
        for source, w, b in zip((asked, normed, normed), weight, offset, strict=True)
    )
    mixed = graph.attend(q, k, v, (block.heads, width), bias)
    x = graph.add("Add", x, graph.layer(mixed, block.merge))
    inner = graph.gelu(graph.layer(graph.layer_norm(x, block.norm_feed), block.feed[0]))  # type: ignore[arg-type]
    return graph.add("Add", x, graph.layer(inner, block.feed[3]))  # type: ignore[arg-type]


def add_fusion(graph: Graph, sequence: str, bias: str | None, fusion: Fusion) -> str:
    """What the transformer adds to the logits, (B, C), of a sequence whose first is the summary."""
    x = sequence
    for number, block in enumerate(fusion.blocks, start=1):
        assert isinstance(block, Block)
        x = add_block(graph, x, block, bias, first=number == len(fusion.blocks))
    first = graph.add("Gather", x, graph.integers(0), axis=1)
    summary = graph.add("Squeeze", first, graph.integers(1))
    return graph.layer(graph.layer_norm(summary, fusion.norm), fusion.head)


class Entry:
    """Tokens on their way into the transformer, in NumPy.

    Args:
        fusion: in evaluation mode.
    """

    def __init__(self, fusion: Fusion) -> None:
        self.names = fusion.names
        self.summary: Float32 = fusion.summary.detach().numpy()
        self._place = fusion.modality.weight.detach().numpy()
        self._time = fusion.time.weight.detach().numpy()
        self._source = fusion.source.weight.detach().numpy()
        self._readers: dict[Modality, dict[str, Float32]] = {}
        for name in fusion.names:
            reader = fusion.readers[name]
            assert isinstance(reader, Reader)
            self._readers[name] = {
                key: value.detach().numpy() for key, value in reader.state_dict().items()
            }

    def seat(self, name: Modality, recovered: bool = False) -> Float32:
        """(T, W) what a token of a modality gets for its bin and source."""
        index = self.names.index(name)
        source = self._source[SOURCES["recovered" if recovered else "measured"]]
        return np.asarray(self._place[index] + self._time + source, dtype=np.float32)

    def projected(self, name: Modality, z: Float32) -> Float32:
        """(N, W) of standardised tokens (N, D)."""
        part = self._readers[name]
        return np.asarray(z @ part["project.weight"].T + part["project.bias"], dtype=np.float32)

    def alone(self, name: Modality, z: Float32) -> Float32:
        """(C,) what a modality's tokens (N, D), N > 0, say by themselves."""
        part = self._readers[name]
        mean = z.mean(axis=0)
        return np.asarray(part["alone.weight"] @ mean + part["alone.bias"], dtype=np.float32)

    def offset(self, name: Modality) -> Float32:
        """(C,) the part of `alone` that does not depend on tokens."""
        return self._readers[name]["alone.bias"]

    def measured(
        self, z: Mapping[Modality, Float32], mask: Mapping[Modality, Bool]
    ) -> tuple[Float32, dict[Modality, Float32], list[Modality]]:
        """The sequence of what is measured in one window.

        Args:
            z: per modality (T, D), standardised.
            mask: per modality (T,).

        Returns:
            sequence (S, W), the summary first; what each modality says alone; and the modality of
            each token after the summary.
        """
        rows, said, owners = [self.summary[None]], {}, []
        for name in self.names:
            here = mask[name]
            if here.any():
                tokens = z[name][here]
                rows.append(self.projected(name, tokens) + self.seat(name)[here])
                said[name] = self.alone(name, tokens)
                owners += [name] * len(tokens)
        return np.concatenate(rows).astype(np.float32), said, owners


class FusionSession:
    """Reads one window under several sets of modalities at once.

    Args:
        fusion: in evaluation mode.
    """

    def __init__(self, fusion: Fusion) -> None:
        self.entry = Entry(fusion)
        graph = Graph()
        width, classes = fusion.config.width, fusion.config.classes
        said = add_fusion(graph, "sequence", "bias", fusion)
        inputs = {"sequence": ("b", "s", width), "bias": ("b", 1, 1, "s")}
        self._session = Session(graph.model("fusion", inputs, {said: ("b", classes)}))
        self._classes = classes

    def logits(
        self,
        z: Mapping[Modality, Float32],
        mask: Mapping[Modality, Bool],
        rows: tuple[tuple[Modality, ...], ...],
    ) -> Float32:
        """Logits (R, C), each row as if only its modalities were measured.

        Args:
            z: per modality (T, D) standardised tokens of one window.
            mask: per modality (T,) bool.
            rows: modalities that each row may see.
        """
        sequence, said, owners = self.entry.measured(z, mask)
        bias = np.zeros((len(rows), 1, 1, len(sequence)), dtype=np.float32)
        alone = np.zeros((len(rows), self._classes), dtype=np.float32)
        for number, row in enumerate(rows):
            bias[number, 0, 0, 1:] = [0.0 if owner in row else BARRED for owner in owners]
            for name in row:
                alone[number] += said.get(name, np.float32(0.0))
        many = np.broadcast_to(sequence, (len(rows), *sequence.shape))
        inputs = {"sequence": np.ascontiguousarray(many), "bias": bias}
        return np.asarray(self._session.run(inputs)[0] + alone, dtype=np.float32)
