"""Text encoder: a spoken phrase in, a 64-d token for the fusion and seven probabilities out.

A bag of byte-pair embeddings beside convolutions over 2, 3 and 4 neighbours with max pooling (Kim,
2014) and a hashed bag of neighbouring pairs and triples (Joulin et al., 2017), squeezed into one
vector from which a linear head reads the emotions. Data sets that call different things by the same
name share the vector and have a head each; the first head is the one that is used. English only: it
was trained on English comments and conversations.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from .checkpoint import SHIPPED, load, restore
from .errors import CheckpointError
from .features import Float32
from .labels import EMOTIONS
from .text_tokens import PAD, load_tokenizer, pad_rows, token_ids

KIND: Final = "text"

_FACTORS: Final = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
"""Odd 32-bit constants; with ids below 2**20 no product leaves 64 bits."""


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Shape of the network; stored in the manifest.

    Attributes:
        tokenizer_sha256: of `tokenizer.json` beside the weights.
        vocabulary: number of tokens.
        width: length of a token's embedding.
        channels: of each convolution.
        kernels: tokens that each convolution sees.
        dim: length of the phrase vector.
        max_tokens: longest phrase, in tokens.
        max_chars: longest phrase, in characters.
        thresholds: per class, the probability from which a multi-label decision says yes.
        buckets: of the hashed pairs and triples; 0 has none.
        bucket_width: length of a bucket's embedding.
        domains: names of further heads, each for the wording and class frequencies of a data set.
    """

    tokenizer_sha256: str = ""
    vocabulary: int = 8000
    width: int = 144
    channels: int = 128
    kernels: tuple[int, ...] = (2, 3, 4)
    dim: int = 64
    max_tokens: int = 64
    max_chars: int = 1000
    thresholds: tuple[float, ...] = (0.3,) * len(EMOTIONS)
    buckets: int = 0
    bucket_width: int = 24
    domains: tuple[str, ...] = ()

    @classmethod
    def from_manifest(cls, config: Any, folder: Path) -> Self:
        """Read the `config` of a manifest.

        Raises:
            CheckpointError: a field is unknown, missing or of the wrong kind.
        """
        try:
            fields = dict(config)
            fields["domains"] = tuple(fields.get("domains", ()))
            for name in ("kernels", "thresholds"):
                fields[name] = tuple(fields[name])
            return cls(**fields)
        except (KeyError, TypeError) as exc:
            raise CheckpointError(f"{folder}: config does not fit a text encoder: {exc}") from exc


class HashedPairs(nn.Module):
    """Mean embedding of a phrase's neighbouring pairs and triples, each hashed into a bucket."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.buckets = config.buckets
        self.embedding = nn.Embedding(config.buckets, config.bucket_width)

    def forward(self, ids: Tensor, present: Tensor) -> Tensor:
        """Token ids (B, L) int64 and which of them count (B, L) bool to (B, bucket_width)."""
        two = ids[:, :-1] * _FACTORS[0] + ids[:, 1:] * _FACTORS[1]
        both = present[:, :-1] & present[:, 1:]
        three = two[:, :-1] + ids[:, 2:] * _FACTORS[2]
        all_three = both[:, :-1] & present[:, 2:]
        # The factor's high bits decide: the low ones of a sum of products hardly mix.
        hashed = (torch.cat([two, three], 1) >> 11) % self.buckets
        mask = torch.cat([both, all_three], 1).unsqueeze(-1).float()
        total: Tensor = (self.embedding(hashed) * mask).sum(1)
        return total / mask.sum(1).clamp(min=1.0)


class TextNet(nn.Module):
    """Token ids (B, L) to a phrase vector (B, dim) and class scores (B, 7)."""

    def __init__(
        self, config: TextConfig, dropout: float = 0.0, token_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.token_dropout = token_dropout
        self.embedding = nn.Embedding(config.vocabulary, config.width, padding_idx=PAD)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.width, config.channels, kernel, padding=kernel - 1, bias=False)
            for kernel in config.kernels
        )
        pooled = config.width + config.channels * len(config.kernels)
        self.pairs = HashedPairs(config) if config.buckets else None
        if self.pairs is not None:
            pooled += config.bucket_width
        self.dropout = nn.Dropout(dropout)
        self.squeeze = nn.Sequential(nn.Linear(pooled, config.dim), nn.LayerNorm(config.dim))
        self.head = nn.Linear(config.dim, len(EMOTIONS))
        self.domain_heads = nn.ModuleDict(
            {name: nn.Linear(config.dim, len(EMOTIONS)) for name in config.domains}
        )

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a padded batch.

        Args:
            ids: (B, L) int64, `PAD` after the end.

        Returns:
            vectors (B, dim) and logits (B, 7), float32.
        """
        vector = self.vectors(ids)
        return vector, self.head(vector)

    def all_logits(self, ids: Tensor) -> Tensor:
        """Logits (B, 1 + domains, 7) of every head, the shared one first."""
        vector = self.vectors(ids)
        heads = [self.head, *self.domain_heads.values()]
        return torch.stack([head(vector) for head in heads], 1)

    def vectors(self, ids: Tensor) -> Tensor:
        """Phrase vectors (B, dim) of a padded batch (B, L) int64."""
        present = ids != PAD
        if self.training and self.token_dropout > 0.0:
            present = present & (torch.rand(ids.shape, device=ids.device) >= self.token_dropout)
        mask = present.unsqueeze(-1).float()
        tokens = self.dropout(self.embedding(ids)) * mask
        mean = tokens.sum(1) / mask.sum(1).clamp(min=1.0)
        series = tokens.transpose(1, 2)
        # Without a bias padding gives exactly 0, which ReLU makes the floor of every maximum
        # anyway: a phrase reads the same alone and in a batch of longer ones.
        peaks = [torch.relu(conv(series)).amax(2) for conv in self.convolutions]
        if self.pairs is not None:
            peaks.append(self.pairs(ids, present))
        vector: Tensor = self.squeeze(self.dropout(torch.cat([mean, *peaks], 1)))
        return vector


class TextEncoder:
    """Turns phrases into vectors and probabilities; loads once, keeps no state between calls."""

    def __init__(self, net: TextNet, tokenizer: Tokenizer, config: TextConfig) -> None:
        self._net = net.eval()
        self._tokenizer = tokenizer
        self.config = config

    @classmethod
    def load(cls, folder: Path = SHIPPED / "text") -> Self:
        """Read weights and tokenizer.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit the others.
        """
        tensors, manifest = load(folder, KIND)
        config = TextConfig.from_manifest(manifest.config, folder)
        tokenizer = load_tokenizer(folder, config.tokenizer_sha256)
        if tokenizer.get_vocab_size() != config.vocabulary:
            raise CheckpointError(
                f"{folder}: tokenizer has {tokenizer.get_vocab_size()} tokens, "
                f"the config says {config.vocabulary}"
            )
        net = TextNet(config)
        restore(net, tensors, folder)
        return cls(net, tokenizer, config)

    @property
    def dim(self) -> int:
        """Length of a phrase vector."""
        return self.config.dim

    def encode(self, text: str) -> Float32:
        """Vector of one phrase, (dim,) float32; zeros where nothing was said."""
        vector: Float32 = self.encode_batch([text])[0]
        return vector

    def probabilities(self, text: str) -> Float32:
        """Emotions of one phrase, (7,) float32 summing to 1; uniform where nothing was said."""
        row: Float32 = self.probabilities_batch([text])[0]
        return row

    def encode_batch(self, texts: Sequence[str]) -> Float32:
        """Vectors of N phrases, (N, dim) float32."""
        return self._run(texts)[0]

    def probabilities_batch(self, texts: Sequence[str]) -> Float32:
        """Emotions of N phrases, (N, 7) float32, rows summing to 1."""
        return self._run(texts)[1]

    def _run(self, texts: Sequence[str]) -> tuple[Float32, Float32]:
        if not texts:
            empty = np.zeros((0, self.dim), dtype=np.float32)
            return empty, np.zeros((0, len(EMOTIONS)), dtype=np.float32)
        rows = token_ids(
            self._tokenizer,
            texts,
            max_tokens=self.config.max_tokens,
            max_chars=self.config.max_chars,
        )
        with torch.inference_mode():
            vectors, logits = self._net(torch.from_numpy(pad_rows(rows)))
            said = torch.tensor([len(row) > 2 for row in rows]).unsqueeze(1)
            vectors = vectors * said
            probabilities = (logits * said).softmax(1)
        return vectors.numpy(), probabilities.numpy()


def as_manifest_config(config: TextConfig) -> dict[str, Any]:
    """The config as plain JSON values, the inverse of `TextConfig.from_manifest`."""
    return dataclasses.asdict(config)
