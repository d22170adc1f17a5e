"""Recovery and its reading as one ONNX graph: samples of what is lost, and what the fusion says.

A batch of one needs no masks: what is not known is not put in, and only lost positions are
generated. The time of the flow is fixed by the number of steps, so what it does to each layer is
computed once, when the graph is built.
"""

from functools import partial
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..features import Float32, Modality
from ..fusion import Block, Fusion
from ..fusion_graph import Entry, add_block, add_fusion
from ..onnx_graph import Graph, Session
from .averaging import Sampled, spread_of
from .condition import Condition
from .flow import LIMIT, Solver
from .network import DecoderBlock, RecoveryNet, waves

DECODER_EPS: Final = 1e-5
"""Of the decoder's normalisations, torch's default."""

Memory = list[tuple[str, str]]
Ints = NDArray[np.integer[Any]]


class RecoveryGraph:
    """The graph of one student, one fusion and one solver.

    Args:
        student: in evaluation mode.
        fusion: in evaluation mode.
        solver: by Euler steps, without guidance.
    """

    def __init__(self, student: RecoveryNet, fusion: Fusion, solver: Solver) -> None:
        self._student = student
        self._fusion = fusion
        self._solver = solver
        self._graph = Graph()

    def build(self, reading: bool = True) -> bytes:
        """ONNX model.

        Its inputs: `known` (1, S, W) context and, of each lost position, `noise` (K, N, L), `place`
        (1, N, W) and `i_which` (N,) modality; for reading, also `seat` (N, 1, V) and `part`
        (N, 1, 1) share of each lost position, `measured` (1, R, V) sequence of the fusion, and
        `alone` (1, C).

        Args:
            reading: whether the fusion reads what was drawn.

        Returns:
            a model that gives tokens (N, K, D), D the longest token, and with `reading` logits
            (K, C).
        """
        tokens = self._decoded(self._sampled())
        net, fusion = self._student.config, self._fusion.config
        inputs: dict[str, tuple[int | str, ...]] = {
            "known": (1, "s", net.width),
            "noise": ("k", "n", net.latent),
            "place": (1, "n", net.width),
            "i_which": ("n",),
        }
        outputs: dict[str, tuple[int | str, ...]] = {tokens: ("n", "k", max(net.dims.values()))}
        if reading:
            inputs |= {
                "seat": ("n", 1, fusion.width),
                "part": ("n", 1, 1),
                "measured": (1, "r", fusion.width),
                "alone": (1, fusion.classes),
            }
            outputs[self._read(tokens)] = ("k", fusion.classes)
        return self._graph.model("recovery", inputs, outputs)

    def _sampled(self) -> str:
        graph, steps = self._graph, self._solver.steps
        memory = self._context()
        x = "noise"
        for step in range(steps):
            size = 1.0 / steps
            moment = torch.tensor([[step * size, size if self._solver.student else 0.0]])
            v = self._velocity(x, self._when(moment), memory)
            x = graph.add("Add", x, graph.add("Mul", v, graph.number(size)))
        return x

    @torch.inference_mode()
    def _when(self, moment: Tensor) -> Tensor:
        """(1, W) what the decoder is told of a time and a step's size (1, 2)."""
        both = torch.cat([waves(part, 2.0) for part in moment.unbind(dim=1)], dim=-1)
        found = self._student.moment(both)
        return torch.as_tensor(found)

    def _context(self) -> Memory:
        """Keys and values (1, S, W) of every decoder block."""
        x = "known"
        for block in self._student.blocks:
            x = add_block(self._graph, x, cast("Block", block), None)
        found = []
        for block in self._decoder():
            weights = zip(block.known.weight.chunk(2), block.known.bias.chunk(2), strict=True)
            keys, values = (self._graph.linear(x, w, b) for w, b in weights)
            found.append((keys, values))
        return found

    def _velocity(self, x: str, when: Tensor, memory: Memory) -> str:
        graph, net = self._graph, self._student
        inner = graph.add("Add", graph.layer(x, net.enter), "place")
        for block, known in zip(self._decoder(), memory, strict=True):
            inner = self._block(inner, block, when, known)
        return graph.layer(graph.layer_norm(inner, net.norm), net.leave)

    def _block(self, x: str, block: DecoderBlock, when: Tensor, known: tuple[str, str]) -> str:
        """One decoder block over (K, N, W)."""
        graph, width = self._graph, self._student.config.width
        with torch.inference_mode():
            changes = block.modulate(when)[0].chunk(6)

        def seen(index: int) -> str:
            scale, shift = 1.0 + changes[2 * index + 1], changes[2 * index]
            return graph.normed(x, scale, shift, DECODER_EPS)

        parts = zip(block.own.weight.chunk(3), block.own.bias.chunk(3), strict=True)
        own = seen(0)
        q, k, v = (graph.linear(own, w, b) for w, b in parts)
        mixed = graph.attend(q, k, v, (block.heads, width))
        x = graph.add("Add", x, graph.layer(mixed, block.merge_own))
        # Queries do not see each other here, so all samples are asked in one row.
        asked = graph.layer(seen(1), block.query)
        row = graph.add("Reshape", asked, graph.integers(1, -1, width))
        heard = graph.layer(graph.attend(row, *known, (block.heads, width)), block.merge_known)
        x = graph.add("Add", x, graph.add("Reshape", heard, graph.add("Shape", x)))
        first, last = (cast("nn.Linear", block.feed[index]) for index in (0, 3))
        return graph.add("Add", x, graph.layer(graph.gelu(graph.layer(seen(2), first)), last))

    def _decoded(self, latents: str) -> str:
        """Tokens (N, K, D) of latents (K, N, L)."""
        graph, space = self._graph, self._student.space
        buffers = [
            [space.get_buffer(f"{name}_{part}") for part in ("mean", "basis", "scale")]
            for name in space.names
        ]
        longest = max(self._student.config.dims.values())
        means = torch.stack([padded(mean[None], longest) for mean, _, _ in buffers])
        bases = torch.stack(
            [padded(basis.T * scale[:, None], longest) for _, basis, scale in buffers]
        )
        by_position = graph.add("Transpose", latents, perm=[1, 0, 2])
        made = graph.add("MatMul", by_position, self._of_each(bases))
        made = graph.add("Add", made, self._of_each(means))
        return graph.add("Clip", made, graph.number(-LIMIT), graph.number(LIMIT))

    def _read(self, tokens: str) -> str:
        """Logits (K, C) of tokens (N, K, D) around what is measured."""
        graph, fusion = self._graph, self._fusion
        longest = max(fusion.config.dims.values())
        states = [fusion.readers[name].state_dict() for name in fusion.names]
        into = torch.stack([padded(s["project.weight"], longest).T for s in states])
        offset = torch.stack([s["project.bias"][None] for s in states])
        says = torch.stack([padded(s["alone.weight"], longest).T for s in states])
        entered = graph.add("MatMul", tokens, self._of_each(into))
        entered = graph.add("Add", entered, self._of_each(offset))
        entered = graph.add("Transpose", graph.add("Add", entered, "seat"), perm=[1, 0, 2])
        count = graph.add("Gather", graph.add("Shape", entered), graph.integers(0))
        ones = graph.integers(1, 1)
        shape = graph.add("Concat", count, ones, axis=0)
        measured = graph.add("Expand", "measured", shape)
        sequence = graph.add("Concat", measured, entered, axis=1)
        alone = graph.add("Mul", graph.add("MatMul", tokens, self._of_each(says)), "part")
        alone = graph.add("ReduceSum", alone, graph.integers(0), keepdims=0)
        said = graph.add("Add", add_fusion(graph, sequence, None, fusion), alone)
        return graph.add("Add", said, "alone")

    def _of_each(self, by_modality: Tensor) -> str:
        """A weight (M, ...) as one for each lost position (N, ...)."""
        return self._graph.add("Gather", self._graph.keep(by_modality), "i_which", axis=0)

    def _decoder(self) -> list[DecoderBlock]:
        return [cast("DecoderBlock", block) for block in self._student.decoder]


def padded(rows: Tensor, length: int) -> Tensor:
    """(R, D) with zeros up to (R, length)."""
    return torch.nn.functional.pad(rows, (0, length - rows.shape[1]))


class RecoverySession:
    """Draws and reads by the graph; see `RecoveryGraph`.

    Args:
        student: in evaluation mode.
        fusion: in evaluation mode.
        noise: (K, M * T, L).
        solver: how samples are drawn.
    """

    def __init__(self, student: RecoveryNet, fusion: Fusion, noise: Tensor, solver: Solver) -> None:
        self._student = student
        self._noise: Float32 = noise.numpy()
        self._place: Float32 = student.place.detach().numpy()
        self._entry = Entry(fusion)
        self._new_graph = partial(RecoveryGraph, student, fusion, solver)
        self._session = Session(self._new_graph().build())
        self._drawing: Session | None = None

    @torch.inference_mode()
    def read(
        self, condition: Condition, temperature: float
    ) -> tuple[dict[Modality, Tensor], Sampled]:
        """Draw samples for one window and have the fusion read them.

        Args:
            condition: a batch of one, in which something is wanted and no modality is both
                measured and wanted.
            temperature: see `averaging.read_samples`.

        Returns:
            samples (1, K, T, D) per modality, and what the fusion says to them; it keeps no
            `feature`.
        """
        where = self._where(condition)
        inputs = self._for_drawing(condition, where) | self._for_reading(condition, where)
        tokens, logits = self._session.run(inputs)
        samples = self._in_place(condition, where, tokens)
        said = torch.from_numpy(logits).unsqueeze(0)
        each = (said / temperature).softmax(dim=-1)
        spread = spread_of(samples, condition)
        return samples, Sampled(each.mean(dim=1), each, said, said.new_zeros(0), spread)

    @torch.inference_mode()
    def draw(self, condition: Condition) -> dict[Modality, Tensor]:
        """The samples of `read` alone; nothing reads them."""
        where = self._where(condition)
        if self._drawing is None:
            self._drawing = Session(self._new_graph().build(reading=False))
        tokens = self._drawing.run(self._for_drawing(condition, where))[0]
        return self._in_place(condition, where, tokens)

    def _where(self, condition: Condition) -> Ints:
        """(N,) positions of what is wanted, modality after modality."""
        names = self._student.config.names
        return np.flatnonzero(torch.cat([condition.wanted[m][0] for m in names]).numpy())

    def _for_drawing(self, condition: Condition, where: Ints) -> dict[str, NDArray[Any]]:
        """What drawing takes, of positions `where` (N,)."""
        return {
            "known": self._student.known(condition).numpy(),
            "noise": np.ascontiguousarray(self._noise[:, where]),
            "place": self._place[None, where],
            "i_which": (where // self._student.config.bins).astype(np.int64),
        }

    def _for_reading(self, condition: Condition, where: Ints) -> dict[str, NDArray[Any]]:
        """What reading takes as well."""
        names = self._student.config.names
        which = where // self._student.config.bins
        z = {m: condition.values[m][0].numpy() for m in names}
        mask = {m: condition.measured[m][0].numpy() for m in names}
        measured, said, _ = self._entry.measured(z, mask)
        alone = sum(said.values(), np.zeros_like(self._entry.offset(names[0])))
        seats = np.concatenate([self._entry.seat(m, recovered=True) for m in names])
        counts = np.bincount(which, minlength=len(names))
        for index in np.flatnonzero(counts):
            alone = alone + self._entry.offset(names[int(index)])
        return {
            "seat": seats[where][:, None],
            "part": (1.0 / counts[which]).astype(np.float32)[:, None, None],
            "measured": measured[None],
            "alone": alone[None],
        }

    def _in_place(
        self, condition: Condition, where: Ints, tokens: Float32
    ) -> dict[Modality, Tensor]:
        """Tokens (N, K, D) at their positions, measured ones around them."""
        config = self._student.config
        found = {}
        for index, name in enumerate(config.names):
            values = condition.values[name].unsqueeze(1).repeat(1, len(self._noise), 1, 1)
            rows = where // config.bins == index
            made = torch.from_numpy(tokens[rows, :, : config.dims[name]])
            values[0, :, torch.from_numpy(where[rows] % config.bins)] = made.transpose(0, 1)
            found[name] = values
        return found
